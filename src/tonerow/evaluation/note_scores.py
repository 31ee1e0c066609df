"""What distributions over pitches (or characters) are worth, note by note."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

N_PITCHES = 128
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NoteScores = dict[str, Floats]
"""Of each note (n,): `nll` in nats, `accuracy` and `top5_accuracy` (0 or 1), `confidence`, the
probability of the first choice."""


def note_scores(p: Floats, target: Ints) -> NoteScores:
    """Of each note, of distributions (n, n_symbols) at targets (n,); ties go to the lower id."""
    at = p[np.arange(len(target)), target][:, None]
    ids = np.arange(p.shape[1])
    rank = ((p > at) | ((p == at) & (ids < target[:, None]))).sum(1)
    return {
        "nll": -np.log(at[:, 0]),
        "accuracy": (rank == 0).astype(float),
        "top5_accuracy": (rank < 5).astype(float),
        "confidence": p.max(1),
    }


def joined(parts: list[NoteScores]) -> NoteScores:
    """The scores of all parts, in order."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def means(scores: NoteScores) -> dict[str, float]:
    """`nll`, `accuracy` and `top5_accuracy` over all notes, and `bits_per_note`."""
    names = "nll", "accuracy", "top5_accuracy"
    total = {name: float(scores[name].mean()) for name in names}
    return {**total, "bits_per_note": total["nll"] / math.log(2)}
