"""What models see of the tokens: a view is one way to read them as sequences.

`VIEWS` is the only list of them: how each is read, and on whose notes the baselines beside a model
of that view are scored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.models.vocabulary import TICKS_PER_BEAT, Vocabulary
from tonerow.tokens.characters import FIRST_CHARACTER
from tonerow.tokens.tokenizer import Tokenizer

BEATS = "melody_rest", "melody_duration"
"""Columns of a line's rhythm: rest before each note, and how long it lasts."""
NORMALISED = tuple(f"{name}_norm" for name in BEATS)


@dataclass(frozen=True)
class Pieces:
    """The sequences of one split, end to end.

    Attributes:
        ids: piece ids, in order.
        first: int64 (n_pieces + 1,), where each piece begins; the last entry is the total length.
        notes: tensors (n_notes,) by name: ids of each field, its normalised values as
            ``<field>_norm``, and what else is known of a note.
        given: tensors (n_notes, ...) of what a model may know of the note that it is to predict.
        written_notes: of ABC tunes, whose elements are characters: their notes as written, repeats
            not played out; 0 otherwise.
    """

    ids: list[str]
    first: NDArray[np.int64]
    notes: Mapping[str, Tensor]
    given: Mapping[str, Tensor] = field(default_factory=dict)
    written_notes: int = 0

    @property
    def n_notes(self) -> int:
        """Notes (or characters) in all pieces."""
        return int(self.first[-1])

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return next(iter(self.notes.values())).device

    @cached_property
    def is_first(self) -> Tensor:
        """Bool (n_notes,), on the device: whether a note is the first of its piece."""
        first = torch.zeros(self.n_notes, dtype=torch.bool)
        first[torch.from_numpy(self.first[:-1][np.diff(self.first) > 0])] = True
        return first.to(self.device)

    def digest(self) -> str:
        """A sha256 over the notes, to tell one corpus from another."""
        sha = hashlib.sha256(self.first.tobytes())
        for tensors in (self.notes, self.given):
            for key in sorted(tensors):
                sha.update(key.encode() + tensors[key].cpu().numpy().tobytes())
        return sha.hexdigest()

    def to(self, device: torch.device) -> Pieces:
        """The same pieces on another device."""
        notes = {key: value.to(device) for key, value in self.notes.items()}
        given = {key: value.to(device) for key, value in self.given.items()}
        return replace(self, notes=notes, given=given)


def load_melody(tokens: Path, split: str) -> Pieces:
    """Reads the melody lines of a split.

    Args:
        tokens: folder with ``notes.parquet``.
        split: train, val or test.

    Returns:
        The ids of `pitch`, 0-127, and what is given of the lines' rhythm, see `rhythm_of`.
    """
    table = _read_notes(tokens, split, ["pitch", *NORMALISED, *BEATS], melody=True)
    ids, first = _pieces(table)
    norms, beats = (
        np.stack([table[name].to_numpy() for name in columns], axis=1)
        for columns in (NORMALISED, BEATS)
    )
    return Pieces(ids, first, {"pitch": _ids(table["pitch"])}, rhythm_of(norms, beats, first))


def rhythm_of(
    norms: NDArray[Any], beats: NDArray[Any], first: NDArray[np.int64]
) -> dict[str, Tensor]:
    """What is given of the rhythm of lines that stand end to end, see `Batch.given`.

    Args:
        norms: (n, 2), normalised rest before each note and duration.
        beats: (n, 2), the same two in beats.
        first: int64 (n_lines + 1,), where each line begins.
    """
    beats = beats.astype(np.float64)
    end = beats.sum(1).cumsum()
    onset, sizes = end - beats[:, 1], np.diff(first)
    begins, ends = first[:-1][sizes > 0], first[1:][sizes > 0] - 1
    begin, last = (np.repeat(at, sizes[sizes > 0]) for at in (onset[begins], end[ends]))
    times = {"ticks": beats, "onset": onset - begin, "remaining": last - onset}
    ticks = {
        # half a tick is rounded up, whatever stands before the line
        name: torch.from_numpy(np.floor(values * TICKS_PER_BEAT + 0.5 + 1e-6).astype(np.int64))
        for name, values in times.items()
    }
    return {"rhythm": torch.from_numpy(norms.astype(np.float32)), **ticks}


