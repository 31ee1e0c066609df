"""What models see of the tokens: a view is one way to read them as sequences.

`VIEWS` is the only list of them: how each is read, and on whose notes the baselines beside a model
of that view are scored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.models.vocabulary import TICKS_PER_BEAT, Vocabulary
from tonerow.parts import numbered, runs_of_pieces
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
            ``<field>_norm``, and what else is known of a note. Integers have as few bytes as they
            need, here and below; those of batches are int64.
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
                sha.update(key.encode())
                sha.update(np.ascontiguousarray(tensors[key].cpu().numpy()).data)
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
    notes = read_notes(tokens, split, ["pitch", *NORMALISED, *BEATS], melody=True)
    given: dict[str, Tensor] = {}
    for pieces in runs_of_pieces(notes.first):
        own = slice(notes.first[pieces.start], notes.first[pieces.stop])
        norms, beats = (
            np.stack([notes.columns[name][own] for name in names], axis=1)
            for names in (NORMALISED, BEATS)
        )
        first = notes.first[pieces.start : pieces.stop + 1] - own.start
        for name, values in rhythm_of(norms, beats, first).items():
            _fill(given, name, _narrow(values), own.start, int(notes.first[-1]))
    return Pieces(
        notes.ids, notes.first, {"pitch": torch.from_numpy(notes.columns["pitch"])}, given
    )


def _fill(whole: dict[str, Tensor], name: str, part: Tensor, at: int, size: int) -> None:
    """Puts a part in its place of a tensor of this size, which is widened for it if need be."""
    kind = torch.promote_types(part.dtype, whole[name].dtype) if name in whole else part.dtype
    if name not in whole:
        whole[name] = torch.empty((size, *part.shape[1:]), dtype=kind)
    whole[name] = whole[name].to(kind)
    whole[name][at : at + len(part)] = part


def _narrow(values: Tensor) -> Tensor:
    """Integers as int32 where that holds them."""
    if values.dtype != torch.int64 or not len(values):
        return values
    limits = torch.iinfo(torch.int32)
    fits = limits.min <= int(values.min()) and int(values.max()) <= limits.max
    return values.int() if fits else values


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
    read = read_notes(tokens, split, columns, melody=False)
    of = {name: torch.from_numpy(values) for name, values in read.columns.items()}
    notes = {"pitch": of["pitch"], "velocity": (of["velocity"] - 1).to(torch.uint8)}
    notes |= {name: of[column] for name, column in ids.items()}
    notes |= {f"{name}_norm": of[column] for name, column in norms.items()}
    return Pieces(read.ids, read.first, notes)


def load_chars(tokens: Path, split: str) -> Pieces:
    """Reads the ABC tunes of a split.

    Returns:
        The ids of `char`, up to the end symbol; `body` bool, whether it comes after the header.
    """
    columns = ["char_ids", "header_length", "n_notes_written"]
    ids: list[str] = []
    parts: dict[str, list[NDArray[Any]]] = {"char": [], "body": [], "length": []}
    written = 0
    for table in _of_split(tokens / "chars.parquet", split, columns):
        lists = table["char_ids"].combine_chunks()
        lengths = lists.value_lengths().to_numpy().astype(np.int64)
        row, place = numbered(lengths)
        parts["body"].append(place >= table["header_length"].to_numpy()[row])
        parts["char"].append(lists.flatten().to_numpy())
        parts["length"].append(lengths)
        ids += table["piece_id"].to_pylist()
        written += int(table["n_notes_written"].to_numpy().sum())
    char, body, lengths = (
        np.concatenate([np.zeros(0, kind), *of])
        for kind, of in zip((np.int16, bool, np.int64), parts.values(), strict=True)
    )
    return Pieces(
        ids=ids,
        first=np.append(0, np.cumsum(lengths)),
        notes={"char": torch.from_numpy(char), "body": torch.from_numpy(body)},
        written_notes=written,
    )


class Notes(NamedTuple):
    """Columns of notes, and whose they are; see `Pieces`."""

    ids: list[str]
    first: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]


def read_notes(tokens: Path, split: str, columns: Sequence[str], melody: bool) -> Notes:
    """Reads a row group at a time: names of pieces, a row a note, would take more than the notes.

    Args:
        tokens: folder with ``notes.parquet``.
        split: train, val or test.
        columns: of `tonerow.notes.schema.TOKEN_NOTES`.
        melody: whether to read the melody alone.
    """
    ids: list[str] = []
    firsts: list[NDArray[np.int64]] = []
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in columns}
    n = 0
    needed = [*columns, "is_melody"] if melody else columns
    for rows in _of_split(tokens / "notes.parquet", split, needed):
        table = rows.filter(rows["is_melody"]) if melody else rows
        names = table["piece_id"].combine_chunks().dictionary_encode()
        starts = np.flatnonzero(np.diff(names.indices.to_numpy(), prepend=-1))
        new = [str(names[i]) for i in starts.tolist()]
        goes_on = bool(ids and new) and ids[-1] == new[0]
        ids += new[goes_on:]
        firsts.append(starts[goes_on:] + n)
        for name, own in parts.items():
            own.append(table[name].to_numpy())
        n += len(table)
    first = np.concatenate([*firsts, [n]]).astype(np.int64)
    schema = pq.read_schema(tokens / "notes.parquet")
    read: dict[str, NDArray[Any]] = {}
    for name in columns:
        none = np.zeros(0, schema.field(name).type.to_pandas_dtype())
        read[name] = np.concatenate([none, *parts.pop(name)])
    return Notes(ids, first, read)


def _of_split(path: Path, split: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of a split, with piece_id, a row group at a time."""
    with pq.ParquetFile(path, read_dictionary=["split"]) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["piece_id", "split", *columns])
            yield table.filter(pc.equal(table["split"], split))


@dataclass(frozen=True)
class View:
    """One way to read the tokens.

    Attributes:
        name: by which a model asks for it.
        load: reads one split from the folder of tokens.
        compared_with: name of the view whose notes samples are compared with.
        label: what its elements are, for tables.
        table: file of the tokens that holds them.
        melody: whether they are the notes of the melody alone.
    """

    name: str
    load: Callable[[Path, str], Pieces]
    compared_with: str
    label: str
    table: str
    melody: bool = False

    def is_empty(self, tokens: Path, split: str) -> bool:
        """Whether a split has nothing for it; reads no further than to the first row."""
        rows = _of_split(tokens / self.table, split, ["is_melody"] if self.melody else [])
        return not any(pc.any(of["is_melody"]).as_py() if self.melody else len(of) for of in rows)


VIEWS = {
    view.name: view
    for view in (
        View("melody", load_melody, "melody", "melody", "notes.parquet", melody=True),
        View("events", load_events, "events", "all notes", "notes.parquet"),
        View("chars", load_chars, "melody", "characters", "chars.parquet"),
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
