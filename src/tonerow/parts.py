"""A corpus in parts: runs of whole pieces, hashes of what is counted in each, and sums of the counts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

AT_ONCE = 1 << 20
"""Notes in a run of pieces, or a few more."""
AT_LEAST = 1 << 21
"""Keys that wait before they are added up: 32 MB."""


def numbered(counts: NDArray[np.signedinteger[Any]]) -> tuple[Ints, Ints]:
    """Of so many things of each owner: the owner of each, and its number there, from 0."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)


def runs_of_pieces(first: Ints) -> Iterator[slice]:
    """Pieces that follow each other, of about `AT_ONCE` notes; one run at least, if of no piece.

    Args:
        first: int64 (n_pieces + 1,), where each piece begins; the last entry is the number of notes.
    """
    border = np.arange(AT_ONCE, first[-1], AT_ONCE)
    ends = np.unique(np.append(np.searchsorted(first, border), len(first) - 1)).tolist()
    yield from itertools.starmap(slice, itertools.pairwise([0, *ends]))


def extend(context: Hashes, values: Ints) -> Hashes:
    """A 64-bit hash of contexts (n,) that hold one more value each, (n,) >= -1."""
    key = (context ^ (values.astype(np.uint64) + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
    return key ^ (key >> np.uint64(29))


class Sums:
    """Counts by key, added up each time that more wait than are known.

    So memory grows with the different keys, not with the parts, and time but little faster than what
    comes in.
    """

    def __init__(self) -> None:
        self._parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
        self._waiting = 0

    def add(self, keys: Ints, counts: Ints) -> None:
        """Takes keys >= 0, (n,), and how often each came."""
        self._parts.append((keys, counts))
        self._waiting += len(keys)
        if self._waiting > max(len(self._parts[0][0]), AT_LEAST):
            self.result()

    def result(self) -> tuple[Ints, Ints]:
        """The different keys, ascending, and how often each came in all."""
        keys, counts = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        sums = np.add.reduceat(counts, first) if len(first) else counts
        self._parts, self._waiting = [(keys[first], sums)], 0
        return self._parts[0]
