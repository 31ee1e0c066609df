"""Pure operations on notes: the table of one piece, its melody line, and the table's invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tonerow.notes.schema import NOTES
from tonerow.notes.score import Score

CHORD_SEC = 0.03
"""Notes struck within this time are one chord: ten fingers do not come down at once."""
LEGATO_SEC = 0.1
"""A note that sounds on for this long, but at most half its length, does not hide the next."""

_SHORTEST = np.nextafter(0.0, 1.0)
_LONGEST = 1e12
_RANGES = {
    "track": (0, 2**15 - 1),
    "program": (0, 127),
    "pitch": (0, 127),
    "velocity": (1, 127),
    "onset_tick": (0, 2**62),
    "duration_tick": (1, 2**62),
    "onset_beat": (0.0, _LONGEST),
    "duration_beat": (_SHORTEST, _LONGEST),
    "onset_sec": (0.0, _LONGEST),
    "duration_sec": (_SHORTEST, _LONGEST),
}

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


class InvalidNotesError(ValueError):
    """A note table breaks one of its invariants; the message names it."""


def skyline(onset: _Floats, duration: _Floats, pitch: _Ints, is_drum: _Bools) -> _Bools:
    """Marks the melody: a monophonic line along the highest sounding notes.

    - If no two notes sound together, all are melody.
    - Otherwise, of the notes that begin together (within `CHORD_SEC` of the first of them) the
      highest is a candidate, of equals the first.
    - A candidate is melody unless a higher melody note sounds on for more than `LEGATO_SEC` or more
      than half its length: the tolerance is for performances, where one key is often released
      after the next is struck.

    A melody note lasts until the next one begins, at the latest: see `melody_rest_and_duration`.
    Drums are never melody. All voices take part. O(n log n).

    Source: the skyline algorithm ("all-mono") of Uitdenbogerd & Zobel, Manipulation of Music for
    Melody Matching, ACM Multimedia 1998; the two tolerances are ours.

    Args:
        onset: seconds, (n,), in any order.
        duration: seconds, (n,), > 0.
        pitch: 0-127, (n,).
        is_drum: (n,).

    Returns:
        bool, (n,): whether each note is on the line; no two such notes begin together.
    """
    melody = np.zeros(len(onset), dtype=bool)
    order = np.lexsort((-duration, -pitch, onset))
    order = order[~is_drum[order]]
    start = onset[order]
    end = start + duration[order]
    # A sum of floats may end a hair after the next note begins.
    if np.all(start[1:] > start[:-1]) and np.all(end[:-1] <= start[1:] + 1e-9):
        melody[order] = True
        return melody
    tops = _chord_tops(start, pitch[order])
    # Until when each hides lower ones.
    hides = end[tops] - np.minimum(LEGATO_SEC, duration[order][tops] / 2)
    line = _line(start[tops].tolist(), hides.tolist(), pitch[order][tops].tolist())
    melody[order[tops[line]]] = True
    return melody


def _chord_tops(start: _Floats, pitch: _Ints) -> _Ints:
    """Index of the highest note of each chord, of equals the first."""
    n = len(start)
    after = np.searchsorted(start, start + CHORD_SEC, side="right").tolist()
    begins, begin = [], 0
    while begin < n:
        begins.append(begin)
        begin = after[begin]
    if not n:
        return np.zeros(0, dtype=np.int64)
    # Pitch and place in one number, so that the greatest is the first of the highest.
    packed = np.maximum.reduceat(pitch.astype(np.int64) * n + np.arange(n)[::-1], begins)
    return n - 1 - packed % n


def _line(start: list[float], hides: list[float], pitch: list[int]) -> list[int]:
    """Indices of those chords whose highest note no higher note of the line hides."""
    line: list[int] = []
    # Notes of the line that may still sound; each was higher than all before, the last is highest.
    until, highest = [float("inf")], [-1]
    for i, (at, hidden_until, height) in enumerate(zip(start, hides, pitch, strict=True)):
        while until[-1] <= at:
            until.pop()
            highest.pop()
        if highest[-1] < height:
            line.append(i)
            until.append(hidden_until)
            highest.append(height)
    return line


def melody_rest_and_duration(onset: _Floats, duration: _Floats) -> tuple[_Floats, _Floats]:
    """The rhythm of a monophonic line: the silence before each note, and how long it sounds.

    A note that still sounds when the next begins is cut there.

    Args:
        onset: (n,), strictly increasing, in any unit.
        duration: (n,), > 0, in the same unit.

    Returns:
        rest: (n,), >= 0, from the end of the note before; 0 for the first note, since what comes
            before a line is no part of it.
        effective: (n,), > 0, the duration, cut at the next onset.
    """
    end = onset[:-1] + duration[:-1]
    cut = end > onset[1:]
    effective = duration.astype(np.float64)
    effective[:-1] = np.where(cut, np.diff(onset), duration[:-1])
    rest = np.zeros(len(onset))
    rest[1:] = np.where(cut, 0.0, onset[1:] - end)
    return rest, effective


def to_table(piece_id: str, score: Score) -> pa.Table:
    """The rows of `NOTES` for one piece: sorted, with its melody marked.

    Of equal notes (track, program, drum, pitch, onset and duration) only the loudest stays.

    Args:
        piece_id: goes into every row.
        score: the notes as read.

    Returns:
        A table of the schema `NOTES`.
    """
    beat = float(score.ticks_per_beat)
    columns: dict[str, NDArray[Any]] = {
        "track": score.track,
        "program": score.program,
        "is_drum": score.is_drum,
        "is_melody": score.is_drum,  # holds its place
        "pitch": score.pitch,
        "velocity": score.velocity,
        "onset_tick": score.onset_tick,
        "duration_tick": score.duration_tick,
        "onset_beat": score.onset_tick / beat,
        "duration_beat": score.duration_tick / beat,
        "onset_sec": score.onset_sec,
        "duration_sec": score.duration_sec,
    }
    order = _order(score)
    columns = {name: values[order] for name, values in columns.items()}
    columns["is_melody"] = skyline(
        score.onset_sec[order], score.duration_sec[order], score.pitch[order], score.is_drum[order]
    )
    arrays = [pa.array(values, type=NOTES.field(name).type) for name, values in columns.items()]
    names = pa.repeat(pa.scalar(piece_id), len(order))
    return pa.Table.from_arrays([names, *arrays], schema=NOTES)


def _order(score: Score) -> _Ints:
    """Indices of the notes in the order of `NOTES`, quieter equals left out."""
    # Packed into two keys, which sort several times faster than seven.
    first = score.onset_tick << 22 | score.pitch << 15 | score.track
    second = score.duration_tick << 8 | score.program << 1 | score.is_drum
    order = np.lexsort((-score.velocity, second, first))
    first, second = first[order], second[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return order[new]


def validate(table: pa.Table) -> None:
    """Checks the invariants of a note table; cheap enough for every run.

    Args:
        table: whole pieces, one or more.

    Raises:
        InvalidNotesError: the schema differs; a value is out of its range (onset >= 0, duration >
            0, pitch and program 0-127, velocity 1-127, finite times); rows are not in the order of
            `NOTES`; or two rows are the same note.
    """
    if not table.schema.equals(NOTES):
        raise InvalidNotesError(f"the schema is {table.schema}, not {NOTES}")
    for name, (low, high) in _RANGES.items():
        if not len(table):
            break
        extremes = pc.min_max(table[name]).as_py()
        missing = pc.any(pc.is_null(table[name], nan_is_null=True)).as_py()
        if missing or not low <= extremes["min"] <= extremes["max"] <= high:
            raise InvalidNotesError(f"{name} is {extremes}; allowed: {low} to {high}, no nulls")
    _check_order(table)


def _check_order(table: pa.Table) -> None:
    """Rows ascend by the sort key; within equal keys program and drum tell the notes apart."""
    if len(table) < 2:
        return
    names = table["piece_id"].combine_chunks()
    same = pc.equal(names[1:], names[:-1]).to_numpy(zero_copy_only=False)
    if not pc.all(pc.greater_equal(names[1:], names[:-1])).as_py():
        raise InvalidNotesError("piece_id is not ascending")
    tied = same
    for name in ("onset_tick", "pitch", "track", "duration_tick", "program", "is_drum"):
        step = np.diff(table[name].to_numpy().astype(np.int64))
        if np.any(step[tied] < 0):
            row = int(np.flatnonzero(tied & (step < 0))[0]) + 1
            raise InvalidNotesError(f"row {row} ({names[row]}): {name} is out of order")
        tied = tied & (step == 0)
    if np.any(tied):
        row = int(np.flatnonzero(tied)[0]) + 1
        raise InvalidNotesError(f"row {row} ({names[row]}): the same note twice")
