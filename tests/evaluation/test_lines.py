"""The melodies that the rivals read."""

from __future__ import annotations

import numpy as np
import pytest

from tonerow.evaluation.lines import TICKS_PER_BEAT, UNKNOWN, Lines


def lines_of(*pieces: list[tuple[int, float, float]]) -> Lines:
    """Lines of pieces of (pitch, rest, duration)."""
    first = np.cumsum([0, *(len(piece) for piece in pieces)])
    pitch, rest, duration = zip(*(note for piece in pieces for note in piece), strict=True)
    return Lines(np.array(pitch, np.int64), first, np.array(rest), np.array(duration))


TWO = lines_of(
    [(60, 2.0, 1.0), (64, 0.0, 0.5), (62, 0.5, 1.0)],
    [(62, 0.0, 1 / 3), (60, 0.0, 2 / 3)],
)


def test_intervals_and_places_begin_anew_with_each_piece() -> None:
    assert TWO.interval.tolist() == [UNKNOWN, 4, 126, UNKNOWN, 126]
    assert TWO.at.tolist() == [0, 1, 2, 0, 1]
    assert TWO.piece.tolist() == [0, 0, 0, 1, 1]


def test_times_count_from_the_onset_of_the_first_note() -> None:
    beats = TWO.onset_tick / TICKS_PER_BEAT
    np.testing.assert_allclose(beats, [0, 1, 2, 0, 1 / 3])
    np.testing.assert_allclose(TWO.end_before_tick / TICKS_PER_BEAT, [0, 1, 1.5, 0, 1 / 3])


def test_a_rhythm_is_the_same_whatever_a_float_has_made_of_it() -> None:
    thirds: list[float] = [
        float(np.float32(1 / 3)),
        1 / 3,
        1 - float(np.float32(2 / 3)),
        0.5,
        1 / 3,
    ]
    rhythm = lines_of([(60, 0.0, third) for third in thirds]).rhythm
    assert len(set(rhythm[[0, 1, 2, 4]])) == 1
    assert rhythm[3] != rhythm[0]
    swapped = lines_of([(60, 1.0, 0.5), (60, 0.5, 1.0)]).rhythm
    assert swapped[0] != swapped[1]


def test_pieces_are_taken_whole_and_in_order() -> None:
    taken = TWO.pieces(np.array([1, 0]))
    assert taken.pitch.tolist() == [62, 60, 60, 64, 62]
    assert taken.first.tolist() == [0, 2, 5]
    np.testing.assert_allclose(taken.duration, [1 / 3, 2 / 3, 1.0, 0.5, 1.0])
    assert TWO.pieces(np.array([], np.int64)).first.tolist() == [0]


def test_blocks_hold_every_piece_once() -> None:
    pieces = [[(60 + i, 0.0, 1.0)] * size for i, size in enumerate([1, 5, 2, 30, 1, 4])]
    lines = lines_of(*pieces)
    blocks = list(lines.blocks(100, 20))
    assert len(blocks) > 2
    assert [p for block in blocks for p in block.pitch] == lines.pitch.tolist()
    assert sum(block.n_pieces for block in blocks) == lines.n_pieces


@pytest.mark.parametrize("look_back", [1, 3, 100])
def test_pairs_are_those_no_further_apart(look_back: int) -> None:
    lines = lines_of([(60, 0.0, 1.0)] * 5, [(60, 0.0, 1.0)])
    pairs = sum(0 < t - s <= look_back for t in range(5) for s in range(5))
    assert lines.pairs(look_back).tolist() == [pairs, 0]


def test_values_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2, 3 and 2 notes and the pieces 2: give one"):
        Lines(np.array([60, 62]), np.array([0, 2]), np.zeros(3), np.ones(2))
