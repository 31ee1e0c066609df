"""Tokens on the device -> batches of windows.

A window is a run of consecutive notes of one piece. Batches are gathered from tensors that hold the
whole corpus on the device: while training, only where the windows begin is copied to it.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.models.base import START, Batch
from tonerow.models.vocabulary import Field
from tonerow.params import Training
from tonerow.tokens.abc_text import FIRST_CHARACTER
from tonerow.tokens.tokenizer import Tokenizer

SPLITS = ("train", "val", "test")
HIGHEST = 127
CONDITIONS = ("rhythm", "body")
"""Values that say something about a note and are not predicted."""


@dataclass(frozen=True)
class Pieces:
    """The sequences of one split, end to end.

    Attributes:
        ids: piece ids, in order.
        first: int64 (n_pieces + 1,), where each piece begins; the last entry is the total length.
        values: tensors of length n_notes, by batch key.
        written_notes: of ABC tunes, whose elements are characters: their notes as written, repeats
            not played out; 0 otherwise.
    """

    ids: list[str]
    first: NDArray[np.int64]
    values: dict[str, Tensor]
    written_notes: int = 0

    @property
    def n_notes(self) -> int:
        """Notes (or characters) in all pieces."""
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
        return replace(self, values=moved)


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
    rhythm = ["melody_rest_norm", "melody_duration_norm"]
    table = _read_notes(tokens, split, ["pitch", *rhythm], melody=True)
    values = {"pitch": _ids(table["pitch"])}
    stacked = np.stack([table[name].to_numpy() for name in rhythm], axis=1).astype(np.float32)
    return Pieces(*_pieces(table), {**values, "rhythm": torch.from_numpy(stacked)})


def load_events(tokens: Path, split: str) -> Pieces:
    """Reads every note of a split, in order of onset, then pitch.

    Returns:
        int64 ids `pitch`, `offset`, `duration`, `velocity` (0 is MIDI velocity 1) and `instrument`;
        float32 `offset_norm`, `duration_norm` and `velocity_norm`, their normalised values.
    """
    ids = {"offset": "offset_id", "duration": "duration_id", "instrument": "instrument_id"}
    norms = {"offset": "step_norm", "duration": "duration_norm", "velocity": "velocity_norm"}
    columns = ["pitch", "velocity", *ids.values(), *norms.values()]
    table = _read_notes(tokens, split, columns, melody=False)
    values = {"pitch": _ids(table["pitch"]), "velocity": _ids(table["velocity"]) - 1}
    values |= {name: _ids(table[column]) for name, column in ids.items()}
    for name, column in norms.items():
        norm = table[column].to_numpy().astype(np.float32)
        values[f"{name}_norm"] = torch.from_numpy(norm)
    return Pieces(*_pieces(table), values)


def load_chars(tokens: Path, split: str) -> Pieces:
    """Reads the ABC tunes of a split.

    Returns:
        `char` int64, from the first character (the start symbol is what stands before it) to the
        end symbol; `body` bool, whether a character comes after the header.
    """
    keep: Any = [("split", "==", split)]
    columns = ["piece_id", "char_ids", "n_notes"]
    table = pq.read_table(tokens / "chars.parquet", columns=columns, filters=keep)
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8"))
    tunes = [np.asarray(ids[1:], np.int64) for ids in table["char_ids"].to_pylist()]
    lengths = np.array([len(tune) for tune in tunes], np.int64)
    char = np.concatenate([*tunes, np.empty(0, np.int64)])
    headers = [len(header_of(tokenizer.decode_text(tune.tolist()))) for tune in tunes]
    body = [np.arange(len(tune)) >= n for tune, n in zip(tunes, headers, strict=True)]
    return Pieces(
        ids=table["piece_id"].to_pylist(),
        first=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        values={
            "char": torch.from_numpy(char),
            "body": torch.from_numpy(np.concatenate([*body, np.empty(0, bool)])),
        },
        written_notes=int(sum(table["n_notes"].to_pylist())),
    )


def header_of(tune: str) -> str:
    """The header of an ABC tune: up to the end of its first `K:` line, which closes it."""
    key = re.search(r"^K:.*\n?", tune, re.MULTILINE)
    return tune[: key.end()] if key else ""


VIEWS = {"melody": load_melody, "events": load_events, "chars": load_chars}
"""How each view of the tokens is read; a model names its view."""


BASELINE_VIEWS = {"melody": load_melody, "events": load_events, "chars": load_melody}
"""What the n-grams beside a model are fitted to and scored on."""


def vocabularies(tokenizer: Tokenizer) -> dict[str, Field]:
    """What models must know of the tokenizer's vocabularies."""

    def valued(values: Sequence[float], scaler: str, resolution: float) -> Field:
        scale, centres = tokenizer.scalers[scaler], np.array(values, np.float64)
        edges = scale.apply((centres[1:] + centres[:-1]) / 2).tolist()
        norms = scale.apply(centres).tolist()
        return Field(len(values), tuple(edges), tuple(values), tuple(norms), resolution)

    return {
        "pitch": Field(128),
        "offset": valued(tokenizer.offsets, "step", tokenizer.ticks_per_beat),
        "duration": valued(tokenizer.durations, "duration", tokenizer.ticks_per_beat),
        "velocity": valued([float(v) for v in range(1, 128)], "velocity", 1.0),
        "instrument": Field(len(tokenizer.instruments)),
        "char": Field(FIRST_CHARACTER + len(tokenizer.alphabet)),
    }


