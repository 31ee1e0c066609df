"""Pieces -> batches of windows.

A window is a run of consecutive notes of one piece. Batches are gathered from tensors that hold the
whole corpus on the device: while training, only where the windows begin is copied to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.models.base import START, Batch
from tonerow.params import Training
from tonerow.parts import numbered
from tonerow.views import Pieces

Ints = NDArray[np.int64]

HIGHEST = 127


@dataclass(frozen=True)
class Window:
    """Notes start..start+length of the corpus; the first `context` of them are not scored."""

    start: int
    length: int
    context: int = 0


@dataclass(frozen=True)
class Windows:
    """Windows as columns, as there may be one for each note.

    Attributes:
        start: int64 (n,), the first note of each.
        length: int32 (n,), its notes.
        context: int32 (n,), so many of them are not scored.
    """

    start: NDArray[np.int64]
    length: NDArray[np.int32]
    context: NDArray[np.int32]

    @classmethod
    def of(cls, start: Ints, end: Ints, scored_from: Ints) -> Windows:
        """The windows of notes start..end, scored from a note on, (n,) each."""
        length, context = (at.astype(np.int32) for at in (end - start, scored_from - start))
        return cls(start, length, context)

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator[Window]:
        columns = (column.tolist() for column in (self.start, self.length, self.context))
        return itertools.starmap(Window, zip(*columns, strict=True))

    def take(self, which: NDArray[Any]) -> Windows:
        """Some of them, in this order."""
        return Windows(self.start[which], self.length[which], self.context[which])


@dataclass(frozen=True)
class Groups:
    """Windows in groups, each of which makes a batch.

    Attributes:
        windows: all of them.
        order: int (n,), in which order they stand in the groups.
        size: windows in a group, but for the last of `order`.
        which: int64, the groups in their order.
    """

    windows: Windows
    order: NDArray[Any]
    size: int
    which: Ints

    def __len__(self) -> int:
        return len(self.which)

    def __iter__(self) -> Iterator[Windows]:
        for group in self.which.tolist():
            yield self.windows.take(self.order[group * self.size : (group + 1) * self.size])

    def some(self, share: slice) -> Groups:
        """Some of the groups."""
        return replace(self, which=self.which[share])


def training_windows(
    pieces: Pieces,
    settings: Training,
    generator: np.random.Generator,
    which: Ints | None = None,
) -> Windows:
    """The windows of one epoch.

    Args:
        pieces: the training pieces.
        settings: `window`, notes in a window; shorter pieces give shorter windows. `windows`:
            "all": every note is in one window, and the cuts fall elsewhere each epoch; "one": a
            random slice of each piece. `predict`: "all" notes of a window, or its "last": then
            "all" windows are one a note, and "one" is one a piece. `max_windows`: a random choice
            of so many; 0: all.
        generator: of the random cuts and choices.
        which: int64, the pieces to take, in their order; None: all.
    """
    make = _windows_to_a_note if settings.predict == "last" else _windows_over_pieces
    taken = slice(None) if which is None else which
    return make(pieces.first[:-1][taken], np.diff(pieces.first)[taken], settings, generator)


def _windows_over_pieces(
    begin: Ints, n: Ints, settings: Training, generator: np.random.Generator
) -> Windows:
    """Windows over pieces that begin at a note and have n notes, (n_pieces,) each."""
    window = settings.window
    if settings.windows == "one":
        start = begin + generator.integers(0, np.maximum(n - window, 0) + 1)
        windows = Windows.of(start, start + np.minimum(window, n), start)
    else:
        shift = np.zeros(len(n), np.int64)
        shift[n > window] = generator.integers(0, window, int((n > window).sum()))
        windows = _cut(begin, n, shift, window)
    if 0 < settings.max_windows < len(windows):
        chosen = generator.choice(len(windows), settings.max_windows, replace=False)
        windows = windows.take(np.sort(chosen))
    return windows


def _cut(begin: Ints, n: Ints, shift: Ints, window: int) -> Windows:
    """Pieces of n notes cut after `shift` and each `window` notes from there, (n_pieces,) each."""
    leads = (shift > 0).astype(np.int64)
    piece, place = numbered(leads + -((shift - n) // window))
    cut = shift[piece] + (place - leads[piece]) * window
    start = begin[piece] + np.maximum(cut, 0)
    return Windows.of(start, begin[piece] + np.minimum(cut + window, n[piece]), start)


def _windows_to_a_note(
    begin: Ints, n: Ints, settings: Training, generator: np.random.Generator
) -> Windows:
    """Windows that end in the one note to predict; pieces as above."""
    ends = np.cumsum(n)  # of the pieces, laid end to end
    last = np.arange(n.sum())
    if settings.windows == "one":
        last = ends - n + generator.integers(0, n)
    if 0 < settings.max_windows < len(last):
        last = np.sort(generator.choice(last, settings.max_windows, replace=False))
    piece = np.searchsorted(ends, last, side="right")
    last += (begin - ends + n)[piece]
    start = np.maximum(begin[piece], last - settings.window + 1)
    return Windows.of(start, last + 1, last)


def scoring_windows(pieces: Pieces, window: int, stride: int) -> Windows:
    """Windows in which every note is scored exactly once.

    The first window of a piece scores all of its notes; each following one moves by `stride` and
    scores its last `stride` notes, so that these have at least window - stride notes before them.
    """
    begin, n = pieces.first[:-1], np.diff(pieces.first)
    piece, place = numbered(1 + -((np.minimum(window - n, 0)) // stride))
    until = np.minimum(window + place * stride, n[piece])
    scored = np.where(place > 0, window + (place - 1) * stride, 0)
    start = np.where(place > 0, np.maximum(until - window, 0), 0)
    return Windows.of(*(begin[piece] + at for at in (start, until, scored)))


def make_batch(pieces: Pieces, windows: Iterable[Window]) -> Batch:
    """Gathers windows into one batch, padded at the end to the longest; integers as int64."""
    own = windows if isinstance(windows, Windows) else _columns(windows)
    start, length, context = (
        torch.from_numpy(column).long() for column in (own.start, own.length, own.context)
    )
    at = torch.arange(int(length.max()))
    index = (start[:, None] + at).clamp(max=pieces.n_notes - 1)  # (B, L)
    index = index.to(pieces.device)
    is_first = pieces.is_first[index]
    earlier = (index - 1).clamp(min=0)
    return Batch(
        now={key: _wide(value[index]) for key, value in pieces.notes.items()},
        before={
            key: _before(_wide(value[earlier]), is_first) for key, value in pieces.notes.items()
        },
        given={key: _wide(value[index]) for key, value in pieces.given.items()},
        length=length.to(pieces.device),
        scored=((at >= context[:, None]) & (at < length[:, None])).to(pieces.device),
    )


def _columns(windows: Iterable[Window]) -> Windows:
    rows = np.array([(w.start, w.length, w.context) for w in windows], np.int64).reshape(-1, 3)
    return Windows.of(rows[:, 0], rows[:, 0] + rows[:, 1], rows[:, 0] + rows[:, 2])


def _wide(values: Tensor) -> Tensor:
    """Integers, which `Pieces` may hold in fewer bytes, as int64."""
    whole = not values.is_floating_point() and values.dtype != torch.bool
    return values.long() if whole else values


def whole_pieces(pieces: Pieces) -> Iterator[Batch]:
    """Each piece that has notes, as a batch of one row."""
    for begin, end in itertools.pairwise(pieces.first.tolist()):
        if end > begin:
            yield make_batch(pieces, [Window(begin, end - begin)])


def _before(earlier: Tensor, is_first: Tensor) -> Tensor:
    """What stands before each note: `START` for ids and 0 for values before a piece's first."""
    return earlier.masked_fill(is_first, START if earlier.dtype == torch.int64 else 0)


