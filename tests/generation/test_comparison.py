"""Samples beside all held-out tunes: what is counted for which model, and the picture of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.generation.test_generation import EVENTS, MELODY, request
from tests.tiny import settings
from tests.tokens.token_tables import TUNE, piece, random_piece, write_corpus
from tonerow.abc_notation.reading import read_tune
from tonerow.generation import generate
from tonerow.generation.comparison import added, compare, histogram_rows, metres, table
from tonerow.generation.descriptors import RUNS, Known
from tonerow.generation.lines import HeldOut, Metre, lines_in
from tonerow.generation.picture import draw
from tonerow.generation.samples import Start
from tonerow.tokens import corpus

SIDES = {"a": "train", "b": "test", "c": "val", "d": "test", "e": "test", "f": "test"}
LATE = 0.75
"""Quarter notes before the first note of a held-out tune."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tunes in eighths of two pitches a bar, with metres; interim/ and tokens/."""
    place = tmp_path_factory.mktemp("corpus")
    onset = LATE + np.arange(32) / 2
    pitch = 60 + np.arange(32) // 8 % 2
    pieces = {name: piece(name, onset, np.full(32, 0.5), pitch=pitch) for name in SIDES}
    pieces["a"] = random_piece("a")
    interim, splits = write_corpus(place, pieces, SIDES, dict.fromkeys(SIDES, TUNE))
    known = pq.read_table(interim / "pieces.parquet").to_pylist()
    known = [{**row, "time_signature": "4/4", "downbeat_beat": LATE} for row in known]
    schema = pq.read_schema(interim / "pieces.parquet")
    pq.write_table(pa.Table.from_pylist(known, schema), interim / "pieces.parquet")
    corpus.tokenize(interim, splits, place / "tokens", settings().tokenize)
    return place


@pytest.mark.parametrize("model", [MELODY[0], *EVENTS])
def test_what_is_only_rhythm_is_left_out_where_it_is_given(folder: Path, model: str) -> None:
    asked = request(folder / "tokens", model)
    found = compare(asked, generate(asked))
    kinds = ["pitch_classes", "intervals", *(["durations"] if model in EVENTS else [])]
    assert list(found.shares) == kinds
    assert set(found.alike) == {f"{kind}_{name}" for kind in kinds for name in ("overlap", "kl")}
    of_bars = {"repeated_bars"} | ({"kept_bars"} if model in EVENTS else set())
    assert {name for name in found.descriptors if "bars" in name} == of_bars
    assert found.tunes == 4


def test_the_tunes_themselves_are_alike(folder: Path) -> None:
    asked = request(folder / "tokens", MELODY[0], samples=4, max_notes=32)
    samples = generate(asked)
    same = replace(samples, notes=samples.sources)
    found = compare(asked, same)
    assert found.alike["intervals_overlap"]["samples"] == 1
    assert found.alike["pitch_classes_kl"]["samples"] == 0
    assert found.descriptors["repeated_bars"]["human"] == 0.5  # of four bars, two are new
    assert found.descriptors["repeated_bars"]["samples"] == 0.5
    assert found.shares["intervals"]["human"] == found.shares["intervals"]["samples"]


def test_all_held_out_tunes_are_the_human_side(folder: Path) -> None:
    asked = request(folder / "tokens", MELODY[0], samples=1, max_notes=32)
    found = compare(asked, generate(asked))
    lines = [line.pitch for line in HeldOut(asked).lines()]
    assert len(lines) == 4
    assert found.descriptors["range"]["human"] == np.mean([np.ptp(line) for line in lines])
    known = Known(folder / "tokens", "melody")
    assert found.copied["longest_run"]["human"] == np.mean(known.longest(lines))


def test_held_out_tunes_are_cut_as_samples_are(folder: Path) -> None:
    for model, notes in ((MELODY[0], 25), (EVENTS[0], 20)):  # an opening of 5 is given
        asked = request(folder / "tokens", model)
        held_out = HeldOut(asked)
        own = lines_in(generate(asked).sources, held_out.melody, {})
        assert {len(line.pitch) for line in held_out.lines()} == {notes}
        assert {len(line.pitch) for line in own.values()} == {notes}


