"""A model beside the strongest rival that sees no more, note by note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tonerow.evaluation.intervals import over_works
from tonerow.evaluation.scores import Scored
from tonerow.models.base import Model, Sees

SEES_AS_MUCH = {
    Sees.NOTES_BEFORE: "pitch_and_past_rhythm",
    Sees.WINDOW_BEFORE: "pitch_and_past_rhythm",
    Sees.RHYTHM_SO_FAR: "rhythm_so_far",
    Sees.WHOLE_RHYTHM: "rhythm",
    Sees.CHARACTERS_BEFORE: "text",
}
"""What the rival beside a model may see."""
LESS_TO_MORE = "pitch", "pitch_and_past_rhythm", "rhythm_so_far", "rhythm"
"""What rivals of notes see; each holds all that those before it do."""
FIELDS = "pitch", "char"
"""What rivals predict: of notes the pitch, of texts the characters."""


@dataclass(frozen=True)
class RivalScores:
    """A rival's scores of one split.

    Attributes:
        name: of the rival.
        nats: (n_notes,) of each pitch (or character).
        hit: (n_notes,), whether its first choice was right.
        confidence: (n_notes,), the probability of its first choice.
    """

    name: str
    nats: NDArray[np.float64]
    hit: NDArray[np.bool_]
    confidence: NDArray[np.float32]


def rival_of(model: Model, split: str, rivals: Path) -> RivalScores | None:
    """The strongest rival that sees no more than a model; None where none predicts what it does.

    Args:
        model: whose.
        split: "val" or "test".
        rivals: folder with the Parquet files of `tonerow.evaluation.baselines.table`.
    """
    file = rivals / f"{model.view}.parquet"
    if not set(FIELDS) & set(model.predicts) or not file.exists():
        return None
    return strongest(file, SEES_AS_MUCH[model.conditions_on], split)


def strongest(table: Path, sees: str, split: str) -> RivalScores:
    """Of the counting models in a table that see no more than `sees`, the one that is best on val.

    To see more does not help everywhere: where rhythms are played freely, it does harm. A rival's few
    numbers are fitted on val too, which favours those with more of them a little.
    """
    tags = {key.decode(): tag.decode() for key, tag in (pq.read_schema(table).metadata).items()}
    allowed = {*LESS_TO_MORE[: LESS_TO_MORE.index(sees)], sees} if sees in LESS_TO_MORE else {sees}
    nats = {f"{name}_nats": name for name, tag in tags.items() if tag in allowed}
    val = pq.read_table(table, columns=list(nats), filters=[("split", "==", "val")])
    name = nats[min(nats, key=lambda column: val[column].to_numpy().mean(dtype=np.float64))]
    scores = [f"{name}_nats", f"{name}_hit", f"{name}_confidence"]
    rows = pq.read_table(table, columns=scores, filters=[("split", "==", split)])
    own, hit, confidence = (rows[score].to_numpy() for score in scores)
    return RivalScores(name, own.astype(np.float64), hit, confidence)


def field_of(scored: Scored) -> str:
    """The field that is looked at closely: the pitch, of text the characters."""
    return next((name for name in FIELDS if name in scored.fields), next(iter(scored.fields)))


def difference(
    scored: Scored, rival: RivalScores, works: Mapping[str, str]
) -> dict[str, float | str]:
    """The paired difference of a model's and its rival's nats a pitch (or character).

    Args:
        scored: the model's notes.
        rival: on the same notes.
        works: the work of each piece.

    Returns:
        The rival's `name` and `pitch_nll` (or `char_nll`), and `difference`, how much more the model
        needs, with its 95 % interval over works.
    """
    pieces = scored.pieces
    name = field_of(scored)
    more = scored.fields[name]["nats"].astype(np.float64) - rival.nats
    mean, low, high = over_works(more, pieces.ids, pieces.first, works)
    about: dict[str, float | str] = {"name": rival.name, f"{name}_nll": float(rival.nats.mean())}
    return about | {"difference": mean, "difference_low": low, "difference_high": high}
