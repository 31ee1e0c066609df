"""What the rivals read: pitches, and the rhythm of the whole line in exact ids; or characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from tonerow.evaluation.ngram import before
from tonerow.evaluation.note_scores import N_PITCHES, Floats, Ints
from tonerow.parts import Hashes, extend, runs_of_pieces

TICKS_PER_BEAT = 480
"""Times are rounded to this, so that equal rhythms are equal whatever a float has made of them."""

UNKNOWN = N_PITCHES
"""Stands for the pitch before a piece's first note, and for the interval to it."""


@dataclass(frozen=True)
class Lines:
    """The melodies of one split, end to end; or texts, whose characters stand where pitches do.

    Attributes:
        pitch: int64 (n,), 0 to n_symbols - 1.
        first: int64 (n_pieces + 1,), where each piece begins; the last entry is n.
        rest: (n,) beats between the end of the note before and the note, >= 0.
        duration: (n,) beats.
        known: by name, (n,) >= 0, what else the notes (or characters) before tell of each.
        n_symbols: how many different pitches (or characters) there may be.
    """

    pitch: Ints
    first: Ints
    rest: Floats
    duration: Floats
    known: Mapping[str, Ints] = field(default_factory=dict)
    n_symbols: int = N_PITCHES

    def __post_init__(self) -> None:
        sizes = {len(self.pitch), len(self.rest), len(self.duration), int(self.first[-1])}
        if len(sizes) > 1:
            raise ValueError(
                f"pitch, rest and duration have {len(self.pitch)}, {len(self.rest)} and "
                f"{len(self.duration)} notes and the pieces {int(self.first[-1])}: "
                "give one of each for every note"
            )

    @property
    def n_pieces(self) -> int:
        """Pieces."""
        return len(self.first) - 1

    @cached_property
    def piece(self) -> Ints:
        """The piece of each note, (n,)."""
        return np.repeat(np.arange(self.n_pieces), np.diff(self.first))

    @cached_property
    def start(self) -> Ints:
        """Where the piece of each note begins, (n,)."""
        return np.repeat(self.first[:-1], np.diff(self.first))

    @cached_property
    def end(self) -> Ints:
        """Where the piece of each note ends, (n,)."""
        return np.repeat(self.first[1:], np.diff(self.first))

    @cached_property
    def at(self) -> Ints:
        """The place of each note in its piece, (n,), from 0."""
        return np.arange(len(self.pitch)) - self.start

    @cached_property
    def before(self) -> Ints:
        """The pitch before each note, (n,); 0 at a piece's first."""
        return before(self.pitch, self.first, 1, 0)

    @cached_property
    def interval(self) -> Ints:
        """Semitones from the note before modulo 128, (n,); `UNKNOWN` at a piece's first."""
        return np.where(self.at > 0, (self.pitch - self.before) % N_PITCHES, UNKNOWN)

    @cached_property
    def duration_tick(self) -> Ints:
        """Duration in ticks, (n,)."""
        return np.rint(self.duration * TICKS_PER_BEAT).astype(np.int64)

    @cached_property
    def rest_tick(self) -> Ints:
        """Rest before each note in ticks, (n,)."""
        return np.rint(self.rest * TICKS_PER_BEAT).astype(np.int64)

    @cached_property
    def rhythm(self) -> Ints:
        """An id of rest and duration, (n,)."""
        pairs = np.stack([self.rest_tick, self.duration_tick], 1)
        key: Hashes = np.zeros(len(pairs), np.uint64)
        for column in pairs.T:
            key = extend(key, column)
        return np.unique(key, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def onset_tick(self) -> Ints:
        """Onset in ticks after the onset of the piece's first note, (n,)."""
        return self.end_before_tick + np.where(self.at > 0, self.rest_tick, 0)

    @cached_property
    def end_before_tick(self) -> Ints:
        """Where the note before ends, in ticks after the onset of the first, (n,); 0 at the first.

        All that is known of a note's onset where its own rhythm is not.
        """
        length = np.where(self.at > 0, self.rest_tick, 0) + self.duration_tick
        passed = np.cumsum(length) - length
        return passed - passed[self.start]

    def pieces(self, which: Ints) -> Lines:
        """These pieces alone, in this order; integers as int64, times as float64."""
        sizes = np.diff(self.first)[which]
        first = np.append(0, np.cumsum(sizes))
        return self._notes(
            np.repeat(self.first[which] - first[:-1], sizes) + np.arange(first[-1]), first
        )

    def runs(self) -> Iterator[Lines]:
        """All pieces in order, as many at once as `runs_of_pieces` says; in types as of `pieces`."""
        for run in runs_of_pieces(self.first):
            first = self.first[run.start : run.stop + 1]
            yield self._notes(slice(first[0], first[-1]), first - first[0])

    def _notes(self, notes: Ints | slice, first: Ints) -> Lines:
        return replace(
            self,
            pitch=self.pitch[notes].astype(np.int64),
            first=first,
            rest=self.rest[notes].astype(np.float64),
            duration=self.duration[notes].astype(np.float64),
            known={name: values[notes].astype(np.int64) for name, values in self.known.items()},
        )

    def narrow(self) -> Lines:
        """The same in as few bytes as hold it; to be read by `pieces` and `runs`."""
        times: list[Any] = []
        for own in (self.rest, self.duration):
            short = own.astype(np.float32)
            times.append(short if np.array_equal(short, own) else own)
        return replace(
            self,
            pitch=self.pitch.astype(np.min_scalar_type(self.n_symbols)),
            rest=times[0],
            duration=times[1],
            known={
                name: values.astype(np.min_scalar_type(values.max(initial=0)))
                for name, values in self.known.items()
            },
        )

    def pairs(self, look_back: int) -> Ints:
        """Pairs of a note and one of the `look_back` notes before it, by piece, (n_pieces,)."""
        size = np.diff(self.first)
        near = np.minimum(size, look_back + 1)
        pairs: Ints = near * (near - 1) // 2 + (size - near) * look_back
        return pairs

    def blocks(self, look_back: int, max_pairs: int) -> Iterator[Lines]:
        """All pieces in order, as blocks of about `max_pairs` pairs; a longer piece is one alone."""
        cost = np.cumsum(self.pairs(look_back))
        block = (cost - 1) // max_pairs
        for group in np.split(np.arange(self.n_pieces), np.flatnonzero(np.diff(block)) + 1):
            yield self.pieces(group)