def _read_notes(tokens: Path, split: str, columns: list[str], melody: bool) -> pa.Table:
    keep: Any = [("split", "==", split)]
    if melody:
        keep.append(("is_melody", "==", True))
    return pq.read_table(tokens / "notes.parquet", columns=["piece_id", *columns], filters=keep)


def _pieces(table: pa.Table) -> tuple[list[str], NDArray[np.int64]]:
    """The piece ids of a table, and where each piece begins and the last one ends."""
    piece = table["piece_id"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], piece[1:] != piece[:-1]])[: len(piece)])
    return [str(piece[i]) for i in starts], np.append(starts, len(piece)).astype(np.int64)


def _ids(column: pa.ChunkedArray) -> Tensor:
    return torch.from_numpy(column.to_numpy().astype(np.int64))


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
    """Gathers windows into one padded batch.

    Returns:
        The pieces' values, (B, L, ...); ``previous_<key>``, the value before each note (before a
        piece's first: `START` for ids, 0 for normalised values); `length` int64 (B,); `scored` bool
        (B, L).
    """
    device = next(iter(pieces.values.values())).device
    length = torch.tensor([w.length for w in windows])
    start = torch.tensor([w.start for w in windows])
    context = torch.tensor([w.context for w in windows])
    at = torch.arange(int(length.max()))
    index = (start[:, None] + at).clamp(max=pieces.n_notes - 1)
    index = index.to(device)
    firsts = torch.from_numpy(pieces.first[:-1]).to(device)
    is_first = torch.isin(index, firsts)
    batch = {key: value[index] for key, value in pieces.values.items()}
    for key, value in pieces.values.items():
        if key not in CONDITIONS:
            before = value[(index - 1).clamp(min=0)]
            nothing = START if value.dtype == torch.int64 else 0
            batch[f"previous_{key}"] = before.masked_fill(is_first, nothing)
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
        generator.shuffle(groups)
    for group in groups:
        yield [windows[i] for i in group]


def transpose(batch: Batch, semitones: int, generator: np.random.Generator) -> Batch:
    """Shifts each row by a random interval of at most `semitones`, as far as 0-127 allows.

    Only for batches that hold pitches.
    """
    if semitones == 0:
        return batch
    pitch, previous, length = batch["pitch"], batch["previous_pitch"], batch["length"]
    real = torch.arange(pitch.shape[1], device=pitch.device) < length[:, None]
    known = torch.cat([pitch, previous], 1).masked_fill(torch.cat([~real, ~real], 1), START)
    lowest = known.masked_fill(known == START, HIGHEST).amin(1)
    highest = known.amax(1)
    shift = torch.from_numpy(generator.integers(-semitones, semitones + 1, len(pitch)))
    shift = shift.to(pitch.device).clamp(min=-lowest, max=HIGHEST - highest)[:, None]
    moved = torch.where(previous == START, previous, previous + shift).clamp(START, HIGHEST)
    return {**batch, "pitch": (pitch + shift).clamp(0, HIGHEST), "previous_pitch": moved}
