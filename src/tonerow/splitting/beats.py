"""Melody lines on the beat: what is left of a tune when its ornaments are taken away.

Two hands that play one tune differ in the notes between the beats, so that runs of all its intervals
agree for a bar or not at all. The notes that sound on the beats agree for longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonerow.notes.bars import is_compound
from tonerow.notes.runs import Ints
from tonerow.notes.splits import SPLITS
from tonerow.splitting.melodic_runs import Lines, distinct_lines, shared_runs, sorted_runs

TELLING = 3  # a run on the beats with fewer different intervals says little
LEAST_RUNS = 12  # that pieces share: a cadence or a first bar has fewer, and short tunes are alike
AUDITED = (
    11  # intervals on the beats in a row; of tunes played backwards few have so many of another
)
SPARSE = 16  # points to a note; a line with more of them is silence for the most part


def quarters_between(metre: str | None) -> float | None:
    """Quarter notes between the points at which a line is read.

    These are the beats, halved where a bar has but two of them, so that the same reel in 2/4, 2/2
    and 4/4 is read at the same notes: 4 in a bar of these and of 6/8, 3 in one of 3/4 and 9/8.
    """
    beats, slash, unit = (metre or "").partition("/")
    if not metre or not slash or not int(beats) or not int(unit):
        return None
    in_bar = int(beats) // 3 if is_compound(metre) else int(beats)
    return 4 * int(beats) / int(unit) / (4 if in_bar == 2 else in_bar)


def on_beats(
    pitch: NDArray[np.uint8], onset: NDArray[np.float64], metre: str | None, downbeat: float | None
) -> NDArray[np.uint8]:
    """The pitches that sound on the beats of a line.

    Args:
        pitch: (n,), 0-127.
        onset: (n,), in quarter notes, ascending. A note is held until the next one.
        metre: as "6/8"; without one there are no beats.
        downbeat: when a bar begins, in quarter notes; None: at 0.

    Returns:
        The pitch at each point (see `quarters_between`) from the first note to the last; none for a
        line that is silence for the most part.
    """
    step = quarters_between(metre)
    if step is None or not len(pitch):
        return np.zeros(0, np.uint8)
    first, last = (onset[[0, -1]] - (downbeat or 0.0)) / step
    points = np.ceil(first - 1e-6) + np.arange(min(last - first + 1, SPARSE * len(pitch) + 1))
    if len(points) > SPARSE * len(pitch):
        return np.zeros(0, np.uint8)
    times = (downbeat or 0.0) + points[points <= last + 1e-6] * step
    sounding = np.searchsorted(onset, times + 1e-6 * step, side="right") - 1
    held: NDArray[np.uint8] = pitch[np.maximum(sounding, 0)]
    return held


def alike(beats: Lines, run: int, fraction: float, longest: int) -> Ints:
    """Pieces that are one tune on the beats.

    Args:
        beats: lines as `on_beats` gives them.
        run: intervals in a run; 0: no piece is like another.
        fraction: two pieces are alike if they share more than this share of the different telling
            runs of the one that has fewer, and `LEAST_RUNS` of them at least.
        longest: a piece with more runs counts as one with so many.

    Returns:
        (p, 2) pairs of pieces, enough of them to link all that are alike.
    """
    if not run:
        return np.zeros((0, 2), np.int64)
    pairs, shared, total = shared_runs(beats, run, TELLING)
    of_shorter = np.minimum(total[pairs].min(axis=1), longest)
    enough = (shared > fraction * of_shorter) & (shared >= LEAST_RUNS)
    _, first, line = np.unique(beats.of_piece, return_index=True, return_inverse=True)
    copies = np.stack([first[line], np.arange(len(line))], axis=1)
    return np.concatenate([copies[total[beats.of_piece] >= LEAST_RUNS], first[pairs[enough]]])


def near_variants(beats: Lines, side: NDArray[np.str_]) -> dict[str, Any]:
    """How many held-out pieces have a near variant in train, whatever the works say.

    That is a piece with which they share a telling run of `AUDITED` intervals on the beats; a phrase
    that many tunes have counts too. Some do by chance: the same pieces read backwards, which nobody
    plays, say how many.

    Args:
        beats: lines as `on_beats` gives them.
        side: "train", "val" or "test" for each piece.

    Returns:
        The share (0-1) of val's and of test's pieces, and of the same read backwards.
    """
    held_out = np.flatnonzero(side != "train")
    forwards = beats.of_each_piece()
    lines = distinct_lines((0, line) for line in forwards + [forwards[i][::-1] for i in held_out])
    in_train = np.zeros(len(lines.starts) - 1, np.bool_)
    in_train[lines.of_piece[: len(side)][side == "train"]] = True
    found = np.zeros(len(in_train), np.bool_)
    for runs in sorted_runs(lines, AUDITED, TELLING):
        train = np.unique(runs.hashes[runs.telling & in_train[runs.line]])
        found[runs.line[runs.telling & np.isin(runs.hashes, train)]] = True
    shares: dict[str, Any] = {}
    for name in SPLITS[1:]:
        of_side = side[held_out] == name
        for suffix, line in (
            ("", lines.of_piece[held_out]),
            ("_backwards", lines.of_piece[len(side) :]),
        ):
            shares[name + suffix] = round(float(found[line[of_side]].mean()), 6)
    return shares
