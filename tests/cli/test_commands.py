"""`tonerow` in a folder that holds nothing but a model and a tune."""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import webbrowser
from concurrent.futures import Future
from pathlib import Path

import pretty_midi
import pytest
import torch

from tests import shipped
from tests.cli.terminals import terminal_with
from tests.listening.pages import code
from tests.tiny import SHIPPED, melodies, model_of, settings
from tests.tokens.token_tables import TUNE, fitted, random_piece
from tonerow.abc_notation.fields import parse_key
from tonerow.cli import DEFAULTS, MODES, main
from tonerow.listening.sound import Sounds
from tonerow.model_files import Saved, load_model, save_model
from tonerow.models import find
from tonerow.views import vocabularies
from tonerow.windows import whole_pieces

ABC = "X:1\nT:one\nL:1/8\nK:D\nA2|d2f2 afdA|\n\nX:2\nT:two\nL:1/8\nK:C\nC2 z2 E|\n"
RHYTHM_READERS = [f"{model} small" for model in SHIPPED.models if find(model).view == "melody"]


def model_file(folder: Path, name: str, text: str = TUNE) -> Path:
    """Writes an untrained model that has read this text."""
    chosen, tokenizer = settings(name), fitted(random_piece("a"), text=text)
    about = Saved(
        chosen.model,
        chosen.size,
        chosen.selected.model_dump(exclude={"training"}),
        tokenizer.to_json(),
        "folk",
        {"epoch": 3, "val_nll": 0.644383},
    )
    save_model(folder / "model.pt", model_of(chosen, vocabularies(tokenizer)), about)
    return folder / "model.pt"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    model_file(tmp_path, "lstm_local small")
    (tmp_path / "tune.abc").write_text(ABC, encoding="utf-8")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"format": 3}))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.pt")
    return tmp_path


def rhythm(file: Path) -> list[tuple[float, float]]:
    (part,) = pretty_midi.PrettyMIDI(str(file)).instruments
    return [(note.start, note.end) for note in part.notes]


def pitches(file: Path) -> list[int]:
    (part,) = pretty_midi.PrettyMIDI(str(file)).instruments
    return [note.pitch for note in part.notes]


DRAWING = {"--seed": "3", "--temperature": "1.1", "--top-k": "9", "--top-p": "0.9"}
DRAWING |= {"--min-p": "0.01", "--repeat-decay": "0.5"}
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
        "listen.html",
        *["sample-00.mid", "sample-00.mp3", "sample-01.mid", "sample-01.mp3"],
        *["source.mid", "source.mp3"],
    ]
    assert pitches(music / "source.mid") == [69, 74, 78, 81, 78, 74, 69]
    assert rhythm(music / "sample-00.mid") == rhythm(music / "source.mid")
    assert pitches(music / "sample-00.mid") != pitches(music / "sample-01.mid")


