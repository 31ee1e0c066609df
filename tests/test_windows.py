"""Windows: every note where it should be, once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import shipped
from tonerow.models.base import START
from tonerow.params import Training
from tonerow.views import Pieces
from tonerow.windows import (
    batches,
    make_batch,
    scored_notes,
    scoring_windows,
    training_windows,
    transpose,
)


def pieces_of(sizes: list[int]) -> Pieces:
    n = sum(sizes)
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    pitch = torch.arange(n) % 60 + 30
    rhythm = torch.arange(2 * n).view(n, 2).float()
    ids = [str(i) for i in range(len(sizes))]
    return Pieces(ids, first, {"pitch": pitch}, {"rhythm": rhythm})


def training(window: int, **changes: Any) -> Training:
    return shipped.settings().selected.training.model_copy(update={"window": window, **changes})


sizes = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@given(sizes, st.integers(1, 20), st.data())
def test_each_note_is_scored_once_with_its_context(
    lengths: list[int], window: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, window))
    pieces, scored = pieces_of(lengths), np.zeros(sum(lengths), int)
    piece_of = np.repeat(np.arange(len(lengths)), lengths)
    for w in scoring_windows(pieces, window, stride):
        assert w.length <= window
        assert len(set(piece_of[w.start : w.start + w.length])) == 1
        starts_piece = w.start in pieces.first[:-1]
        assert starts_piece or w.context >= min(window - stride, 1)
        scored[w.start + w.context : w.start + w.length] += 1
    assert (scored == 1).all()


@given(sizes, st.integers(1, 20), st.integers(0, 5))
def test_an_epoch_of_all_windows_holds_each_note_once(
    lengths: list[int], window: int, seed: int
) -> None:
    pieces, seen = pieces_of(lengths), np.zeros(sum(lengths), int)
    for w in training_windows(pieces, training(window), np.random.default_rng(seed)):
        assert 0 < w.length <= window
        seen[w.start : w.start + w.length] += 1
    assert (seen == 1).all()


@given(sizes, st.integers(1, 20), st.sampled_from(["all", "last"]), st.data())
def test_an_epoch_may_take_some_of_the_pieces(
    lengths: list[int], window: int, predict: str, data: st.DataObject
) -> None:
    which = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), unique=True)), int)
    pieces, seen = pieces_of(lengths), np.zeros(sum(lengths), int)
    settings = training(window, predict=predict)
    for w in training_windows(pieces, settings, np.random.default_rng(0), which):
        seen[w.start + w.context : w.start + w.length] += 1
    taken = np.isin(np.repeat(np.arange(len(lengths)), lengths), which)
    assert (seen == taken).all()


@given(sizes, st.integers(1, 20), st.integers(0, 5))
def test_an_epoch_of_one_window_has_a_slice_of_each_piece(
    lengths: list[int], window: int, seed: int
) -> None:
    pieces = pieces_of(lengths)
    windows = training_windows(pieces, training(window, windows="one"), np.random.default_rng(seed))
    assert [w.length for w in windows] == [min(window, n) for n in lengths]
    for w, begin, end in zip(windows, pieces.first[:-1], pieces.first[1:], strict=True):
        assert begin <= w.start
        assert w.start + w.length <= end


@given(sizes, st.integers(1, 7), st.integers(0, 5))
def test_batches_hold_every_window_once(lengths: list[int], size: int, seed: int) -> None:
    windows = scoring_windows(pieces_of(lengths), 9, 4)
    for generator in (None, np.random.default_rng(seed)):
        found = [w for group in batches(windows, size, generator) for w in group]
        assert sorted(map(repr, found)) == sorted(map(repr, windows))


def test_a_batch_is_padded_and_starts_pieces_with_the_start_symbol() -> None:
    pieces = pieces_of([5, 3])
    batch = make_batch(pieces, scoring_windows(pieces, 4, 2))
    assert batch.length.tolist() == [4, 4, 3]
    assert batch.now["pitch"][0].tolist() == [30, 31, 32, 33]
    assert batch.before["pitch"][0].tolist() == [START, 30, 31, 32]
    assert batch.before["pitch"][1].tolist() == [30, 31, 32, 33]
    assert batch.before["pitch"][2].tolist()[:3] == [START, 35, 36]
    assert batch.scored.tolist() == [
        [True] * 4,
        [False, False, False, True],
        [True, True, True, False],
    ]


@given(st.integers(0, 12), st.integers(0, 100))
def test_transposition_keeps_intervals_and_the_range(semitones: int, seed: int) -> None:
    pieces = pieces_of([9, 4])
    pieces.notes["pitch"][0] = 127
    batch = make_batch(pieces, scoring_windows(pieces, 9, 9))
    moved = transpose(batch, semitones, np.random.default_rng(seed))
    assert moved.now["pitch"].min() >= 0
    assert moved.now["pitch"].max() <= 127
    for row in range(2):
        n = int(batch.length[row])
        shift = set((moved.now["pitch"] - batch.now["pitch"])[row, :n].tolist())
        assert len(shift) == 1
        assert abs(shift.pop()) <= semitones
        assert moved.before["pitch"][row, 0] == START
        assert torch.equal(moved.before["pitch"][row, 1:n], moved.now["pitch"][row, : n - 1])


@given(sizes, st.integers(1, 20), st.integers(0, 5), st.integers(0, 30))
def test_windows_to_a_note_end_in_it(
    lengths: list[int], window: int, seed: int, max_windows: int
) -> None:
    pieces = pieces_of(lengths)
    settings = training(window, predict="last", max_windows=max_windows)
    found = training_windows(pieces, settings, np.random.default_rng(seed))
    last = [w.start + w.length - 1 for w in found]
    assert len(set(last)) == len(last) == min(pieces.n_notes, max_windows or pieces.n_notes)
    for w, note in zip(found, last, strict=True):
        assert w.context == w.length - 1
        begin = pieces.first[pieces.first <= note].max()
        assert w.start == max(begin, note - window + 1)


@given(sizes, st.integers(1, 20), st.data())
def test_scored_notes_are_in_the_order_of_the_batch(
    lengths: list[int], window: int, data: st.DataObject
) -> None:
    pieces = pieces_of(lengths)
    windows = scoring_windows(pieces, window, data.draw(st.integers(1, window)))
    batch = make_batch(pieces, windows)
    expected = pieces.notes["pitch"][torch.from_numpy(scored_notes(windows))]
    assert torch.equal(batch.now["pitch"][batch.scored], expected)
