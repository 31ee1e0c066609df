"""Tokens on the device -> batches of windows.

A window is a run of consecutive notes of one piece. Batches are gathered from tensors that hold the
whole corpus on the device: nothing is copied to it while training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.models.base import N_PITCHES, START, Batch

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Pieces:
    """The sequences of one split, end to end.

    Attributes:
        ids: piece ids, in order.
        first: int64 (n_pieces + 1,), where each piece begins; the last entry is the total length.
        values: tensors of length n_notes, by batch key.
    """

    ids: list[str]
    first: NDArray[np.int64]
    values: dict[str, Tensor]

    @property
    def n_notes(self) -> int:
        """Notes in all pieces."""
        return int(self.first[-1])

    def digest(self) -> str:
        """A sha256 over the notes, to tell one corpus from another."""
        sha = hashlib.sha256(self.first.tobytes())
        for key in sorted(self.values):
            sha.update(key.encode() + self.values[key].cpu().numpy().tobytes())
        return sha.hexdigest()

    def to(self, device: torch.device) -> Pieces:
        """The same pieces on another device."""
        moved = {key: value.to(device) for key, value in self.values.items()}
        return Pieces(self.ids, self.first, moved)


@dataclass(frozen=True)
class Window:
    """Notes start..start+length of the corpus; the first `context` of them are not scored."""

    start: int
    length: int
    context: int = 0


def load_melody(tokens: Path, split: str) -> Pieces:
    """Reads the melody lines of a split.

    Args:
        tokens: folder with ``notes.parquet``.
        split: train, val or test.

    Returns:
        `pitch` int64, 0-127, and `rhythm` float32 (n, 2) = normalised (rest, duration).
    """
    columns = ["piece_id", "pitch", "melody_rest_norm", "melody_duration_norm"]
    keep: Any = [("split", "==", split), ("is_melody", "==", True)]
    table = pq.read_table(tokens / "notes.parquet", columns=columns, filters=keep)
    piece = table["piece_id"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], piece[1:] != piece[:-1]])) if len(piece) else []
    rhythm = np.stack([table[c].to_numpy() for c in columns[2:]], axis=1).astype(np.float32)
    return Pieces(
        ids=[str(piece[i]) for i in starts],
        first=np.append(np.asarray(starts, np.int64), len(piece)),
        values={
            "pitch": torch.from_numpy(table["pitch"].to_numpy().astype(np.int64)),
            "rhythm": torch.from_numpy(rhythm),
        },
    )


VIEWS = {"melody": load_melody}
"""How each view of the tokens is read; a model names its view."""


def training_windows(
    pieces: Pieces, window: int, which: str, generator: np.random.Generator
) -> list[Window]:
    """The windows of one epoch.

    Args:
        pieces: the training pieces.
        window: notes in a window; shorter pieces give shorter windows.
        which: "all": every note is in one window, and the cuts fall elsewhere each epoch;
            "one": a random slice of each piece.
        generator: of the random cuts.
    """
    windows = []
    for begin, end in zip(pieces.first[:-1].tolist(), pieces.first[1:].tolist(), strict=True):
        n = end - begin
        if which == "one":
            start = begin + int(generator.integers(0, max(n - window, 0) + 1))
            windows.append(Window(start, min(window, n)))
            continue
        shift = int(generator.integers(0, window)) if n > window else 0
        cuts = [begin, *range(begin + shift, end, window), end]
        windows += [Window(a, b - a) for a, b in zip(cuts[:-1], cuts[1:], strict=True) if b > a]
    return windows


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
    """Gathers windows into one padded batch.

    Returns:
        The pieces' values, (B, L, ...); `previous` int64 (B, L), the pitch before each note
        (`START` before a piece's first); `length` int64 (B,) on the CPU; `scored` bool (B, L).
    """
    device = pieces.values["pitch"].device
    length = torch.tensor([w.length for w in windows])
    start = torch.tensor([w.start for w in windows])
    context = torch.tensor([w.context for w in windows])
    at = torch.arange(int(length.max()))
    index = (start[:, None] + at).clamp(max=pieces.n_notes - 1).to(device)
    batch = {key: value[index] for key, value in pieces.values.items()}
    is_first = torch.zeros(pieces.n_notes, dtype=torch.bool)
    is_first[torch.from_numpy(pieces.first[:-1])] = True
    before = pieces.values["pitch"][(index - 1).clamp(min=0)]
    batch["previous"] = before.masked_fill(is_first.to(device)[index], START)
    batch["length"] = length.to(device)
    batch["scored"] = ((at >= context[:, None]) & (at < length[:, None])).to(device)
    return batch


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
        generator.shuffle(groups)  # type: ignore[arg-type]
    for group in groups:
        yield [windows[i] for i in group]


def transpose(batch: Batch, semitones: int, generator: np.random.Generator) -> Batch:
    """Shifts each row by a random interval of at most `semitones`, as far as 0-127 allows."""
    pitch, scored = batch["pitch"], batch["scored"]
    if semitones == 0:
        return batch
    shift = torch.from_numpy(generator.integers(-semitones, semitones + 1, len(pitch)))
    lowest = pitch.masked_fill(~scored, N_PITCHES - 1).amin(1)
    highest = pitch.masked_fill(~scored, 0).amax(1)
    shift = shift.to(pitch.device).clamp(min=-lowest, max=N_PITCHES - 1 - highest)[:, None]
    previous = batch["previous"]
    moved = torch.where(previous == START, previous, (previous + shift).clamp(0, N_PITCHES - 1))
    return {**batch, "pitch": (pitch + shift).clamp(0, N_PITCHES - 1), "previous": moved}