def test_held_out_tunes_have_the_bars_that_samples_have(folder: Path) -> None:
    for model, notes in ((MELODY[0], 16), (EVENTS[0], 11)):  # two bars of eighths
        held_out = HeldOut(request(folder / "tokens", model, bars=2))
        assert {len(line.pitch) for line in held_out.lines()} == {notes}


def test_a_metre_begins_with_the_time_axis(folder: Path) -> None:
    held_out = HeldOut(request(folder / "tokens"))
    assert held_out.metre("b", from_first_note=False) == Metre(4.0, LATE)
    assert held_out.metre("b", from_first_note=True) == Metre(4.0, 0.0)
    assert held_out.metre("not held out", from_first_note=True) is None


@pytest.mark.parametrize("model", [MELODY[0], EVENTS[0]])
def test_what_is_given_has_a_metre_of_its_own(folder: Path, model: str) -> None:
    score = read_tune("X:1\nM:3/4\nL:1/4\nK:C\nzz|zCD|EFG|A3|\n")  # first note: beat 3; bar: 2, 5
    asked = replace(request(folder / "tokens", model, primer=2), start=Start("own", score))
    found = metres(asked, generate(asked), HeldOut(asked))
    assert found == {0: Metre(3.0, -1.0), 1: Metre(3.0, -1.0)}


def test_written_bars_are_counted_where_there_are_any(folder: Path) -> None:
    asked = request(folder / "tokens", "lstm_char small")
    samples = generate(asked)
    text = "X:1\nM:4/4\nL:1/4\nK:C\nC|CDE|GABc|c|\n"
    changed = replace(samples, texts={"a": text, "b": "X:1\nno tune"})
    found = compare(asked, changed).descriptors["full_bars"]
    assert found["samples"] == 0.5
    human = replace(changed, source_texts={"c": text.replace("CDE|", "CDEF|")})
    assert compare(asked, human).descriptors["full_bars"] == found  # they are no samples
    assert "human" not in found  # the tunes of two bars have none between the first and the last


def test_all_that_was_counted_is_in_the_tables(folder: Path) -> None:
    asked = request(folder / "tokens", EVENTS[0])
    samples = generate(asked)
    found = compare(asked, samples)
    metrics = added(samples.metrics, found)
    rows = {(row["descriptor"], row["who"]): row for row in table(metrics)}
    names = {name for name, _ in rows}
    assert {"range", "kept_bars", "durations_kl", f"in_runs_of_{RUNS[0]}", "longest_run"} <= names
    assert set(rows) == {(name, who) for name in names for who in ("samples", "human")}
    of = metrics["alike"]["intervals_kl"]
    ends = [of["human"], of["human_low"], of["human_high"]]
    assert [rows["intervals_kl", "human"][key] for key in ("value", "low", "high")] == ends
    histograms = histogram_rows(found)
    for kind in found.shares:
        for who in ("samples", "human"):
            own = [row for row in histograms if (row["descriptor"], row["who"]) == (kind, who)]
            assert sum(row["share"] for row in own) == pytest.approx(1)
            assert all(row["low"] <= row["share"] <= row["high"] for row in own)


@pytest.mark.parametrize("model", [MELODY[0], EVENTS[0]])
def test_a_picture_is_drawn_and_depends_on_the_numbers_alone(
    folder: Path, tmp_path: Path, model: str
) -> None:
    pictures: list[bytes] = []
    asked = (request(folder / "tokens", model, seed=seed) for seed in (1, 2))
    first, other = (compare(of, generate(of)) for of in asked)
    for found in (first, first, other):
        path = draw(tmp_path / "new" / f"{len(pictures)}.png", found)
        assert matplotlib.image.imread(path).shape[2] == 4
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_no_samples_leave_the_human_side(folder: Path, tmp_path: Path) -> None:
    asked = request(folder / "tokens", MELODY[0])
    samples = generate(asked)
    none = replace(samples, notes=samples.notes.head(0))
    found = compare(asked, none)
    assert all(set(sides) == {"human"} for sides in found.shares.values())
    assert found.alike == {}
    assert draw(tmp_path / "a.png", found).stat().st_size > 0
