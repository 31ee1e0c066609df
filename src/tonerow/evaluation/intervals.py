"""How sure a mean over held-out notes is: the bootstrap over works.

Notes of one tune depend on each other, and so do versions of one tune. What is drawn anew is
therefore the work, with all of its pieces and notes. Source: Efron and Tibshirani, An Introduction
to the Bootstrap, 1993 (percentile interval; clusters as the unit of resampling).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
_AT_ONCE = 1 << 22
"""Weights of works that are drawn at once: 32 MB."""


class Estimate(NamedTuple):
    """A mean, and the interval that holds it in 95 of 100 collections of such works."""

    mean: float
    low: float
    high: float


def read_works(splits: Path) -> Mapping[str, str]:
    """The work of each piece, from the folder with ``splits.parquet``."""
    table = pq.read_table(splits / "splits.parquet", columns=["piece_id", "work_id"])
    return dict(zip(table["piece_id"].to_pylist(), table["work_id"].to_pylist(), strict=True))


def per_work(
    values: NDArray[Any], first: NDArray[np.int64], works: Sequence[str]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sums notes by work.

    Args:
        values: (n_notes,), such as nats, piece by piece.
        first: int64 (n_pieces + 1,), where each piece begins.
        works: the work of each piece, (n_pieces,).

    Returns:
        The sums of each work, float64 (n_works,), and its number of notes.
    """
    names, work = np.unique(np.array(works, dtype=str), return_inverse=True)
    of_note = np.repeat(work, np.diff(first))
    sums = np.bincount(of_note, values.astype(np.float64), minlength=len(names))
    return sums, np.bincount(of_note, minlength=len(names))


def bootstrap(
    sums: NDArray[Any], notes: NDArray[Any], seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """The mean over notes, with its interval over works.

    For a paired difference, give the sums of the differences note by note: what two models find
    hard in the same works then cancels out.

    Args:
        sums: of each work, (n_works,), n_works >= 1.
        notes: of each work, (n_works,), at least one in all.
        seed: of the resampling.
        resamples: how many.
    """
    rng = np.random.default_rng(seed)
    n = len(sums)
    means: list[NDArray[Any]] = []
    step = max(1, _AT_ONCE // n)
    for done in range(0, resamples, step):
        size = min(step, resamples - done)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=size)  # (size, n_works)
        total = weights @ notes
        means.append((weights @ sums)[total > 0] / total[total > 0])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Estimate(float(sums.sum() / notes.sum()), float(low), float(high))


def over_works(
    values: NDArray[Any],
    ids: Sequence[str],
    first: NDArray[np.int64],
    works: Mapping[str, str],
    some: NDArray[np.bool_] | None = None,
) -> Estimate:
    """The mean of values of notes, with its interval over works.

    Args:
        values: (n_notes,), piece by piece.
        ids: of the pieces, (n_pieces,).
        first: int64 (n_pieces + 1,), where each piece begins.
        works: the work of each piece.
        some: bool (n_notes,), the notes that count, at least one; None: all.
    """
    own = [works[piece] for piece in ids]
    if some is None:
        return bootstrap(*per_work(values, first, own))
    sums, _ = per_work(np.where(some, values, 0.0), first, own)
    notes, _ = per_work(some, first, own)
    return bootstrap(sums, notes)
