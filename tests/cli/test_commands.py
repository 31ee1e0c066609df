"""`tonerow` in a folder that holds nothing but a model and a tune."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pretty_midi
import pytest

from tests import shipped
from tests.tiny import SHIPPED, model_of, settings
from tests.tokens.token_tables import TUNE, fitted, random_piece
from tonerow.cli import DEFAULTS, main
from tonerow.model_files import Saved, save_model

ABC = "X:1\nT:one\nL:1/8\nK:D\nA2|d2f2 afdA|\n\nX:2\nT:two\nL:1/8\nK:C\nC2 z2 E|\n"
RHYTHM_READERS = ["rnn_vanilla small", "lstm_local small", "lstm_full small"]


def model_file(folder: Path, name: str) -> Path:
    chosen = settings(name)
    about = Saved(
        chosen.model,
        chosen.size,
        chosen.selected.model_dump(exclude={"training"}),
        fitted(random_piece("a"), text=TUNE).to_json(),
    )
    save_model(folder / "model.pt", model_of(chosen), about)
    return folder / "model.pt"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    model_file(tmp_path, "lstm_local small")
    (tmp_path / "tune.abc").write_text(ABC, encoding="utf-8")
    return tmp_path


def rhythm(file: Path) -> list[tuple[float, float]]:
    (part,) = pretty_midi.PrettyMIDI(str(file)).instruments
    return [(note.start, note.end) for note in part.notes]


def pitches(file: Path) -> list[int]:
    (part,) = pretty_midi.PrettyMIDI(str(file)).instruments
    return [note.pitch for note in part.notes]


BASE = ["generate", "--model", "model.pt", "--out", "music", "--rhythm"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of these arguments; nothing may be written."""
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert not Path("music").exists()
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("name", RHYTHM_READERS)
def test_every_model_that_takes_a_rhythm_keeps_it(folder: Path, name: str) -> None:
    model_file(folder, name)
    main([*BASE, "tune.abc", "--samples", "2"])
    music = folder / "music"
    assert sorted(file.name for file in music.iterdir()) == [
        *["sample-00-source.mid", "sample-00.mid", "sample-01-source.mid", "sample-01.mid"],
        "samples.png",
    ]
    assert pitches(music / "sample-00-source.mid") == [69, 74, 78, 81, 78, 74, 69]
    assert rhythm(music / "sample-00.mid") == rhythm(music / "sample-00-source.mid")
    assert pitches(music / "sample-00.mid") != pitches(music / "sample-01.mid")


def test_midi_is_read_as_well_and_gives_the_same(folder: Path) -> None:
    main([*BASE, "tune.abc", "--samples", "1"])
    source, sample = (folder / f"music/sample-00{end}.mid" for end in ("-source", ""))
    main([*BASE[:4], "again", "--samples", "1", "--rhythm", str(source)])
    assert pitches(folder / "again/sample-00.mid") == pitches(sample)


def test_a_seed_is_repeatable_and_another_is_other_music(folder: Path) -> None:
    for out, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        main([*BASE[:4], out, "--rhythm", "tune.abc", "--seed", seed])
    first, again, other = ((folder / f"{out}/sample-00.mid").read_bytes() for out in "abc")
    assert first == again != other


def test_a_tune_is_chosen_cut_and_played_at_a_tempo(folder: Path) -> None:
    main([*BASE, "tune.abc", "--tune", "2", "--notes", "1", "--tempo", "60", "--samples", "1"])
    ((start, end),) = rhythm(folder / "music/sample-00.mid")
    assert (start, end) == pytest.approx((0, 1))


def test_it_runs_as_a_program_without_params_yaml(folder: Path) -> None:
    command = [sys.executable, "-m", "tonerow.cli", *BASE, "tune.abc", "--samples", "1"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert "1 samples of 7 notes in music" in done.stdout


def test_help_names_the_defaults_and_loads_no_torch() -> None:
    code = (
        "import sys, tonerow.cli as cli\n"
        "try: cli.main(['generate', '--help'])\n"
        "finally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "--rhythm FILE" in done.stdout
    assert all(f"({value})" in done.stdout for value in DEFAULTS.values())


def test_defaults_are_those_of_the_shipped_file() -> None:
    assert {key: shipped.tree()["generate"][key] for key in DEFAULTS} == DEFAULTS


def test_info_says_what_a_model_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["info", "model.pt"])
    said = capsys.readouterr().out
    assert re.match(r"lstm_local, size small: [\d,]+ numbers\n", said)
    assert "sees the notes before, and the rhythm of the whole line; predicts pitch" in said


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("a.txt", b"la la", "a.txt is no file of music by its name, which would end in .mid"),
        ("a.mid", b"la la", "a.mid cannot be read: "),
        ("a.abc", b"X:1\nK:C\nz4|\n", "a.abc"),
        ("a.abc", b"no tune", "a.abc"),
        ("missing.mid", None, "missing.mid"),
    ],
    ids=["text", "no MIDI", "rests", "no tune", "missing"],
)
@pytest.mark.usefixtures("folder")
def test_a_file_without_a_line_is_refused(
    file: str, content: bytes | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path(file).write_bytes(content)
    assert says in refused([*BASE, file], capsys)


def test_drums_have_no_melody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    midi = pretty_midi.PrettyMIDI()
    drums = pretty_midi.Instrument(0, is_drum=True)
    drums.notes.append(pretty_midi.Note(80, 38, 0, 1))
    midi.instruments.append(drums)
    midi.write(str(folder / "drums.mid"))
    assert "drums.mid has no melody" in refused([*BASE, "drums.mid"], capsys)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--notes", "0"], "--notes is 0: "),
        (["--samples", "-1"], "--samples is -1: "),
        (["--top-p", "3"], "--top-p is 3.0: "),
        (["--tempo", "1"], "--tempo is 1.0: "),
        (["--tune", "3"], "tune.abc has 2 tunes; there is no number 3"),
        (["--model", "none.pt"], "there is no model none.pt"),
        (["--model", "tune.abc"], "tune.abc is no model of tonerow's"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("folder")
def test_an_option_that_makes_no_sense_is_refused(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in refused([*BASE, "tune.abc", *options], capsys)


@pytest.mark.parametrize(
    "name", [f"{m} small" for m in SHIPPED.models if f"{m} small" not in RHYTHM_READERS]
)
def test_a_model_of_something_else_says_so(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file(folder, name)
    said = refused([*BASE, "tune.abc"], capsys)
    assert f"{name.split(maxsplit=1)[0]} writes" in said
