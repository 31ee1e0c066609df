"""Pure operations on notes: the table of one piece, its melody line, and the table's invariants."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
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
    order = np.argsort(onset, kind="stable")
    order = order[~is_drum[order]]
    start, length, height = onset[order], duration[order], pitch[order]
    end = start + length
    # A sum of floats may end a hair after the next note begins.
    if np.all(start[1:] > start[:-1]) and np.all(end[:-1] <= start[1:] + 1e-9):
        melody[order] = True
        return melody
    tops = _chord_tops(start, length, height)
    # Until when each hides lower ones.
    hides = end[tops] - np.minimum(LEGATO_SEC, length[tops] / 2)
    melody[order[tops[_line(start[tops], hides, height[tops])]]] = True
    return melody


def _chord_tops(start: _Floats, length: _Floats, pitch: _Ints) -> _Ints:
    """Index of the highest note of each chord, of equals the first, of these the longest.

    Args:
        start: (n,), ascending; n > 0.
        length: (n,).
        pitch: (n,).
    """
    begins = _chord_begins(start)
    sizes = np.diff(begins, append=len(start))
    highest = np.repeat(np.maximum.reduceat(pitch, begins), sizes)
    top: _Ints = np.flatnonzero(pitch == highest)
    if len(top) == len(begins):
        return top
    chord = np.repeat(np.arange(len(begins)), sizes)[top]
    again = chord[1:] == chord[:-1]
    if np.any(again & (start[top[1:]] == start[top[:-1]])):
        by = np.lexsort((-length[top], start[top], chord))  # stable
        top, chord = top[by], chord[by]
    tops: _Ints = top[np.concatenate([[True], ~again])]
    return tops


def _chord_begins(start: _Floats) -> _Ints:
    """Index of the first note of each chord: the first after the reach of the one before."""
    reach = start + CHORD_SEC
    # A note out of reach of the one before it is out of reach of all chords before.
    found = [np.flatnonzero(np.concatenate([[True], start[1:] > reach[:-1]]))]
    begins, ends = found[0], np.append(found[0][1:], len(start))
    while len(begins):  # chord by chord in all stretches without such a gap at once
        several = start[ends - 1] > reach[begins]
        begins, ends = begins[several], ends[several]
        begins = np.searchsorted(start, reach[begins], side="right")
        found.append(begins)
    return np.sort(np.concatenate(found))


def _line(start: _Floats, hides: _Floats, pitch: _Ints) -> _Bools:
    """Which chords are on the line: those whose highest note no higher note of the line hides.

    Args:
        start: of each chord, ascending.
        hides: until when its highest note hides lower ones.
        pitch: of its highest note.
    """
    line = np.ones(len(start), dtype=bool)
    line[1:] = np.maximum.accumulate(hides)[:-1] <= start[1:]  # nothing sounds: a chord on its own
    contested = np.flatnonzero(~line | ~np.append(line[1:], True))
    # The last note of the line that may still sound, and those before that may, each lower than the
    # next: until when they hide others, and how high they are.
    until, highest = float("inf"), -1
    untils: list[float] = []
    heights: list[int] = []
    lower: list[int] = []
    columns = (column[contested].tolist() for column in (start, hides, pitch))
    for i, (at, hidden_until, height) in enumerate(zip(*columns, strict=True)):
        while until <= at:
            until, highest = untils.pop(), heights.pop()
        if height <= highest:
            lower.append(i)
            continue
        untils.append(until)
        heights.append(highest)
        until, highest = hidden_until, height
    line[contested] = True
    line[contested[lower]] = False
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

    Raises:
        InvalidNotesError: a number does not fit into its column.
    """
    order = _order(score)
    beat = float(score.ticks_per_beat)
    onset_tick, duration_tick = score.onset_tick[order], score.duration_tick[order]
    onset_sec, duration_sec = score.onset_sec[order], score.duration_sec[order]
    pitch, is_drum = score.pitch[order], score.is_drum[order]
    columns: dict[str, NDArray[Any]] = {
        "track": score.track[order],
        "program": score.program[order],
        "is_drum": is_drum,
        "is_melody": skyline(onset_sec, duration_sec, pitch, is_drum),
        "pitch": pitch,
        "velocity": score.velocity[order],
        "onset_tick": onset_tick,
        "duration_tick": duration_tick,
        "onset_beat": onset_tick / beat,
        "duration_beat": duration_tick / beat,
        "onset_sec": onset_sec,
        "duration_sec": duration_sec,
    }
    arrays = [to_arrow(name, values) for name, values in columns.items()]
    names = pa.repeat(pa.scalar(piece_id), len(order))
    return pa.Table.from_arrays([names, *arrays], schema=NOTES)


