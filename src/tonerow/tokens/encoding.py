"""Notes to the columns that models read: what fitting and encoding share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tonerow.notes.schema import TOKEN_NOTES
from tonerow.notes.table import melody_rest_and_duration
from tonerow.tokens import vocabulary
from tonerow.tokens.tokenizer import Tokenizer

Array = NDArray[Any]


def encode(tokenizer: Tokenizer, notes: pa.Table) -> pa.Table:
    """One row of fields a note.

    Args:
        tokenizer: fitted on train.
        notes: whole pieces, in the order and with the columns of `schema.NOTES` (of onset and
            duration, those in beats).

    Returns:
        The columns of `schema.TOKEN_NOTES` except split, in the same order of rows.
    """
    starts = piece_starts(notes)
    known = vocabulary.instrument_ids(tokenizer.instruments, tokenizer.counts["instruments"])
    step, duration = times(notes, starts)
    columns: dict[str, Array] = {
        "step": step,
        "duration": duration,
        "velocity": column(notes, "velocity").astype(np.float64),
        "offset_id": vocabulary.quantise_offsets(
            step, starts, np.asarray(tokenizer.offsets), tokenizer.ticks_per_beat
        ),
        "duration_id": vocabulary.nearest(duration, np.asarray(tokenizer.durations)),
        "instrument_id": known[instruments(notes)],
    }
    columns["melody_rest"], columns["melody_duration"] = melody(notes, starts)
    for field, scaler in tokenizer.scalers.items():
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
    notes: pa.Table, starts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Beats since the previous onset (0 at a piece's first note) and duration, float64, >= 0."""
    onset = column(notes, "onset_beat")
    step = np.diff(onset, prepend=0.0)
    step[starts] = 0.0
    return np.maximum(step, 0.0), column(notes, "duration_beat")


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
