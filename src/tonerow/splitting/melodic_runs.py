"""Melody lines up to transposition, and the runs of intervals that they have in common.

Every step is vectorised and works on a part of the runs at a time; memory grows with some 25 bytes
a melody note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tonerow.notes.runs import Hashes, Ints, runs_within
from tonerow.parts import Sums

NOTES_AT_ONCE = 1 << 18  # read or hashed in one go
RUNS_AT_ONCE = 1 << 21  # sorted in one go
NEIGHBOURS = 16  # pieces that a run's every holder is compared with; more are linked in a chain
TELLING_INTERVALS = 5  # a run with fewer different ones is a trill, a scale or a repeated note


class Lines(NamedTuple):
    """The melody lines of a corpus, each kept once up to transposition."""

    pitches: NDArray[np.uint8]
    """Pitches (0-127) of all different lines, one after the other."""
    starts: Ints
    """Where each line starts; one more entry than lines, the last is the number of pitches."""
    of_piece: Ints
    """The line of each piece."""
    n_notes: Ints
    """Notes of each piece, those off the melody line too."""

    def of_each_piece(self) -> list[NDArray[np.uint8]]:
        """The pitches of each piece's line."""
        starts, ends = self.starts[self.of_piece], self.starts[self.of_piece + 1]
        return [self.pitches[start:end] for start, end in zip(starts, ends, strict=True)]


class Runs(NamedTuple):
    """Runs of intervals, sorted by hash, then position."""

    hashes: Hashes
    line: Ints
    position: Ints
    """Index of the run's first note in `Lines.pitches`."""
    telling: NDArray[np.bool_]
    """Whether the run has different intervals enough, so that sharing it says much."""


def distinct_lines(pieces: Iterable[tuple[int, NDArray[np.uint8]]]) -> Lines:
    """Collects melody lines and keeps each once, so that copies and transpositions cost nothing.

    Args:
        pieces: number of notes and melody pitches (0-127, in order of onset) of each piece.
    """
    seen: dict[bytes, int] = {}
    kept: list[NDArray[np.uint8]] = []
    of_piece: list[int] = []
    n_notes: list[int] = []
    for count, line in pieces:
        intervals = np.diff(line.astype(np.int8)).tobytes()
        key = hashlib.blake2b(intervals, digest_size=16).digest() + bytes([line.size > 0])
        if key not in seen:
            seen[key] = len(kept)
            kept.append(line)
        of_piece.append(seen[key])
        n_notes.append(count)
    starts = np.cumsum([0, *(len(line) for line in kept)], dtype=np.int64)
    pitches = np.concatenate(kept) if kept else np.zeros(0, np.uint8)
    return Lines(pitches, starts, np.array(of_piece, np.int64), np.array(n_notes, np.int64))


def sorted_runs(lines: Lines, run: int, different: int = TELLING_INTERVALS) -> Iterator[Runs]:
    """Every run of every line, in parts of about `RUNS_AT_ONCE`; equal runs are in one part.

    Args:
        lines: the melody lines.
        run: intervals in a run.
        different: intervals that make a run telling.
    """
    parts = -(-len(lines.pitches) // RUNS_AT_ONCE)
    if not parts:
        return
    chunks = [
        _runs_from(lines, run, different, low)
        for low in range(0, len(lines.pitches), NOTES_AT_ONCE)
    ]
    hashes = np.concatenate([hashes for hashes, _, _ in chunks])
    position = np.concatenate([position for _, position, _ in chunks])
    telling = np.concatenate([telling for _, _, telling in chunks])
    del chunks
    part = (hashes % np.uint64(parts)).astype(np.uint16)  # sorts in linear time
    by_part = np.argsort(part, kind="stable")
    ends = np.cumsum(np.bincount(part, minlength=parts))
    for own in np.split(by_part, ends[:-1]):
        sorted_own = own[np.argsort(hashes[own], kind="stable")]
        at = position[sorted_own].astype(np.int64)
        line = np.searchsorted(lines.starts, at, side="right") - 1
        yield Runs(hashes[sorted_own], line, at, telling[sorted_own])


def _runs_from(
    lines: Lines, run: int, different: int, low: int
) -> tuple[Hashes, NDArray[np.uint32], NDArray[np.bool_]]:
    """Hashes of the runs that start in one chunk of the notes, where, and whether they are telling."""
    pitches = lines.pitches[low : low + NOTES_AT_ONCE + run]
    hashes, start = runs_within(pitches, lines.starts - low, run)
    steps = np.clip(np.diff(pitches.astype(np.int64)), -31, 31) + 31
    kinds = spread(np.left_shift(np.uint64(1), steps.astype(np.uint64))[::-1], run)[::-1]
    telling = np.bitwise_count(kinds[start]) >= different
    return hashes, (start + low).astype(np.uint32), telling


def spread(bits: NDArray[Any], width: int) -> NDArray[Any]:
    """Each entry or-ed with the `width` - 1 entries before it."""
    bits, done = bits.copy(), 1
    while done < width:
        step = min(done, width - done)
        bits[step:] |= bits[:-step].copy()
        done += step
    return bits


def shared_runs(
    lines: Lines, run: int, different: int = TELLING_INTERVALS
) -> tuple[Ints, Ints, Ints]:
    """Counts the different telling runs that lines have in common.

    A run that up to `NEIGHBOURS` + 1 lines hold counts for each pair of them. Of one in more lines
    each holder is paired with the next `NEIGHBOURS` only: copies of a tune, which hold the same
    runs, still form a chain, and a commonplace costs no quadratic number of pairs.

    Args:
        lines: the melody lines.
        run: intervals in a run.
        different: intervals that make a run telling.

    Returns:
        (p, 2) pairs of lines, smaller index first; (p,) runs shared by each; (n lines,) different
        telling runs of each line.
    """
    sums = Sums()
    total = np.zeros(len(lines.starts) - 1, np.int64)
    for runs in sorted_runs(lines, run, different):
        hashes, line = runs.hashes[runs.telling], runs.line[runs.telling]
        new = np.ones(len(line), np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (line[1:] != line[:-1])
        hashes, line = hashes[new], line[new]
        total += np.bincount(line, minlength=len(total))
        for distance in range(1, NEIGHBOURS + 1):
            same = np.flatnonzero(hashes[distance:] == hashes[:-distance])
            if not len(same):
                break
            sums.add(*np.unique(line[same] << 32 | line[same + distance], return_counts=True))
    keys, counts = sums.result()
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1), counts, total
