"""Scores note by note as a table, which says of each note whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tonerow.views import Pieces


def note_table(
    split: str, pieces: Pieces, works: Mapping[str, str], columns: Mapping[str, NDArray[Any]]
) -> pa.Table:
    """One row a note of a split: split, piece_id, work_id and these columns, floats as float32.

    Args:
        split: which.
        pieces: the notes.
        works: the work of each piece.
        columns: arrays (n_notes,) by name.
    """
    sizes = np.diff(pieces.first)
    owners = {"piece_id": pieces.ids, "work_id": [works[piece] for piece in pieces.ids]}
    table: dict[str, Any] = {"split": pa.repeat(split, pieces.n_notes)}
    for name, own in owners.items():
        table[name] = pa.array(np.repeat(np.array(own, dtype=object), sizes), pa.string())
    for name, values in columns.items():
        is_float = np.issubdtype(values.dtype, np.floating)
        table[name] = pa.array(values.astype(np.float32) if is_float else values)
    return pa.table(table)
