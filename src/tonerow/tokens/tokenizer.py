"""The fitted `Tokenizer`: notes to fields and back, ABC text to ids and back, as JSON on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tonerow.notes.schema import TOKEN_NOTES
from tonerow.notes.table import melody_rest_and_duration
from tonerow.tokens import abc_text, vocabulary
from tonerow.tokens.scaling import Scaler

VERSION = 1

Array = NDArray[Any]

_SHORTEST = 1e-4  # beats or seconds: a predicted note has a length


@dataclass(frozen=True)
class Tokenizer:
    """What was learned from the train pieces, and what it does to any notes.

    Attributes:
        time_unit: of step and duration, "beat" (quarter note) or "sec".
        ticks_per_beat: finest spacing of the quantisation grid.
        max_beats: longer offsets and durations are clipped to this.
        abc_fields: header fields of the ABC text, in order.
        scalers: of step, duration, velocity, melody_rest and melody_duration.
        offsets: the offset vocabulary in beats, ascending, from 0; an id is an index.
        durations: the duration vocabulary in beats, ascending, > 0.
        instruments: programs 0-127 and `vocabulary.DRUMS`, ascending.
        alphabet: the characters of the train tunes, in code point order.
        counts: train pieces, notes, melody notes and tunes; notes of each instrument.
    """

    time_unit: str
    ticks_per_beat: int
    max_beats: int
    abc_fields: tuple[str, ...]
    scalers: Mapping[str, Scaler]
    offsets: tuple[float, ...]
    durations: tuple[float, ...]
    instruments: tuple[int, ...]
    alphabet: str
    counts: Mapping[str, Any]

    def encode(self, notes: pa.Table) -> pa.Table:
        """One row of fields a note.

        Args:
            notes: whole pieces, in the order and with the columns of `schema.NOTES` (of the onset
                and duration columns: those in beats and those in `time_unit`).

        Returns:
            The columns of `schema.TOKEN_NOTES` except split, in the same order of rows.
        """
        starts = piece_starts(notes)
        step, duration = times(notes, starts, self.time_unit)
        gap, beats = times(notes, starts, "beat")
        columns: dict[str, Array] = {
            "step": step,
            "duration": duration,
            "velocity": column(notes, "velocity").astype(np.float64),
            "offset_id": vocabulary.quantise_offsets(
                gap, starts, np.asarray(self.offsets), self.ticks_per_beat
            ),
            "duration_id": vocabulary.nearest(beats, np.asarray(self.durations)),
            "instrument_id": self._instrument_ids[instruments(notes)],
        }
        columns["melody_rest"], columns["melody_duration"] = melody(notes, starts)
        for field, scaler in self.scalers.items():
            columns[f"{field}_norm"] = scaler.apply(columns[field])
        schema = pa.schema([field for field in TOKEN_NOTES if field.name != "split"])
        return pa.table(
            [
                notes.column(field.name).combine_chunks()
                if field.name in notes.column_names and field.name not in columns
                else pa.array(
                    columns[field.name].astype(field.type.to_pandas_dtype()),
                    from_pandas=field.nullable,  # NaN, off the melody, is null
                )
                for field in schema
            ],
            schema=schema,
        )

    def decode_ids(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        """One piece's notes from its ids.

        Args:
            fields: offset_id and duration_id, int (n_notes,); instrument_id where there is one.

        Returns:
            onset_beat (from 0) and duration_beat, float64 (n_notes,), within the quantisation that
            `vocabulary` states; with instrument_id also program (0 for drums) and is_drum.

        Raises:
            IndexError: an id is outside its vocabulary.
        """
        notes: dict[str, Array] = {
            "onset_beat": np.cumsum(np.asarray(self.offsets)[fields["offset_id"]]),
            "duration_beat": np.asarray(self.durations)[fields["duration_id"]],
        }
        if "instrument_id" in fields:
            instrument = np.asarray(self.instruments)[fields["instrument_id"]]
            notes["is_drum"] = instrument == vocabulary.DRUMS
            notes["program"] = np.where(notes["is_drum"], 0, instrument)
        return notes

    def decode_norm(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        """One piece's times and velocities from normalised values, which may be a model's.

        Args:
            fields: step_norm and duration_norm, float (n_notes,); velocity_norm where there is one.

        Returns:
            onset_beat or onset_sec (the cumulated steps) and duration_beat or duration_sec (> 0),
            float64 (n_notes,); with velocity_norm also velocity, int64 1-127. A note comes back
            within a relative error of 1e-5 for step and duration, and with its velocity.
        """
        step = self.scalers["step"].invert(fields["step_norm"])
        duration = self.scalers["duration"].invert(fields["duration_norm"])
        notes: dict[str, Array] = {
            f"onset_{self.time_unit}": np.cumsum(step),
            f"duration_{self.time_unit}": np.maximum(duration, _SHORTEST),
        }
        if "velocity_norm" in fields:
            velocity = self.scalers["velocity"].invert(fields["velocity_norm"])
            notes["velocity"] = np.clip(np.rint(velocity), 1, 127).astype(np.int64)
        return notes

    def encode_text(self, text: str) -> list[int]:
        """Ids of a tune as `abc_text.reduce_tune` leaves it: start, characters, end."""
        return abc_text.encode_text(text, self._character_ids)

    def decode_text(self, ids: Iterable[int]) -> str:
        """The characters before the end id; an unknown one reads as U+FFFD."""
        return abc_text.decode_text(ids, self.alphabet)

    def to_json(self) -> str:
        """The canonical JSON: keys sorted, floats as Python repeats them, one line end at the end.

        Keys are the attributes, and version; in `instruments`, drums are "drums".
        """
        content = {**asdict(self), "version": VERSION, "alphabet": list(self.alphabet)}
        content["instruments"] = ["drums" if i == vocabulary.DRUMS else i for i in self.instruments]
        text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: the text is not such JSON, or of another version.
        """
        try:
            content = json.loads(text)
            version = content.pop("version")
            if version != VERSION:
                raise ValueError(
                    f"tokenizer.json has version {version}, this code reads {VERSION}; "
                    "run the tokenize stage again"
                )
            content["scalers"] = {k: Scaler(**v) for k, v in content["scalers"].items()}
            content["alphabet"] = "".join(content["alphabet"])
            content["instruments"] = tuple(
                vocabulary.DRUMS if i == "drums" else i for i in content["instruments"]
            )
            for name in ("abc_fields", "offsets", "durations"):
                content[name] = tuple(content[name])
            return cls(**content)
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"not a tokenizer.json ({error!r}); run the tokenize stage again"
            ) from None

    def fingerprint(self) -> str:
        """The sha256 of the canonical JSON, which is that of tokenizer.json itself."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()

    @cached_property
    def _instrument_ids(self) -> NDArray[np.int64]:
        return vocabulary.instrument_ids(self.instruments, self.counts["instruments"])

    @cached_property
    def _character_ids(self) -> dict[str, int]:
        return {c: i for i, c in enumerate(self.alphabet, abc_text.FIRST_CHARACTER)}


def column(notes: pa.Table, name: str) -> Array:
    """A column as an array."""
    array: Array = notes.column(name).to_numpy()
    return array


def piece_starts(notes: pa.Table) -> NDArray[np.int64]:
    """The index of each piece's first note, ascending; a piece's notes are neighbours."""
    if not notes.num_rows:
        return np.zeros(0, dtype=np.int64)
    codes = notes.column("piece_id").combine_chunks().dictionary_encode().indices.to_numpy()
    return np.flatnonzero(np.diff(codes, prepend=-1))


def times(
    notes: pa.Table, starts: NDArray[np.int64], unit: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time since the previous onset (0 at a piece's first note) and duration, float64, >= 0."""
    onset = column(notes, f"onset_{unit}")
    step = np.diff(onset, prepend=0.0)
    step[starts] = 0.0
    return np.maximum(step, 0.0), column(notes, f"duration_{unit}")


def instruments(notes: pa.Table) -> NDArray[np.int64]:
    """The instrument of each note: 0-127, or `vocabulary.DRUMS`."""
    return vocabulary.instrument_classes(column(notes, "program"), column(notes, "is_drum"))


def melody(
    notes: pa.Table, starts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rest before each melody note and its duration, in beats; NaN off the melody."""
    onset, length = column(notes, "onset_beat"), column(notes, "duration_beat")
    on_line = np.flatnonzero(column(notes, "is_melody"))
    rest, duration = np.full(len(onset), np.nan), np.full(len(onset), np.nan)
    for line in np.split(on_line, np.searchsorted(on_line, starts[1:])):
        if len(line):
            rest[line], duration[line] = melody_rest_and_duration(onset[line], length[line])
    return rest, duration
