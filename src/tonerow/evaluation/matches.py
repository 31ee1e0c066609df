"""Pairs of a note and an earlier note of its piece, and what speaks for playing the same again.

For every distance d at once for all notes: where does a run of equal elements, d notes apart, begin
or end? A running maximum over the last unequal place tells, so that the time is linear in the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation.lines import TICKS_PER_BEAT, Lines
from tonerow.evaluation.note_scores import Floats, Ints
from tonerow.parts import extend

LONGEST_MATCH = 31
"""Longer matches count as this long."""

_MOST_CLASSES = 32
"""Of any feature; a code of a note and six features fits 64 bits."""

Bytes = NDArray[np.uint8]

_DIVISORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96)
"""Of 96 beats: 32 bars of 3, 24 of 4."""

_BARS = (1, 2, 4, 8, 16)
"""Bars of which two places of a tune may lie a multiple apart."""


def match_before(key: Ints, lines: Lines, notes: Ints, distance: int) -> Ints:
    """How many elements before each note equal those before the note `distance` earlier.

    Args:
        key: (n,) what is compared.
        lines: of the key.
        notes: (m,) all notes with `distance` or more notes before them, in order.
        distance: >= 1.

    Returns:
        (m,): the largest k with key[t - j] == key[t - distance - j] for j = 1..k, in the piece.
    """
    unequal = np.maximum.accumulate(np.where(key[notes] != key[notes - distance], notes, -1))
    last = np.append(-1, unequal[:-1])
    matched: Ints = notes - 1 - np.maximum(last, lines.start[notes] + distance - 1)
    return matched


def match_ahead(key: Ints, lines: Lines, notes: Ints, distance: int) -> Ints:
    """As `match_before`, of the elements from the notes themselves onwards.

    Returns:
        (m,): the largest k with key[t + j] == key[t - distance + j] for j = 0..k-1, in the piece.
    """
    places = np.where(key[notes] != key[notes - distance], notes, len(key))
    unequal = np.minimum.accumulate(places[::-1])[::-1]
    return np.minimum(unequal, lines.end[notes]) - notes


def _joint(lines: Lines) -> Ints:
    key = extend(extend(np.zeros(len(lines.pitch), np.uint64), lines.pitch), lines.rhythm)
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def _divisor(ticks: Ints) -> Ints:
    """A class of 14: no whole half beat, no whole beat, else the common divisor with 96 beats."""
    beats = np.gcd(ticks // TICKS_PER_BEAT, _DIVISORS[-1])
    half = (ticks % (TICKS_PER_BEAT // 2) == 0).astype(np.int64)
    return np.where(ticks % TICKS_PER_BEAT, half, 2 + np.searchsorted(_DIVISORS, beats))


def _octave(distance: int) -> int:
    """A class of 20: half octaves of a distance in notes."""
    return min(int(2 * np.log2(distance) + 1e-9), 19)


Of = Callable[[Ints, int], Ints]
"""Notes (m,) and a distance -> classes (m,)."""


@dataclass(frozen=True)
class Feature:
    """What is looked at in a pair of notes.

    Attributes:
        size: its classes are 0 to size - 1.
        of: from lines, what gives the classes of all pairs of one distance.
    """

    size: int
    of: Callable[[Lines], Of]


def _before(key: Callable[[Lines], Ints]) -> Feature:
    def of(lines: Lines) -> Of:
        values = key(lines)
        return lambda notes, distance: match_before(values, lines, notes, distance)

    return Feature(LONGEST_MATCH + 1, of)


def _ahead(key: Callable[[Lines], Ints]) -> Feature:
    def of(lines: Lines) -> Of:
        values = key(lines)
        return lambda notes, distance: match_ahead(values, lines, notes, distance)

    return Feature(LONGEST_MATCH + 1, of)


def _alike(key: Callable[[Lines], Ints]) -> Feature:
    def of(lines: Lines) -> Of:
        values = key(lines)
        return lambda notes, distance: (values[notes] == values[notes - distance]).astype(np.int64)

    return Feature(2, of)


def _apart(tick: Callable[[Lines], Ints]) -> Feature:
    def of(lines: Lines) -> Of:
        ticks = tick(lines)
        return lambda notes, distance: _divisor(ticks[notes] - ticks[notes - distance])

    return Feature(2 + len(_DIVISORS), of)


def _of_place(lines: Lines) -> Of:
    place, bar = lines.known["place"], lines.known["bar"]

    def of(notes: Ints, distance: int) -> Ints:
        apart = bar[notes] - bar[notes - distance]
        octaves = np.searchsorted(_BARS, np.gcd(apart, _BARS[-1]))
        alike = place[notes] == place[notes - distance]
        return np.where(
            apart > 0, np.where(alike, 2 + octaves, 0), np.where(alike, 2 + len(_BARS), 1)
        )

    return of


FEATURES = {
    "pitch_match": _before(lambda lines: lines.pitch),
    "joint_match": _before(_joint),
    "rhythm_match_ahead": _ahead(lambda lines: lines.rhythm),
    "rhythm_alike": _alike(lambda lines: lines.rhythm),
    "notes_apart": Feature(20, lambda _: lambda notes, d: np.full(len(notes), _octave(d))),
    "beats_apart": _apart(lambda lines: lines.onset_tick),
    "beats_apart_before": _apart(lambda lines: lines.end_before_tick),
    "place_match": Feature(3 + len(_BARS), _of_place),
}
"""By name. Of rhythm, `joint_match` and `beats_apart_before` know that of the notes before alone.

