"""Slices know nothing of the piece around them, and every note is scored once."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import tiny
from tonerow.evaluation.counting import RIVALS
from tonerow.evaluation.lines import Lines
from tonerow.evaluation.ngram import Ngram
from tonerow.evaluation.scores import evaluate
from tonerow.evaluation.slices import (
    SliceNgram,
    Slices,
    SliceViewpointModel,
    ngrams,
    rivals,
)
from tonerow.evaluation.viewpoints import VIEWPOINTS, ViewpointModel
from tonerow.views import Pieces

Line = list[int]
MAX_ORDER = 4

lines = st.lists(st.lists(st.integers(60, 63), min_size=1, max_size=15), min_size=1, max_size=6)
trains = st.lists(st.lists(st.integers(60, 63), min_size=8, max_size=15), min_size=1, max_size=6)
sizes = st.integers(1, 6)


def lines_of(pieces: list[Line], duration: float = 1.0) -> Lines:
    first = np.cumsum([0, *(len(piece) for piece in pieces)])
    pitch = np.array([p for piece in pieces for p in piece], np.int64)
    return Lines(pitch, first, np.zeros(len(pitch)), np.full(len(pitch), duration))


def pieces_of(lines: Lines) -> Pieces:
    ids = [str(i) for i in range(lines.n_pieces)]
    return Pieces(ids, lines.first, {"pitch": torch.from_numpy(lines.pitch)})


def slices_of(pieces: list[Line], size: int) -> Slices:
    own = lines_of(pieces)
    return Slices.of(pieces_of(own), own, size)


def cut(slices: Slices) -> list[tuple[Line, list[bool]]]:
    """Pitches of each slice, and which of them count."""
    ends = slices.lines.first[1:-1]
    return [
        (pitch.tolist(), scored.tolist())
        for pitch, scored in zip(
            np.split(slices.lines.pitch, ends), np.split(slices.scored, ends), strict=True
        )
    ]


def test_a_slice_begins_with_the_note_before_and_the_last_is_as_long_as_the_others() -> None:
    assert cut(slices_of([[1, 2, 3, 4, 5, 6, 7, 8], [9, 10]], 3)) == [
        ([1, 2, 3], [True] * 3),
        ([3, 4, 5, 6], [False, True, True, True]),
        ([5, 6, 7, 8], [False, False, True, True]),
        ([9, 10], [True, True]),
    ]


@given(lines, sizes)
def test_every_note_counts_once_and_in_order(pieces: list[Line], size: int) -> None:
    slices = slices_of(pieces, size)
    assert slices.lines.pitch[slices.scored].tolist() == [p for piece in pieces for p in piece]
    assert np.diff(slices.lines.first).max() <= size + 1
    kept = slices.own({"nll": np.arange(len(slices.scored), dtype=float)})
    assert kept["nll"].tolist() == np.flatnonzero(slices.scored).tolist()


def test_a_slice_is_what_a_model_sees() -> None:
    chosen = tiny.settings("lstm_full small", evaluate__window=4, evaluate__stride=4)
    model, pieces = tiny.model_of(chosen), tiny.melodies([11], seed=3)
    nats = evaluate(model, pieces, chosen.evaluate).fields["pitch"]["nats"]
    slices = Slices.of(pieces, lines_of([pieces.notes["pitch"].tolist()]), 4)
    starts = np.cumsum([0, 4, 4, 3])
    for changed in range(11):
        pitch = pieces.notes["pitch"].clone()
        pitch[changed] = (pitch[changed] + 20) % 128
        other = Pieces(pieces.ids, pieces.first, {"pitch": pitch}, pieces.given)
        moved = evaluate(model, other, chosen.evaluate).fields["pitch"]["nats"] != nats
        sliced = Slices.of(other, lines_of([pitch.tolist()]), 4)
        differs = sliced.lines.pitch != slices.lines.pitch
        seen = np.logical_or.reduceat(differs, slices.lines.first[:-1])
        for i, (a, b) in enumerate(itertools.pairwise(starts)):
            assert moved[a:b].any() == seen[i], f"note {changed}, slice {i}"


def slow(train: list[Line], line: Line, at: int, order: int, weight: float) -> list[float]:
    """Witten-Bell with dictionaries, of contexts that lie in their piece."""
    p = [1 / 128] * 128
    for length in range(min(order, at + 1)):
        seen: dict[int, set[int]] = defaultdict(set)
        for number, piece in enumerate(train):
            for end in range(length, len(piece)):
                if piece[end - length : end] == line[at - length : at]:
                    seen[piece[end]].add(number)
        if seen:
            total, trust = sum(map(len, seen.values())), weight * len(seen)
            p = [(len(seen.get(k, ())) + trust * p[k]) / (total + trust) for k in range(128)]
    return p


@given(trains, lines, sizes)
@settings(max_examples=40)
def test_the_ngram_backs_off_where_a_slice_begins(
    train: list[Line], held_out: list[Line], size: int
) -> None:
    slices = slices_of(held_out, size)
    model = SliceNgram(lines_of(train), MAX_ORDER)
    *_, found = (p for *_, p in model.distributions(slices.lines.pitch, slices.lines.first, 2.0))
    expected = [
        slow(train, line, at, MAX_ORDER, 2.0) for line, _ in cut(slices) for at in range(len(line))
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_that_train_pieces_begin_alike_says_nothing_of_a_slice() -> None:
    train = [[60, 62, *[60, 64] * 20]] * 3  # 62 comes after the first 60 alone
    slices = slices_of([[64, 60] * 3], 2)
    asked = slices.lines.pitch, slices.lines.first
    known = lines_of(train)
    sliced = slices.own(SliceNgram(known, 3).scores(*asked, 1.0)[3])["nll"]
    plain = slices.own(Ngram(known.pitch, known.first, 3).scores(*asked, 1.0)[3])["nll"]
    assert sliced[2] < plain[2]
    np.testing.assert_allclose(sliced[2], sliced[4])


@pytest.mark.parametrize("name", sorted(set(VIEWPOINTS) - {"text_place"}))
def test_viewpoints_are_the_same_where_their_contexts_lie_in_the_piece(name: str) -> None:
    rng = np.random.default_rng(0)
    train = lines_of([rng.integers(60, 64, 40).tolist() for _ in range(5)])
    asked = lines_of([rng.integers(60, 64, 30).tolist() for _ in range(2)])
    viewpoint = VIEWPOINTS[name]
    cut, whole = SliceViewpointModel(viewpoint, train), ViewpointModel(viewpoint, train)
    longest = viewpoint.longest + viewpoint.interval
    inside = asked.at >= longest
    for own, other in zip(cut.seen(asked), whole.seen(asked), strict=True):
        assert (own.total[inside] <= other.total[inside]).all()
        assert (own.own[inside] <= other.own[inside]).all()
    begins = asked.at == 1 + viewpoint.interval  # one step is known, and no longer context
    longer = cut.seen(asked)[2 + bool(viewpoint.given) :]
    assert not any(of.total[begins].any() for of in longer)
    known = cut.seen(asked)[1 + bool(viewpoint.given)]
    assert known.total[begins].all()


SCALE = [60, 62, 64, 65, 67, 69, 71, 72]
TRAIN = lines_of([SCALE * 4] * 4)


def test_ngrams_are_chosen_and_scored_on_the_notes_that_count() -> None:
    test = slices_of([SCALE * 2, SCALE[3:]], 4)
    found = ngrams(TRAIN, slices_of([SCALE * 3], 4), test, [2, 3], 1)
    assert list(found) == ["ngram", "ngram_cache", "ngram_1"]
    assert found["ngram_1"].chosen["order"] == 1
    assert all(len(own.scores["test"]["nll"]) == 21 for own in found.values())
    assert found["ngram"].scores["test"]["accuracy"][1:16].all()
    assert (
        found["ngram"].scores["test"]["nll"].mean() < found["ngram_1"].scores["test"]["nll"].mean()
    )


def test_rivals_are_scored_on_the_notes_that_count() -> None:
    test = slices_of([SCALE * 2, SCALE[3:]], 4)
    found = rivals(TRAIN, slices_of([SCALE * 3], 4), test, RIVALS[2:3])
    assert list(found) == ["pitch_distance"]
    assert len(found["pitch_distance"]["nll"]) == 21
    assert found["pitch_distance"]["nll"][1:16].max() < np.log(2)
