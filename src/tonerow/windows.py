"""Pieces -> batches of windows.

A window is a run of consecutive notes of one piece. Batches are gathered from tensors that hold the
whole corpus on the device: while training, only where the windows begin is copied to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.models.base import START, Batch
from tonerow.params import Training
from tonerow.views import Pieces

HIGHEST = 127


@dataclass(frozen=True)
class Window:
    """Notes start..start+length of the corpus; the first `context` of them are not scored."""

    start: int
    length: int
    context: int = 0


def training_windows(
    pieces: Pieces, settings: Training, generator: np.random.Generator
) -> list[Window]:
    """The windows of one epoch.

    Args:
        pieces: the training pieces.
        settings: `window`, notes in a window; shorter pieces give shorter windows. `windows`:
            "all": every note is in one window, and the cuts fall elsewhere each epoch; "one": a
            random slice of each piece. `predict`: "all" notes of a window, or its "last": then
            "all" windows are one a note, and "one" is one a piece. `max_windows`: a random choice
            of so many; 0: all.
        generator: of the random cuts and choices.
    """
    make = _windows_to_a_note if settings.predict == "last" else _windows_over_pieces
    return make(pieces, settings, generator)


def _windows_over_pieces(
    pieces: Pieces, settings: Training, generator: np.random.Generator
) -> list[Window]:
    windows, window = [], settings.window
    for begin, end in zip(pieces.first[:-1].tolist(), pieces.first[1:].tolist(), strict=True):
        n = end - begin
        if settings.windows == "one":
            start = begin + int(generator.integers(0, max(n - window, 0) + 1))
            windows.append(Window(start, min(window, n)))
            continue
        shift = int(generator.integers(0, window)) if n > window else 0
        cuts = [begin, *range(begin + shift, end, window), end]
        windows += [Window(a, b - a) for a, b in itertools.pairwise(cuts) if b > a]
    if 0 < settings.max_windows < len(windows):
        chosen = generator.choice(len(windows), settings.max_windows, replace=False)
        windows = [windows[i] for i in np.sort(chosen)]
    return windows


def _windows_to_a_note(
    pieces: Pieces, settings: Training, generator: np.random.Generator
) -> list[Window]:
    """Windows that end in the one note to predict."""
    begins, lengths = pieces.first[:-1], np.diff(pieces.first)
    if settings.windows == "one":
        last = begins + generator.integers(0, lengths)
    else:
        last = np.arange(pieces.n_notes)
    if 0 < settings.max_windows < len(last):
        last = np.sort(generator.choice(last, settings.max_windows, replace=False))
    begin = begins[np.searchsorted(begins, last, side="right") - 1]
    start = np.maximum(begin, last - settings.window + 1)
    return [Window(a, b - a + 1, b - a) for a, b in zip(start.tolist(), last.tolist(), strict=True)]


def scoring_windows(pieces: Pieces, window: int, stride: int) -> list[Window]:
    """Windows in which every note is scored exactly once.

    The first window of a piece scores all of its notes; each following one moves by `stride` and
    scores its last `stride` notes, so that these have at least window - stride notes before them.
    """
    windows = []
    for begin, end in zip(pieces.first[:-1].tolist(), pieces.first[1:].tolist(), strict=True):
        scored = min(begin + window, end)
        windows.append(Window(begin, scored - begin))
        while scored < end:
            until = min(scored + stride, end)
            start = max(begin, until - window)
            windows.append(Window(start, until - start, scored - start))
            scored = until
    return windows


def make_batch(pieces: Pieces, windows: list[Window]) -> Batch:
    """Gathers windows into one batch, padded at the end to the longest."""
    length = torch.tensor([w.length for w in windows])
    start = torch.tensor([w.start for w in windows])
    context = torch.tensor([w.context for w in windows])
    at = torch.arange(int(length.max()))
    index = (start[:, None] + at).clamp(max=pieces.n_notes - 1)  # (B, L)
    index = index.to(pieces.device)
    is_first = pieces.is_first[index]
    earlier = (index - 1).clamp(min=0)
    return Batch(
        now={key: value[index] for key, value in pieces.notes.items()},
        before={key: _before(value[earlier], is_first) for key, value in pieces.notes.items()},
        given={key: value[index] for key, value in pieces.given.items()},
        length=length.to(pieces.device),
        scored=((at >= context[:, None]) & (at < length[:, None])).to(pieces.device),
    )


def whole_pieces(pieces: Pieces) -> Iterator[Batch]:
    """Each piece that has notes, as a batch of one row."""
    for begin, end in itertools.pairwise(pieces.first.tolist()):
        if end > begin:
            yield make_batch(pieces, [Window(begin, end - begin)])


def _before(earlier: Tensor, is_first: Tensor) -> Tensor:
    """What stands before each note: `START` for ids and 0 for values before a piece's first."""
    return earlier.masked_fill(is_first, START if earlier.dtype == torch.int64 else 0)


def scored_notes(windows: list[Window]) -> NDArray[np.int64]:
    """The places in the corpus of the notes that a batch of these windows scores, row by row."""
    ranges = [np.arange(w.start + w.context, w.start + w.length) for w in windows]
    return np.concatenate([*ranges, np.empty(0, np.int64)]).astype(np.int64)


def batches(
    windows: list[Window], batch_size: int, generator: np.random.Generator | None = None
) -> Iterator[list[Window]]:
    """Groups windows of similar length, so that little is padding.

    Args:
        windows: what to group.
        batch_size: windows in a batch.
        generator: shuffles the windows, and the batches after grouping; None: by length.
    """
    order = np.arange(len(windows))
    if generator is not None:
        generator.shuffle(order)
    lengths = np.array([w.length for w in windows])
    order = order[np.argsort(-lengths[order], kind="stable")]
    groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    if generator is not None:
        generator.shuffle(groups)
    for group in groups:
        yield [windows[i] for i in group]


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
