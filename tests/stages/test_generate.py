"""The generate stage, from a file of the user's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from ruamel.yaml import YAML

from stages import generate as stage
from tests.tiny import model_of, settings
from tests.tokens.token_tables import random_piece, write_corpus
from tonerow.generation import GenerationError
from tonerow.midi.writing import write_midi
from tonerow.model_files import Saved, save_model
from tonerow.tokens import corpus
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import vocabularies

LEARNED = "X:1\nR:reel\nM:4/4\nL:1/8\nK:D\nA2|d2fd Adfd|G2BG|\n"
OWN = "X:1\nT:My own\nM:4/4\nL:1/8\nK:D\nA2|d2f2 afdA|d2f2 afdA|\n"
ONSETS = [0, 1, 2, 3, 3.5, 4, 4.5, 5, 6, 7, 7.5, 8, 8.5]
PITCHES = [69, 74, 78, 81, 78, 74, 69, 74, 78, 81, 78, 74, 69]
SIDES = {"a": "train", "b": "val", "c": "test", "d": "test"}
FEW: dict[str, Any] = {"generate__samples": 2, "generate__primer": 4, "generate__max_notes": 13}
FEW |= {"generate__max_characters": 30, "train__device": "cpu", "train__threads": 1}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with interim/ and tokens/ of four pieces."""
    place = tmp_path_factory.mktemp("corpus")
    pieces = {name: random_piece(name, seed=i) for i, name in enumerate(SIDES)}
    interim, splits = write_corpus(place, pieces, SIDES, dict.fromkeys(SIDES, LEARNED))
    corpus.tokenize(interim, splits, place / "tokens", settings().tokenize)
    return place


@pytest.fixture
def run(
    tmp_path: Path, learned: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], Path]]:
    """Runs the stage with an untrained model and what samples start from; the folder of samples."""
    tokens, out = learned / "tokens", tmp_path / "samples"
    tokenizer = (tokens / "tokenizer.json").read_text("utf-8")
    (tmp_path / "own.abc").write_text(OWN, encoding="utf-8")

    def made(model: str, source: str) -> Path:
        chosen = settings(model, generate__source=source, **FEW)
        with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(chosen.model_dump(), file)
        own = chosen.selected.model_dump(exclude={"training"})
        known = vocabularies(Tokenizer.from_json(tokenizer))
        about = Saved(chosen.model, chosen.size, own, tokenizer, chosen.corpus, {})
        save_model(tmp_path / "model.pt", model_of(chosen, known), about)
        reported = ["generate.json", "descriptors.csv", "histograms.csv"]
        arguments = [learned / "interim", tokens, tmp_path / "model.pt", out, *reported]
        monkeypatch.setattr(sys, "argv", ["generate", *map(str, arguments)])
        stage.main()
        return out

    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield made
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def tables(samples: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples and sources."""
    made, sources = (
        pq.read_table(samples / f"{name}.parquet").to_pandas() for name in ("samples", "sources")
    )
    return made, sources


def has_its_rhythm(folder: Path) -> None:
    samples, _ = tables(folder)
    for _, notes in samples.groupby("sample"):
        assert notes["onset_beat"].tolist() == ONSETS
        assert notes["pitch"].tolist() != PITCHES


def has_its_header(folder: Path) -> None:
    for name in ("sample-00.abc", "sample-01.abc"):
        assert "\nM:4/4\nL:1/8\nK:D\n" in (folder / name).read_text("utf-8")
    assert "A2|d2f2 afdA|" in (folder / "source.abc").read_text("utf-8")


def has_its_first_notes(folder: Path) -> None:
    samples, _ = tables(folder)
    for _, notes in samples.groupby("sample"):
        assert notes["pitch"].tolist()[:4] == PITCHES[:4]
        assert notes["is_given"].sum() == 4 < len(notes)


@pytest.mark.parametrize(
    ("model", "keeps"),
    [
        ("lstm_local small", has_its_rhythm),
        ("rnn_heads small", has_its_first_notes),
        ("lstm_fields small", has_its_first_notes),
        ("lstm_char small", has_its_header),
    ],
)
def test_all_samples_start_from_it(
    run: Callable[[str, str], Path], model: str, keeps: Callable[[Path], None]
) -> None:
    folder = run(model, "own.abc")
    keeps(folder)
    samples, sources = tables(folder)
    assert set(samples["source_piece_id"]) <= {"own.abc"}
    assert set(sources["source_piece_id"]) == {"own.abc"}
    assert sources["sample"].unique().tolist() == [0]
    assert sources["pitch"].tolist() == PITCHES
    assert (folder / "source.mp3").stat().st_size > 0
    assert "My own" in (folder / "listen.html").read_text("utf-8")
    metrics = json.loads(Path("generate.json").read_text("utf-8"))
    assert (metrics["samples"], metrics["held_out_tunes"]) == (2, 2)


def test_a_limit_holds_for_it_too(
    run: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEW, "generate__bars", 1)
    for notes in tables(run("lstm_local small", "own.abc")):
        assert notes.groupby("sample").size().unique().tolist() == [7]  # with the upbeat


def test_one_sample_has_a_source_of_its_own(
    run: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEW, "generate__samples", 1)
    folder = run("lstm_char small", "own.abc")
    assert sorted(file.name for file in folder.glob("*.abc")) == [
        "sample-00-source.abc",
        "sample-00.abc",
    ]


def test_a_header_of_unknown_characters_is_a_sentence(
    run: Callable[[str, str], Path], tmp_path: Path
) -> None:
    (tmp_path / "odd.abc").write_text(OWN.replace("K:D", "K:Ador"), encoding="utf-8")
    with pytest.raises(GenerationError, match=r"odd\.abc: the model has never read"):
        run("lstm_char small", "odd.abc")


def test_what_is_no_music_is_a_sentence(run: Callable[[str, str], Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("d e f", encoding="utf-8")
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    for source, says in (("notes.txt", "no file of music"), ("broken.mid", "cannot be read")):
        with pytest.raises(GenerationError, match=says):
            run("lstm_local small", source)


def test_a_model_of_text_needs_text(run: Callable[[str, str], Path], tmp_path: Path) -> None:
    write_midi(tmp_path / "own.mid", tables(run("lstm_local small", "own.abc"))[1], 120)
    with pytest.raises(GenerationError, match=r"own.mid is no ABC"):
        run("lstm_char small", "own.mid")


def test_a_search_for_more_than_it_finds_is_a_sentence(
    run: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEW, "generate__beam", 1)
    with pytest.raises(GenerationError, match="samples is 2, but a search of 1 beginnings"):
        run("lstm_local small", "own.abc")
