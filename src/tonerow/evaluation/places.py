"""Where in the bar the notes of a view stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tonerow.evaluation.note_scores import Floats
from tonerow.notes.bars import bar_beats, beat_beats, place_in_bar
from tonerow.views import Pieces


def places(interim: Path, pieces: Pieces, melody: bool) -> tuple[Floats, Floats]:
    """Looks up the metre of each note.

    Args:
        interim: folder with pieces.parquet and notes.parquet.
        pieces: of a view of notes, not of characters.
        melody: whether they are the melody notes alone.

    Returns:
        Beats from the bar line to each note, and the length of its metre's beat in quarter notes,
        (n_notes,) each; NaN where no metre is stated.

    Raises:
        ValueError: the notes are not those of the view.
    """
    columns = ["piece_id", "time_signature", "downbeat_beat"]
    rows = pq.read_table(interim / "pieces.parquet", columns=columns).to_pylist()
    metre = {row["piece_id"]: row for row in rows}
    keep: Any = [("piece_id", "in", pieces.ids)]
    keep += [("is_melody", "==", True)] if melody else []
    path = interim / "notes.parquet"
    onset = pq.read_table(path, columns=["onset_beat"], filters=keep)["onset_beat"].to_numpy()
    if len(onset) != pieces.n_notes:
        raise ValueError(f"{path} has {len(onset)} of these {pieces.n_notes} notes; run dvc repro")
    sizes = np.diff(pieces.first)
    signatures = [metre[piece]["time_signature"] for piece in pieces.ids]
    begins = [metre[piece]["downbeat_beat"] for piece in pieces.ids]
    begin = np.repeat(np.array([np.nan if b is None else b for b in begins]), sizes)
    bar, beat = (
        np.repeat(np.array([np.nan if s is None else length(s) for s in signatures]), sizes)
        for length in (bar_beats, beat_beats)
    )
    return place_in_bar(onset, begin, bar), beat