def _order(score: Score) -> _Ints:
    """Indices of the notes in the order of `NOTES`, quieter equals left out."""
    # Packed into two keys, which sort several times faster than seven; notes as read are nearly in
    # order, which makes a stable sort of one key faster again.
    first = score.onset_tick << 22 | score.pitch << 15 | score.track
    order = np.argsort(first, kind="stable")
    if not np.any(first[order[1:]] == first[order[:-1]]):
        return order
    second = score.duration_tick << 8 | score.program << 1 | score.is_drum
    order = np.lexsort((-score.velocity, second, first))
    first, second = first[order], second[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return order[new]


def to_arrow(name: str, values: NDArray[Any]) -> pa.Array:
    """A column of `NOTES`, without a copy if the numbers have its type.

    `pa.array` does the same, but imports pandas first, half a second in each reader.

    Args:
        name: of the column, one of numbers or truths.
        values: (n,).

    Raises:
        InvalidNotesError: a number does not fit into the column.
    """
    kind = NOTES.field(name).type
    if kind == pa.bool_():
        buffer = np.packbits(values, bitorder="little")
    else:
        buffer = values.astype(kind.to_pandas_dtype(), copy=False)
        if buffer.dtype != values.dtype and np.any(buffer != values):
            raise InvalidNotesError(f"{name} is {values.min()} to {values.max()}, not {kind}")
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(buffer)])


def to_numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """The numbers or truths of an Arrow column without nulls, (n,); `to_arrow` says why.

    Numbers are not copied, if they are in one piece.
    """
    array = column
    if isinstance(column, pa.ChunkedArray):
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    data, low, high = array.buffers()[1], array.offset, array.offset + len(array)
    if array.type == pa.bool_():
        bits = np.frombuffer(data, dtype=np.uint8)
        return np.unpackbits(bits, count=high, bitorder="little")[low:].view(np.bool_)
    return np.frombuffer(data, dtype=array.type.to_pandas_dtype())[low:high]


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
    if not len(table):
        return
    for name in NOTES.names:
        if nulls := table[name].null_count:
            raise InvalidNotesError(f"{name} has {nulls} nulls; allowed: none")
    columns = {name: to_numpy(table[name]) for name in NOTES.names[1:]}
    for name, (low, high) in _RANGES.items():
        least, most = columns[name].min(), columns[name].max()  # nan if there is one
        if not low <= least <= most <= high:
            raise InvalidNotesError(f"{name} is {least} to {most}; allowed: {low} to {high}")
    _check_order(table["piece_id"].combine_chunks(), columns)


def _check_order(names: pa.Array, columns: dict[str, NDArray[Any]]) -> None:
    """Rows ascend by the sort key; within equal keys program and drum tell the notes apart."""
    encoded = names.dictionary_encode()
    piece, known = to_numpy(encoded.indices), encoded.dictionary.to_pylist()
    if np.any(piece[1:] < piece[:-1]) or any(b <= a for a, b in pairwise(known)):
        raise InvalidNotesError("piece_id is not ascending")
    tied = piece[1:] == piece[:-1]
    for name in ("onset_tick", "pitch", "track", "duration_tick", "program", "is_drum"):
        before, after = columns[name][:-1], columns[name][1:]
        if np.any(wrong := tied & (after < before)):
            row = int(np.flatnonzero(wrong)[0]) + 1
            raise InvalidNotesError(f"row {row} ({names[row]}): {name} is out of order")
        tied &= after == before
    if np.any(tied):
        row = int(np.flatnonzero(tied)[0]) + 1
        raise InvalidNotesError(f"row {row} ({names[row]}): the same note twice")