def load_events(tokens: Path, split: str) -> Pieces:
    """Reads every note of a split, in order of onset, then pitch.

    Returns:
        int64 ids of `pitch`, `offset`, `duration`, `velocity` (0 is MIDI velocity 1) and
        `instrument`; float32 `offset_norm`, `duration_norm` and `velocity_norm`, their normalised
        values.
    """
    ids = {"offset": "offset_id", "duration": "duration_id", "instrument": "instrument_id"}
    norms = {"offset": "step_norm", "duration": "duration_norm", "velocity": "velocity_norm"}
    columns = ["pitch", "velocity", *ids.values(), *norms.values()]
    table = _read_notes(tokens, split, columns, melody=False)
    notes = {"pitch": _ids(table["pitch"]), "velocity": _ids(table["velocity"]) - 1}
    notes |= {name: _ids(table[column]) for name, column in ids.items()}
    for name, column in norms.items():
        norm = table[column].to_numpy().astype(np.float32)
        notes[f"{name}_norm"] = torch.from_numpy(norm)
    return Pieces(*_pieces(table), notes)


def load_chars(tokens: Path, split: str) -> Pieces:
    """Reads the ABC tunes of a split.

    Returns:
        The ids of `char`, up to the end symbol; `body` bool, whether it comes after the header.
    """
    keep: Any = [("split", "==", split)]
    columns = ["piece_id", "char_ids", "header_length", "n_notes_written"]
    table = pq.read_table(tokens / "chars.parquet", columns=columns, filters=keep)
    lists = table["char_ids"].combine_chunks()
    lengths = lists.value_lengths().to_numpy().astype(np.int64)
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    place = np.arange(first[-1]) - np.repeat(first[:-1], lengths)
    body = place >= np.repeat(table["header_length"].to_numpy(), lengths)
    char = lists.flatten().to_numpy().astype(np.int64)
    return Pieces(
        ids=table["piece_id"].to_pylist(),
        first=first,
        notes={"char": torch.from_numpy(char), "body": torch.from_numpy(body)},
        written_notes=int(table["n_notes_written"].to_numpy().sum()),
    )


def _read_notes(tokens: Path, split: str, columns: list[str], melody: bool) -> pa.Table:
    keep: Any = [("split", "==", split)]
    if melody:
        keep.append(("is_melody", "==", True))
    path = tokens / "notes.parquet"
    return pq.read_table(path, columns=["piece_id", *columns], filters=keep)


def _pieces(table: pa.Table) -> tuple[list[str], NDArray[np.int64]]:
    """The piece ids of a table, and where each piece begins and the last one ends."""
    piece = table["piece_id"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], piece[1:] != piece[:-1]])[: len(piece)])
    return [str(piece[i]) for i in starts], np.append(starts, len(piece)).astype(np.int64)


def _ids(column: pa.ChunkedArray) -> Tensor:
    return torch.from_numpy(column.to_numpy().astype(np.int64))


@dataclass(frozen=True)
class View:
    """One way to read the tokens.

    Attributes:
        name: by which a model asks for it.
        load: reads one split from the folder of tokens.
        compared_with: name of the view whose notes samples are compared with.
        label: what its elements are, for tables.
    """

    name: str
    load: Callable[[Path, str], Pieces]
    compared_with: str
    label: str


VIEWS = {
    view.name: view
    for view in (
        View("melody", load_melody, "melody", "melody"),
        View("events", load_events, "events", "all notes"),
        View("chars", load_chars, "melody", "characters"),
    )
}


def vocabularies(tokenizer: Tokenizer) -> dict[str, Vocabulary]:
    """What models must know of the tokenizer's vocabularies."""

    def valued(values: Sequence[float], scaler: str, resolution: float) -> Vocabulary:
        scale, centres = tokenizer.scalers[scaler], np.array(values, np.float64)
        edges = scale.apply((centres[1:] + centres[:-1]) / 2).tolist()
        norms = scale.apply(centres).tolist()
        return Vocabulary(len(values), tuple(edges), tuple(values), tuple(norms), resolution)

    return {
        "pitch": Vocabulary(128),
        "offset": valued(tokenizer.offsets, "step", tokenizer.ticks_per_beat),
        "duration": valued(tokenizer.durations, "duration", tokenizer.ticks_per_beat),
        "velocity": valued([float(v) for v in range(1, 128)], "velocity", 1.0),
        "instrument": Vocabulary(len(tokenizer.instruments)),
        "char": Vocabulary(FIRST_CHARACTER + len(tokenizer.alphabet)),
    }
