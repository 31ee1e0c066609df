"""A model beside the strongest rival that sees as much, note by note."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tonerow.evaluation.intervals import over_works
from tonerow.evaluation.scores import Scored
from tonerow.models.base import Model, Sees
from tonerow.views import VIEWS

SEES_AS_MUCH = {
    Sees.NOTES_BEFORE: "pitch_and_past_rhythm",
    Sees.WINDOW_BEFORE: "pitch_and_past_rhythm",
    Sees.RHYTHM_SO_FAR: "pitch_and_past_rhythm",  # no rival sees just this; none that sees more
    Sees.WHOLE_RHYTHM: "rhythm",
}
"""What the rival beside a model sees. No rival predicts characters."""


def beside_rival(
    scored: Scored, model: Model, split: str, rivals: Path, works: Mapping[str, str]
) -> dict[str, dict[str, float | str]]:
    """The rival of a model, and the paired difference of their nats a pitch.

    Args:
        scored: the model's notes.
        model: whose they are.
        split: "val" or "test".
        rivals: folder with the Parquet files of `tonerow.evaluation.baselines.note_table`.
        works: the work of each piece.

    Returns:
        `rival`: its `name`, its `pitch_nll`, and `difference`, how much more the model needs, with
        its 95 % interval over works; empty where no rival predicts what the model does.
    """
    sees = SEES_AS_MUCH.get(model.conditions_on)
    file = rivals / f"{VIEWS[model.view].compared_with}.parquet"
    if sees is None or "pitch" not in scored.fields or not file.exists():
        return {}
    name, nats = strongest(file, sees, split)
    pieces = scored.pieces
    more = scored.fields["pitch"]["nats"].astype(np.float64) - nats
    mean, low, high = over_works(more, pieces.ids, pieces.first, works)
    about: dict[str, float | str] = {"name": name, "pitch_nll": float(nats.mean(dtype=np.float64))}
    return {"rival": about | {"difference": mean, "difference_low": low, "difference_high": high}}


def strongest(table: Path, sees: str, split: str) -> tuple[str, NDArray[np.float32]]:
    """The last of the rivals that see so much, and its nats of each note."""
    rows = pq.read_table(table, filters=[("split", "==", split)])
    tags = {key.decode(): tag.decode() for key, tag in (rows.schema.metadata or {}).items()}
    (*_, name) = (name for name in rows.column_names if tags.get(name) == sees)
    return name, rows[name].to_numpy()
