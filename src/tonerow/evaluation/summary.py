"""The scores of a split as numbers with names and intervals, and as a table of notes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation.intervals import over_works
from tonerow.evaluation.scores import Scored, mean

ERROR_NAMES = {"offset": "offset_error_beats", "duration": "duration_error_beats"}
"""What the error of a field is called where it has a unit; else ``<field>_error``."""


def summarise(scored: Scored, works: Mapping[str, str]) -> dict[str, float]:
    """All scores by name, as they stand in ``metrics/evaluate.json``.

    Args:
        scored: a split.
        works: the work of each piece.

    Returns:
        For each field ``<field>_nll``, ``_bits_per_note``, ``_accuracy`` and ``_top5_accuracy`` (of
        the most likely ids), each with its 95 % interval over works, ``..._low`` and ``..._high``;
        where its ids stand for numbers, ``_error``, the mean absolute
        error of the model's answer (the most likely class, a density's mean, a Poisson's rate),
        and ``_exact_score``, how often that answer is right; for several fields `nll` and
        `bits_per_note` of the whole note; for characters `bits_per_written_note`: all nats of
        the tunes' bodies over their notes as written. Per character for the field `char`.
    """
    summary: dict[str, float] = {}
    for name, own in scored.fields.items():
        per = "char_bits" if name == "char" else f"{name}_bits_per_note"
        summary |= _nats_and_bits(scored, f"{name}_nll", per, own["nats"], works)
        summary |= interval(scored, f"{name}_accuracy", own["hit"], works)
        summary |= interval(scored, f"{name}_top5_accuracy", own["top5"], works)
        if "error" in own:
            summary[ERROR_NAMES.get(name, f"{name}_error")] = mean(own["error"])
            summary[f"{name}_exact_score"] = mean(own["error"] == 0)
    if "body" in scored.pieces.notes:
        nats = scored.fields["char"]["nats"][scored.pieces.notes["body"].cpu().numpy()]
        written = max(scored.pieces.written_notes, 1)
        summary["bits_per_written_note"] = float(nats.sum(dtype=np.float64)) / written
        summary["bits_per_written_note"] /= math.log(2)
    if len(scored.fields) > 1:
        total = np.sum([own["nats"] for own in scored.fields.values()], axis=0)
        summary |= _nats_and_bits(scored, "nll", "bits_per_note", total, works)
    return {**summary, "notes": scored.pieces.written_notes or scored.pieces.n_notes}


def _nats_and_bits(
    scored: Scored, nats: str, bits: str, values: NDArray[Any], works: Mapping[str, str]
) -> dict[str, float]:
    """Nats (n_notes,) under two names, each with its interval."""
    found = interval(scored, nats, values, works)
    return found | {key.replace(nats, bits): of / math.log(2) for key, of in found.items()}


def interval(
    scored: Scored, name: str, values: NDArray[Any], works: Mapping[str, str]
) -> dict[str, float]:
    """The mean of a score (n_notes,), and the ends of its 95 % interval over works."""
    of = over_works(values, scored.pieces.ids, scored.pieces.first, works)
    return {name: of.mean, f"{name}_low": of.low, f"{name}_high": of.high}


def columns(scored: Scored) -> dict[str, NDArray[Any]]:
    """Of each note ``<field>_nats``, ``<field>_hit`` and ``<field>_confidence``, (n_notes,)."""
    kept = "nats", "hit", "confidence"
    return {f"{name}_{score}": own[score] for name, own in scored.fields.items() for score in kept}
