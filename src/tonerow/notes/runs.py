"""Runs of intervals, by which melodies are compared whatever their key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


def interval_runs(pitches: NDArray[np.integer], run: int) -> Hashes:
    """Hashes every run of consecutive intervals; equal runs, transposed or not, have equal hashes.

    Args:
        pitches: (n,), 0-127, of one line.
        run: intervals in a run, >= 1.

    Returns:
        (max(0, n - run),), the hash of the run that starts at each note: polynomials modulo 2**64
        over random numbers that stand for the intervals, with the bits mixed (Steele et al. 2014,
        SplitMix64).
    """
    n = len(pitches) - run
    if n <= 0:
        return np.zeros(0, np.uint64)
    table = np.random.Generator(np.random.PCG64(16)).integers(2**64, size=256, dtype=np.uint64)
    codes = table[np.diff(pitches.astype(np.int16)) + 128]
    hashes = np.zeros(n, np.uint64)
    for i in range(run):
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes += codes[i : i + n]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(31))


def runs_within(pitches: NDArray[np.integer], first: Ints, run: int) -> tuple[Hashes, Ints]:
    """Hashes the runs of intervals that lie within one piece.

    Args:
        pitches: (n,), 0-127, of all pieces, one after the other.
        first: (n_pieces + 1,), ascending, where each piece begins; the last entry, at least n, is
            where the last one ends.
        run: intervals in a run, >= 1; a piece of up to so many notes has none.

    Returns:
        The hash of each run, as `interval_runs` gives it, and the note where it starts, ascending;
        it ends `run` notes later.
    """
    hashes = interval_runs(pitches, run)
    starts = np.arange(len(hashes))
    inside = starts + run < first[np.searchsorted(first, starts, side="right")]
    return hashes[inside], starts[inside]
