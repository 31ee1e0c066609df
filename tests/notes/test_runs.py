"""Runs of intervals: equal ones have equal hashes, and none leaves its piece."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tonerow.notes.runs import interval_runs, runs_within

RUN_LENGTHS = st.integers(1, 20)


def runs_of(notes: list[int], run: int) -> list[tuple[int, ...]]:
    """The runs of intervals themselves."""
    intervals = [b - a for a, b in pairwise(notes)]
    return [tuple(intervals[i : i + run]) for i in range(len(intervals) - run + 1)]


@given(st.lists(st.integers(20, 100), max_size=60), RUN_LENGTHS, st.integers(-20, 20))
def test_hashes_ignore_the_key_and_nothing_else(notes: list[int], run: int, shift: int) -> None:
    pitches = np.array(notes, np.uint8)
    hashes = interval_runs(pitches, run)
    assert np.array_equal(hashes, interval_runs((pitches.astype(int) + shift), run))
    runs = runs_of(notes, run)
    assert len(hashes) == len(runs)
    by_hash = dict(zip(hashes.tolist(), runs, strict=True))
    assert [by_hash[h] for h in hashes.tolist()] == runs
    assert len(by_hash) == len(set(runs))


def test_extreme_intervals_are_told_apart() -> None:
    up, down = np.array([0, 127], np.uint8), np.array([127, 0], np.uint8)
    assert interval_runs(up, 1) != interval_runs(down, 1)


@given(st.lists(st.lists(st.integers(0, 127), max_size=9), max_size=6), RUN_LENGTHS)
def test_no_run_leaves_its_piece(pieces: list[list[int]], run: int) -> None:
    first = np.cumsum([0, *map(len, pieces)])
    pitches = np.array([pitch for piece in pieces for pitch in piece], np.uint8)
    hashes, starts = runs_within(pitches, first, run)
    expected = [interval_runs(np.array(piece, np.uint8), run) for piece in pieces]
    assert hashes.tolist() == [h for own in expected for h in own.tolist()]
    assert starts.tolist() == [
        begin + i
        for begin, own in zip(first.tolist(), expected, strict=False)
        for i in range(len(own))
    ]
