"""Beats and instruments as ids: the quantisation grid, nearest levels, General MIDI families.

The grid's spacing, for `ticks_per_beat` = 24 (other values: the same shares of a beat, in whole
ticks, at least one):

| from    | to          | spacing | stated quantisation: error of a duration at most |
|---------|-------------|---------|--------------------------------------------------|
| 0       | 1 beat      | 1/24    | 1/48 beat                                        |
| 1 beat  | 4 beats     | 1/12    | 1/24 beat                                        |
| 4 beats | `max_beats` | 1/4     | 1/8 beat                                         |

A longer value is clipped to `max_beats`; a duration below one tick becomes one tick. Offsets carry
their rounding error along (see `quantise_offsets`), so that an onset is off by at most half a tick
as long as no gap exceeds one beat, and by at most 1/8 beat otherwise, instead of by more and more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

DRUMS = 128
"""The instrument of every note on the drum channel, after programs 0-127."""

_TIE = 1e-9  # beats: what rounds to a tie is one, and goes to the shorter value


def grid(ticks_per_beat: int, max_beats: int) -> NDArray[np.float64]:
    """The values that quantised beats can have.

    Args:
        ticks_per_beat: of the finest spacing, >= 1.
        max_beats: the largest value, >= 1.

    Returns:
        float64 beats from 0 to `max_beats`, ascending.

    Raises:
        ValueError: there are more values than int16 ids.
    """
    beat, end = ticks_per_beat, ticks_per_beat * max_beats
    medium, coarse = _strides(ticks_per_beat)
    ticks = np.unique(
        np.concatenate(
            [
                np.arange(0, min(beat, end)),
                np.arange(beat, min(4 * beat, end), medium),
                np.arange(4 * beat, end, coarse),
                [end],
            ]
        )
    )
    if len(ticks) > np.iinfo(np.int16).max:
        raise ValueError(
            f"tokenize.max_beats {max_beats} at {ticks_per_beat} ticks_per_beat gives {len(ticks)} "
            f"values; allowed: {np.iinfo(np.int16).max}; lower one of the two"
        )
    return ticks / beat


def spacing(beats: NDArray[np.floating], ticks_per_beat: int) -> NDArray[np.float64]:
    """The grid's spacing at each value, in beats; a value's quantisation error is at most half."""
    medium, coarse = _strides(ticks_per_beat)
    beats = np.asarray(beats, dtype=np.float64)
    ticks = np.where(beats <= 1, 1, np.where(beats <= 4, medium, coarse))
    return ticks / ticks_per_beat


def _strides(ticks_per_beat: int) -> tuple[int, int]:
    return max(1, ticks_per_beat // 12), max(1, ticks_per_beat // 4)


def nearest(values: NDArray[np.floating], levels: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index of the level nearest to each value; the lower one of two equally near.

    Args:
        values: any shape.
        levels: ascending, at least one.

    Returns:
        int64 of the same shape as `values`, 0 to len(levels) - 1.
    """
    return np.searchsorted(_midpoints(levels), values, side="left")


def quantise_offsets(
    gaps: NDArray[np.floating],
    starts: NDArray[np.integer],
    levels: NDArray[np.float64],
    ticks_per_beat: int,
) -> NDArray[np.int64]:
    """The index of the level for each gap between onsets, without drift.

    What rounding takes from one gap is given to the next, as in error diffusion, so that the sum of
    the levels follows the onsets. Notes that begin together stay together. What clipping or an
    unseen value costs (more than half of the coarsest spacing) is not carried: everything after it
    shifts, and the rhythm stays.

    Args:
        gaps: beats since the previous onset of the piece, 0 at its first note.
        starts: index of each piece's first note, ascending; begins with 0; empty where there are
            no notes.
        levels: ascending, from 0.
        ticks_per_beat: of the grid.

    Returns:
        int64 of the length of `gaps`.
    """
    limit = _strides(ticks_per_beat)[1] / ticks_per_beat / 2 + _TIE
    beats, middles = levels.tolist(), _midpoints(levels).tolist()
    ids = np.zeros(len(gaps), dtype=np.int64)
    for start, stop in pairwise([*starts, len(gaps)]):
        ids[start:stop] = _diffuse(gaps[start:stop].tolist(), beats, middles, limit)
    return ids


def _diffuse(
    gaps: list[float], levels: list[float], middles: list[float], limit: float
) -> list[int]:
    ids = []
    carried = 0.0
    for gap in gaps:
        if gap == 0:
            ids.append(0)
            continue
        wanted = gap + carried
        index = bisect_left(middles, wanted)
        rest = wanted - levels[index]
        carried = rest if abs(rest) <= limit else 0.0
        ids.append(index)
    return ids


def _midpoints(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    return (levels[1:] + levels[:-1]) / 2 + _TIE


def instrument_classes(
    program: NDArray[np.integer], is_drum: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """0-127 for a program, `DRUMS` for the drum channel, whose program means nothing."""
    return np.where(is_drum, DRUMS, program.astype(np.int64))


def instrument_ids(known: Sequence[int], counts: Sequence[int]) -> NDArray[np.int64]:
    """The id for each instrument, seen in train or not.

    An unseen program takes the nearest seen one of its General MIDI family (eight neighbouring
    programs; the lower of two equally near). Without one it takes the most common seen program.
    Unseen drums take the most common instrument, as does everything where only drums were seen.

    Args:
        known: instruments seen in train, ascending, 0-127 or `DRUMS`; an id is an index into them.
        counts: train notes of each.

    Returns:
        int64 (129,), the id for programs 0-127 and `DRUMS`.
    """
    ids = np.empty(DRUMS + 1, dtype=np.int64)
    common = max(range(len(known)), key=lambda i: (known[i] != DRUMS, counts[i], -known[i]))
    for instrument in range(DRUMS + 1):
        family = [i for i, k in enumerate(known) if k != DRUMS and k // 8 == instrument // 8]
        if instrument in known:
            ids[instrument] = known.index(instrument)
        elif family:
            ids[instrument] = min(family, key=lambda i: abs(known[i] - instrument))
        else:
            ids[instrument] = common
    return ids