@pytest.mark.parametrize("more", [[], ["--bars", "1", "--tempo", "90", "--instrument", "40"]])
def test_the_own_tune_is_rendered_while_samples_are_drawn(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    begun, begin = [], Sounds.begin

    def noted(sounds: Sounds, midi: bytes) -> Future[bytes]:
        begun.append(midi)
        return begin(sounds, midi)

    monkeypatch.setattr(Sounds, "begin", noted)
    main([*BASE, "tune.abc", "--samples", "1", *more])
    assert begun[0] == (folder / "music/sample-00-source.mid").read_bytes()


def test_midi_is_read_as_well_and_gives_the_same(folder: Path) -> None:
    main([*BASE, "tune.abc", "--samples", "2"])
    source, sample = (folder / f"music/{name}.mid" for name in ("source", "sample-00"))
    main([*BASE[:4], "again", "--samples", "2", "--rhythm", str(source)])
    assert pitches(folder / "again/sample-00.mid") == pitches(sample)


def test_a_seed_is_repeatable_and_another_is_other_music(folder: Path) -> None:
    for out, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        main([*BASE[:4], out, "--rhythm", "tune.abc", "--seed", seed])
    first, again, other = ((folder / f"{out}/sample-00.mid").read_bytes() for out in "abc")
    assert first == again != other


def test_music_does_not_depend_on_how_many_cores_there_are(folder: Path) -> None:
    torch.set_num_threads(2)
    main([*BASE, "tune.abc", "--samples", "1"])
    assert torch.get_num_threads() == 1
    assert rhythm(folder / "music/sample-00.mid")


def test_a_tune_is_chosen_cut_and_played_at_a_tempo(folder: Path) -> None:
    main([*BASE, "tune.abc", "--tune", "2", "--notes", "1", "--tempo", "60", "--samples", "1"])
    ((start, end),) = rhythm(folder / "music/sample-00.mid")
    assert (start, end) == pytest.approx((0, 1))


def test_it_runs_as_a_program_without_params_yaml(folder: Path) -> None:
    program = str(Path(sys.executable).with_name("tonerow"))  # as pip installs it
    command = [program, *BASE, "tune.abc", "--samples", "1"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert "1 samples of 7 notes in all in music" in done.stdout


def test_help_names_the_defaults_and_loads_no_torch() -> None:
    code = (
        "import sys, tonerow.cli as cli\n"
        "try: cli.main(['generate', '--help'])\n"
        "finally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "--rhythm FILE" in done.stdout
    for name, value in DEFAULTS.items():
        text = done.stdout.split(f"  --{name.replace('_', '-')} ")[1].split("  --")[0]
        assert f"({value})" in text


def test_defaults_are_those_of_the_shipped_file() -> None:
    assert {key: shipped.tree()["generate"][key] for key in DEFAULTS} == DEFAULTS


def test_a_sample_is_the_same_however_many_are_drawn(folder: Path) -> None:
    for samples in ("2", "3"):
        main([*BASE[:4], samples, "--rhythm", "tune.abc", "--samples", samples])
    for name in ("sample-00.mid", "sample-01.mid"):
        assert (folder / "2" / name).read_bytes() == (folder / "3" / name).read_bytes()


def test_info_says_what_a_model_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["info", "model.pt"])
    said = capsys.readouterr().out
    assert re.match(r"lstm_local, size small: [\d,]+ numbers\n", said)
    assert "trained on 1 pieces of folk, " in said
    assert "epoch: 3, val_nll: 0.644383" in said
    assert (
        "sees the notes before, and the rhythm of the whole line; predicts pitch (of 128)" in said
    )


def test_info_tells_what_a_model_has_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = model_file(folder, "lstm_local few")
    model, about = load_model(path, torch.device("cpu"))
    model.prepare(lambda: whole_pieces(melodies([12])))
    save_model(path, model, about)
    main(["info", "model.pt"])
    said = capsys.readouterr().out
    assert re.match(r"lstm_local, size few: [\d,]+ numbers, and [\d,]+ counts of what", said)


@pytest.mark.parametrize("model", ["lstm_window", "lstm_char"])
def test_info_names_what_each_kind_of_model_starts_from(
    folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file(folder, f"{model} small")
    main(["info", "model.pt"])
    said = capsys.readouterr().out
    assert said.startswith(f"{model}, size small: ")
    assert f"generates from {STARTS[find(model).view][0][0]}\n" in said


def test_info_of_what_is_no_model_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "pickle.pt is no model of tonerow's" in refused(["info", "pickle.pt"], capsys)


@pytest.mark.parametrize("start", ["--rhythm", "--primer"])
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
    start: str,
    file: str,
    content: bytes | None,
    says: str,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
) -> None:
    if content is not None:
        Path(file).write_bytes(content)
    if start == "--primer":
        model_file(folder, "rnn_heads small")
    assert says in refused([*BASE[:-1], start, file], capsys)


@pytest.mark.parametrize("start", ["--rhythm", "--primer"])
@pytest.mark.parametrize("drums", [0, 1])
def test_without_a_pitch_there_is_no_music(
    folder: Path, start: str, drums: int, capsys: pytest.CaptureFixture[str]
) -> None:
    midi = pretty_midi.PrettyMIDI()
    part = pretty_midi.Instrument(0, is_drum=True)
    part.notes += [pretty_midi.Note(80, 38, 0, 1)] * drums
    midi.instruments.append(part)
    midi.write(str(folder / "drums.mid"))
    if start == "--primer":
        model_file(folder, "rnn_heads small")
    said = refused([*BASE[:-1], start, "drums.mid"], capsys)
    assert "drums.mid has no note with a pitch" in said or "drums.mid cannot be read" in said


def test_a_file_is_no_folder_to_write_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main([*BASE[:3], "--out", "tune.abc", "--rhythm", "tune.abc"])
    assert error.value.code == 2
    assert "tune.abc" in capsys.readouterr().err
    assert (folder / "tune.abc").read_text() == ABC


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--notes", "0"], "--notes is 0: "),
        (["--samples", "-1"], "--samples is -1: "),
        (["--top-p", "3"], "--top-p is 3.0: "),
        (["--tempo", "1"], "--tempo is 1.0: "),
        (["--hints", "60 la"], "--hints is '60 la'"),
        (["--hints", "128"], "--hints is 128: "),
        (["--range", "60"], "--range '60'"),
        (["--range", "60-128"], "--range is 128: "),
        (["--range", "60-50"], "lowest is 60, above highest, which is 50"),
        (["--bars", "0"], "--bars is 0: "),
        (["--bars", "2.5"], "argument --bars: invalid int value: '2.5'"),
        (["--seconds", "-1"], "--seconds is -1.0: "),
        (["--seconds", "nan"], "--seconds is nan: "),
        (["--bars", "2", "--seconds", "3"], "argument --seconds: not allowed with argument --bars"),
        (["--notes", "2", "--bars", "2"], "argument --bars: not allowed with argument --notes"),
        (["--beam", "0"], "--beam is 0; a search follows 1 beginning or more"),
        (["--beam", "2", "--samples", "3"], "--samples is 3, but --beam 2 finds no more than 2"),
        (["--beam", "2", "--samples", "0"], "--samples is 0: "),
        (
            ["--beam", "9", "--samples", "5", "--range", "60-61", "--notes", "2"],
            "samples is 5, but the range and the hints leave only 4 possible",
        ),
        (["--key", "H"], "--key is 'H'; it should be a tonic like D, F# or Bb"),
        (["--key", "G#"], "--key is G# major, which takes over 7 accidentals"),
        (["--key", "D", "--mode", "la"], "argument --mode: invalid choice: 'la'"),
        (["--mode", "minor"], "--mode is minor, but there is no --key that it is the mode of"),
        *(
            (["--beam", "2", option, value], f"{option} is {value}, but --beam draws nothing")
            for option, value in DRAWING.items()
        ),
        (["--tune", "3"], "tune.abc has 2 tunes; there is no number 3"),
        (["--tune", "0"], "tune.abc has 2 tunes; there is no number 0"),
        (["--primer-notes", "3"], "--primer-notes is 3, but there is no --primer"),
        (["--model", "none.pt"], "there is no model none.pt"),
        (["--model", "tune.abc"], "tune.abc is no model of tonerow's"),
        (["--model", "pickle.pt"], "pickle.pt is no model of tonerow's"),
        (["--model", "weights.pt"], "weights.pt has format None, not 4"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("folder")
def test_an_option_that_makes_no_sense_is_refused(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in refused([*BASE, "tune.abc", *options], capsys)


def parts(options: dict[str, str]) -> list[str]:
    return [part for pair in options.items() for part in pair]


BASICS = ["--samples", "2", "--tempo", "90"]
OPTIONS = [*BASICS, *parts({key: value for key, value in DRAWING.items() if "decay" not in key})]
WITH_NOTES = ["--notes", "9", "--repeat-decay", "0.5"]
OWN = {
    "--rhythm": [*WITH_NOTES, "--tune", "1"],
    "--tap": WITH_NOTES,
    "--primer": [*WITH_NOTES, "--primer-notes", "3", "--tune", "1"],
    "--header": ["--characters", "30"],
}
"""Options that make sense beside what is started from."""


STARTS = {
    "melody": [["--rhythm", "tune.abc"], ["--tap", "0 .5, .5 1"]],
    "events": [["--primer", "tune.abc"]],
    "chars": [["--header", "K:G"]],
}
FOR_SOME = {"--hints": "60 62", "--range": "50-70", "--instrument": "73"}
FOR_SOME |= {"--bars": "2", "--seconds": "3.0", "--beam": "2", "--key": "D"}
FOR_SOME |= {"--metre": "4/4"}
FOR_SOME |= {"--notes": "9", "--characters": "30", "--repeat-decay": "0.5"}
FOR_SOME |= {"--primer-notes": "3", "--tune": "1"}
TAKEN = {
    "melody": [
        ["--hints", "--range", "--instrument", "--bars"],
        *(["--seconds", "--beam", "--tune"], ["--notes", "--repeat-decay"]),
    ],
    "events": [
        *(["--primer-notes", "--range", "--bars"], ["--primer-notes", "--seconds", "--tune"]),
        ["--primer-notes", "--notes", "--repeat-decay"],
    ],
    "chars": [["--bars", "--characters", "--metre"]],
}
every_model = pytest.mark.parametrize("name", [f"{model} small" for model in SHIPPED.models])


@every_model
def test_every_model_takes_its_own_start_and_refuses_the_others_by_name(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file(folder, name)
    for view, starts in STARTS.items():
        for start in starts:
            asked = ["generate", "--model", "model.pt", *start, *OPTIONS, *OWN[start[0]], "--out"]
            if view == find(name.split(maxsplit=1)[0]).view:
                main([*asked, start[0][2:]])
                assert Path(start[0][2:], "listen.html").stat().st_size > 0
            else:
                assert f"not from {start[0]}" in refused([*asked, "music"], capsys)


@every_model
def test_what_is_for_some_models_is_taken_or_refused_with_a_reason(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file(folder, name)
    view = find(name.split(maxsplit=1)[0]).view
    asked = ["generate", "--model", "model.pt", *STARTS[view][0], *BASICS, "--out"]
    for together in TAKEN[view]:
        main([*asked, "taken", *(part for name in together for part in (name, FOR_SOME[name]))])
        if view != "chars" and "--notes" not in together:
            end = 2 * 4 * 60 / 90 if "--bars" in together else 3
            for file in ("sample-00", "sample-01", "source"):
                midi = pretty_midi.PrettyMIDI(str(folder / f"taken/{file}.mid"))
                assert midi.get_end_time() <= end + 1e-2
    for option in FOR_SOME.keys() - {name for together in TAKEN[view] for name in together}:
        if (view, option) != ("chars", "--key"):  # taken with another --header: see below
            said = refused([*asked, "music", option, FOR_SOME[option]], capsys)
            assert f"{option} is {FOR_SOME[option]}, but " in said
            assert "It takes --" in said or option in ("--tune", "--primer-notes")


@pytest.mark.parametrize("start", [["--tap", "0 1"], ["--rhythm", "tune.mid"]], ids=str)
def test_a_tune_is_counted_in_abc_alone(
    folder: Path, start: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*BASE, "tune.abc", "--samples", "1", "--notes", "2"])
    (folder / "music/sample-00-source.mid").rename(folder / "tune.mid")
    shutil.rmtree(folder / "music")
    said = refused([*BASE[:-1], *start, "--tune", "1"], capsys)
    assert f"--tune is 1, but {start[0]} gives no file of ABC tunes" in said


def test_the_page_says_how_the_samples_came_about(folder: Path) -> None:
    asked = {"--seed": "0", "--hints": "60 62", "--range": "50-70", "--instrument": "73"}
    main([*BASE, "tune.abc", "--samples", "1", "--bars", "2", "--tempo", "90", *parts(asked)])
    page = (folder / "music/listen.html").read_text("utf-8")
    for label, value in {
        **{"corpus": "folk", "seed": "0", "hints": "[60, 62]", "lowest": "50", "highest": "70"},
        **{"instrument": "73", "bars": "2", "tempo bpm": "90.0", "temperature": "0.9"},
    }.items():
        assert f'["{label}", "{value}"]' in page
    for label in ("seconds", "beam", "primer", "max notes", "max characters", "top k"):
        assert f'["{label}", ' not in page


@pytest.mark.parametrize(
    ("mode", "line"),
    [([], "K:D"), *((["--mode", mode], f"K:D{suffix}") for mode, suffix in MODES.items())],
    ids=str,
)
def test_a_key_stands_in_the_header(folder: Path, mode: list[str], line: str) -> None:
    model_file(folder, "lstm_char small", TUNE + "D" + "".join(MODES.values()))
    start = ["generate", "--model", "model.pt", "--out", "music", "--samples", "1"]
    main([*start, "--header", "M:4/4", "--key", "d", *mode, "--characters", "5"])
    text = (folder / "music/sample-00.abc").read_text("utf-8")
    assert text.startswith(f"X:1\nT:Sample 1\nM:4/4\n{line}\n")
    assert parse_key(line[2:], 1).name is not None


def test_a_key_and_a_metre_are_header_enough(folder: Path) -> None:
    model_file(folder, "lstm_char small", TUNE + "M:6/8 K:D")
    start = ["generate", "--model", "model.pt", "--out", "music", "--samples", "1"]
    main([*start, "--header", "--key", "d", "--metre", "6/8", "--characters", "5"])
    text = (folder / "music/sample-00.abc").read_text("utf-8")
    assert text.startswith("X:1\nT:Sample 1\nM:6/8\nK:D\n")


def test_two_keys_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model_file(folder, "lstm_char small")
    start = ["generate", "--model", "model.pt", "--out", "music", "--key", "D", "--header"]
    assert "--header has K:G and --key is D" in refused([*start, "K:G M:4/4"], capsys)
    metres = [*start[:-2], "G", "--metre", "3/4", "--header", "M:4/4"]
    assert "--header has M:4/4 and --metre is 3/4" in refused(metres, capsys)
    assert "--header is 'la'; it should be fields" in refused([*start, "la"], capsys)


BARS = "X:1\nM:{}\nL:1/8\nQ:1/4=60\nK:C\nG|C6|D6|E6|F6|\n"


@pytest.mark.parametrize(
    ("metre", "asked", "seconds"),
    [
        ("6/8", ["--bars", "2"], 6.5),
        ("none", ["--bars", "2"], 8),
        ("6/8", ["--seconds", "5"], 5),
        ("6/8", ["--seconds", "5", "--tempo", "240"], 3.125),
        ("6/8", ["--bars", "99"], 12.5),
    ],
    ids=str,
)
def test_a_tune_is_cut_after_bars_or_seconds(
    folder: Path, metre: str, asked: list[str], seconds: float
) -> None:
    (folder / "bars.abc").write_text(BARS.format(metre), encoding="utf-8")
    main([*BASE, "bars.abc", "--samples", "1", *asked])
    for name in ("sample-00-source", "sample-00"):
        assert rhythm(folder / f"music/{name}.mid")[-1][1] == pytest.approx(seconds, abs=1e-2)


def test_a_melody_begins_its_bars_not_the_drums_before_it(folder: Path) -> None:
    midi = pretty_midi.PrettyMIDI(initial_tempo=60)
    drums, flute = pretty_midi.Instrument(0, is_drum=True), pretty_midi.Instrument(73)
    drums.notes += [pretty_midi.Note(80, 38, beat, beat + 0.5) for beat in range(16)]
    flute.notes += [pretty_midi.Note(80, 60, beat, beat + 1) for beat in range(8, 16)]
    midi.instruments += [drums, flute]
    midi.write(str(folder / "drums.mid"))
    main([*BASE, "drums.mid", "--samples", "1", "--bars", "1"])
    assert len(pitches(folder / "music/sample-00.mid")) == 4


def test_a_primer_that_fills_the_sample_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file(folder, "rnn_heads small")
    start = ["generate", "--model", "model.pt", "--out", "music", "--primer", "tune.abc"]
    said = refused([*start, "--primer-notes", "4", "--notes", "4"], capsys)
    assert "the primer's 4 notes leave no place for the model's own" in said


def test_what_is_too_long_ends_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tonerow.cli.options.LONGEST", 5)
    monkeypatch.setattr("tonerow.cli.commands.LONGEST", 5)
    main([*BASE, "tune.abc", "--samples", "3", "--bars", "9"])
    assert len(pitches(folder / "music/sample-00.mid")) == 5
    assert "3 end after 5 notes, the most that --bars and --seconds give" in capsys.readouterr().out


def test_the_best_lines_are_written_the_best_first(folder: Path) -> None:
    main([*BASE, "tune.abc", "--beam", "4"])
    assert not (folder / "music/sample-01.mid").exists()
    best = pitches(folder / "music/sample-00.mid")
    main([*BASE, "tune.abc", "--beam", "4", "--samples", "3"])
    found = [pitches(folder / f"music/sample-0{i}.mid") for i in range(3)]
    assert found[0] == best
    assert len({tuple(line) for line in found}) == 3
    page = (folder / "music/listen.html").read_text("utf-8")
    assert '["beam", "4"]' in page and '["temperature"' not in page


def test_a_piece_is_continued_from_its_first_notes(folder: Path) -> None:
    model_file(folder, "rnn_heads small")
    start = ["generate", "--model", "model.pt", "--out", "music", "--primer", "tune.abc"]
    main([*start, *OPTIONS, *OWN["--primer"]])
    sample, source = (pitches(folder / f"music/{name}.mid") for name in ("sample-00", "source"))
    assert len(sample) == 9
    assert sample[:3] == source[:3] == [69, 74, 78]


def test_what_is_tapped_in_a_terminal_is_heard(folder: Path, opened: list[str]) -> None:
    with (
        terminal_with(b"   \r") as terminal,
        open(terminal, closefd=False) as stdin,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", stdin)
        main(["tap", "--model", "model.pt", "--out", "music", "--samples", "1"])
    assert opened == [(folder / "music/listen.html").as_uri()]
    assert (folder / "music/sample-00.mp3").stat().st_size > 0
    assert 1 <= len(rhythm(folder / "music/sample-00.mid")) <= 3  # taps at one moment are one note


def test_a_tapped_rhythm_is_played(folder: Path) -> None:
    main([*BASE[:-1], "--tap", "0 .5, .5 1, 0 .25", "--samples", "1", "--tempo", "60"])
    times = [time for note in rhythm(folder / "music/sample-00.mid") for time in note]
    assert times == pytest.approx([0, 0.5, 1, 2, 2, 2.25])
    assert not list((folder / "music").glob("source*"))


@pytest.mark.parametrize("pairs", ["", "la", "0 .5, 1", "0 0", "-1 1", "0 nan", "0 .5 1, 0 1 1"])
@pytest.mark.usefixtures("folder")
def test_a_rhythm_that_is_none_is_refused(pairs: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused([*BASE[:-1], "--tap", pairs], capsys)
    assert "it should be pairs of beats, rest and sound" in said


def test_tapping_needs_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("  "))
    assert "tap needs a terminal" in refused(["tap", "--out", "music"], capsys)


def test_an_instrument_plays_the_melody(folder: Path) -> None:
    main([*BASE, "tune.abc", "--samples", "2", "--instrument", "73"])
    for name in ("sample-01", "source"):
        (part,) = pretty_midi.PrettyMIDI(str(folder / f"music/{name}.mid")).instruments
        assert part.program == 73


def test_a_header_begins_the_tune_with_its_key_last(folder: Path) -> None:
    model_file(folder, "lstm_char small")
    start = ["generate", "--model", "model.pt", "--out", "music", "--header", "K:G M:4/4"]
    main([*start, "--samples", "1", "--characters", "5"])
    text = (folder / "music/sample-00.abc").read_text("utf-8")
    assert text.startswith("X:1\nT:Sample 1\nM:4/4\nK:G\n")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("M:6/8", "fields of ABC with a key"),
        ("la", "fields of ABC with a key"),
        ("", "fields of ABC with a key"),
        ("la K:D", "fields of ABC with a key"),
        ("K:\u4e2d", "the model has never read \u4e2d"),
    ],
)
def test_a_header_that_is_none_is_refused(
    folder: Path, header: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file(folder, "lstm_char small")
    start = ["generate", "--model", "model.pt", "--out", "music", "--header", header]
    assert says in refused(start, capsys)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the browser is asked to open."""
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    return asked


def test_a_folder_of_samples_is_opened(folder: Path, opened: list[str]) -> None:
    main([*BASE, "tune.abc", "--samples", "1"])
    main(["play", "music"])
    assert opened == [(folder / "music/listen.html").as_uri()]


def test_a_folder_of_ones_own_music_is_rendered_and_opened(
    folder: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*BASE, "tune.abc", "--samples", "1"])
    own = folder / "own"
    own.mkdir()
    (folder / "music/sample-00-source.mid").rename(own / "b.mid")
    (own / "a.abc").write_text(ABC, encoding="utf-8")
    (own / "c.mid").write_bytes(b"la la")
    (own / "d.txt").write_bytes(b"la la")
    (own / "e.mid").symlink_to(own / "nowhere.mid")
    (own / "f.abc").mkdir()
    capsys.readouterr()
    main(["play", "own"])
    out, err = capsys.readouterr()
    assert err.startswith("left out: own/c.mid cannot be read: ")
    page = Path(out.strip())
    assert opened == [page.as_uri()]
    assert page.read_text("utf-8").count("data:audio/mpeg;base64,") == 2
    assert '"title": "own"' in page.read_text("utf-8")
    midi = [pretty_midi.PrettyMIDI(str(page.with_name(f"tune-0{i}.mid"))) for i in range(2)]
    assert [note.pitch for note in midi[0].instruments[0].notes] == pitches(own / "b.mid")
    assert [note.pitch for note in midi[1].instruments[0].notes] == pitches(own / "b.mid")


def test_a_folder_of_many_files_is_heard_in_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tonerow.cli.commands.MOST_HEARD", 2)
    for i in range(4):
        (folder / f"{i}.abc").write_text(ABC, encoding="utf-8")
    main(["play", ".", "--quiet"])
    out, err = capsys.readouterr()
    assert err.startswith("left out: 3 more files, after 2\n")
    assert Path(out.strip()).read_text("utf-8").count("data:audio/mpeg;base64,") == 2


@pytest.mark.parametrize("tune", ["1", "2"])
@pytest.mark.usefixtures("folder")
def test_a_file_is_rendered_and_opened(
    tune: str, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["play", "tune.abc", "--tune", tune, "--quiet"])
    page = Path(capsys.readouterr().out.strip())
    text = page.read_text("utf-8")
    assert "data:audio/mpeg;base64," in text
    assert ("one" if tune == "1" else "two") in text
    assert opened == []


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("empty", "empty has neither listen.html nor a MIDI or ABC file that can be read"),
        ("a.txt", "a.txt is no file of music"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_heard_is_refused(
    what: str, says: str, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    assert says in refused(["play", what], capsys)
    assert opened == []


def test_codes_of_listeners_are_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    codes = [code([["lstm_local", right, 8]], number) for number, right in enumerate((4, 7))]
    main(["listen-score", *codes])
    assert re.search(r"lstm_local +2 +11 +16 +0.688 ", capsys.readouterr().out)


def test_a_damaged_code_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is damaged" in refused(["listen-score", code([["a", 1, 2]])[:-1] + "z"], capsys)


def test_a_name_that_is_no_text_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = folder / os.fsdecode(b"odd\xff.abc")
    odd.write_text(ABC, encoding="utf-8")
    main([*BASE, str(odd), "--samples", "1"])
    main(["play", str(odd), "--quiet"])
    assert Path(capsys.readouterr().out.splitlines()[-1]).is_file()


def test_a_tempo_that_changes_is_heard(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tune = "X:1\nL:1/4\nQ:1/4=60\nK:C\nC2|[Q:1/4=30]C2|\n"
    (folder / "slower.abc").write_text(tune, encoding="utf-8")
    main(["play", "slower.abc", "--quiet"])
    page = Path(capsys.readouterr().out.strip())
    (part,) = pretty_midi.PrettyMIDI(str(page.with_name("tune-00.mid"))).instruments
    assert [note.end - note.start for note in part.notes] == pytest.approx([2, 4])


def test_what_was_written_before_goes(folder: Path) -> None:
    main([*BASE, "tune.abc", "--samples", "3"])
    (folder / "music/mine.mid").write_bytes(b"mine")
    main([*BASE[:-1], "--tap", "0 1, 0 1", "--samples", "1"])
    assert sorted(file.name for file in (folder / "music").iterdir()) == [
        *["listen.html", "mine.mid", "sample-00.mid", "sample-00.mp3"]
    ]