`place_match` is of texts (`tonerow.evaluation.texts`): another place of another bar (0) or of the same
bar (1), the same place of bars that lie 1, 2, 4, 8 or 16 apart, or a multiple (2-6), or of the same bar
(7)."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of a note and an earlier note of the same piece.

    Attributes:
        note: (m,) the later note.
        earlier: (m,) the earlier note, whose pitch may come again.
        classes: uint8 (n_features, m).
        times: (m,) how many pairs a column stands for.
    """

    note: Ints
    earlier: Ints
    classes: Bytes
    times: Floats


def pairs(lines: Lines, features: Sequence[str], look_back: int) -> Pairs:
    """All pairs that are no more than `look_back` notes apart, with their features."""
    of = [(FEATURES[name].of(lines), FEATURES[name].size - 1) for name in features]
    notes = np.arange(len(lines.pitch))
    note: list[Ints] = [notes[:0]]
    earlier: list[Ints] = [notes[:0]]
    classes: list[Bytes] = [np.zeros((len(of), 0), np.uint8)]
    for distance in range(1, look_back + 1):
        notes = notes[lines.at[notes] >= distance]
        if not len(notes):
            break
        note.append(notes)
        earlier.append(notes - distance)
        found = [np.minimum(values(notes, distance), last) for values, last in of]
        classes.append(np.stack(found).astype(np.uint8))
    joined = np.concatenate(note)
    every = np.concatenate(classes, axis=1)
    return Pairs(joined, np.concatenate(earlier), every, np.ones(len(joined)))


def grouped(pairs: Pairs, pitch: Ints) -> tuple[Pairs, NDArray[np.bool_]]:
    """Pairs that speak alike for the same note as one, and whether they speak for its pitch.

    The probability of the note's own pitch needs no more, and they are a fraction of all pairs.
    """
    code = pairs.note * 2 + (pitch[pairs.note] == pitch[pairs.earlier])
    for row in pairs.classes:
        code = code * _MOST_CLASSES + row
    _, one, times = np.unique(code, return_index=True, return_counts=True)
    alike = Pairs(pairs.note[one], pairs.earlier[one], pairs.classes[:, one], times.astype(float))
    return alike, pitch[alike.note] == pitch[alike.earlier]