def scored_notes(windows: Windows) -> Ints:
    """The places in the corpus of the notes that a batch of these windows scores, row by row."""
    window, place = numbered((windows.length - windows.context).astype(np.int64))
    return (windows.start + windows.context)[window] + place


def batches(
    windows: Windows, batch_size: int, generator: np.random.Generator | None = None
) -> Groups:
    """Groups windows of similar length, so that little is padding.

    Args:
        windows: what to group.
        batch_size: windows in a batch.
        generator: shuffles the windows, and the batches after grouping; None: by length.
    """
    order = np.arange(len(windows), dtype=np.int32 if len(windows) < 2**31 else np.int64)
    if generator is not None:
        generator.shuffle(order)
    lengths = windows.length
    if lengths.max(initial=0) <= np.iinfo(np.int16).max:
        lengths = lengths.astype(np.int16)  # sorts in linear time
    order = order[np.argsort(-lengths[order], kind="stable")]
    which = np.arange(-(-len(order) // batch_size))
    if generator is not None:
        generator.shuffle(which)
    return Groups(windows, order, batch_size, which)


def transpose(batch: Batch, semitones: int, generator: np.random.Generator) -> Batch:
    """Shifts each row by a random interval of at most `semitones`, as far as 0-127 allows.

    Only for batches that hold pitches.
    """
    if semitones == 0:
        return batch
    pitch, before, length = batch.now["pitch"], batch.before["pitch"], batch.length
    real = torch.arange(pitch.shape[1], device=pitch.device) < length[:, None]  # (B, L)
    known = torch.cat([pitch, before], 1).masked_fill(torch.cat([~real, ~real], 1), START)
    lowest = known.masked_fill(known == START, HIGHEST).amin(1)
    highest = known.amax(1)
    shift = torch.from_numpy(generator.integers(-semitones, semitones + 1, len(pitch)))
    shift = shift.to(pitch.device).clamp(min=-lowest, max=HIGHEST - highest)[:, None]  # (B, 1)
    moved = torch.where(before == START, before, before + shift).clamp(START, HIGHEST)
    return replace(
        batch,
        now={**batch.now, "pitch": (pitch + shift).clamp(0, HIGHEST)},
        before={**batch.before, "pitch": moved},
    )
