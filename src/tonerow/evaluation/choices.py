"""The baselines to beat: repeat the note before, unigram, n-gram, and n-gram with a cache.

Orders and weights are chosen on val, of candidates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tonerow.evaluation.ngram import CHUNK, Choice, Ngram, cache_nats
from tonerow.evaluation.note_scores import (
    N_PITCHES,
    Floats,
    Ints,
    NoteScores,
    joined,
    note_scores,
)

WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Candidates for how much n-gram and cache trust the shorter context (1 is plain Witten-Bell)."""

CACHE_ORDERS = (*range(1, 33), 36, 40, 48, 64)
"""Candidates for the cache's order."""


def repeat_scores(unigram: Floats, share: float, pitch: Ints, first: Ints) -> NoteScores:
    """Scores of each note of "the pitch before again".

    Args:
        unigram: (n_symbols,) probabilities, for the notes that are no repetition and a piece's first.
        share: how often a train note repeats the one before, the probability given to it here.
        pitch: int64 (n,), the notes to score.
        first: int64 (n_pieces + 1,), where each piece begins.
    """
    parts = []
    is_first = np.zeros(len(pitch), bool)
    is_first[first[:-1]] = True
    for start in range(0, len(pitch), CHUNK):
        chunk = slice(start, min(start + CHUNK, len(pitch)))
        p = np.tile(unigram, (chunk.stop - start, 1))
        rows = np.flatnonzero(~is_first[chunk])
        p[rows] *= 1 - share
        p[rows, pitch[start + rows - 1]] += share
        parts.append(note_scores(p, pitch[chunk]))
    return joined(parts)


def best(nats: Iterable[tuple[Choice, Floats]]) -> tuple[Choice, Floats]:
    """Of lowest mean, with its nats; of equals the first. Of the others none is kept."""
    found: tuple[Choice, Floats] | None = None
    lowest = math.inf
    for choice, of in nats:
        if found is None or float(of.mean()) < lowest:
            found, lowest = (choice, of), float(of.mean())
    if found is None:
        raise ValueError("no candidates")
    return found


@dataclass(frozen=True)
class Baseline:
    """One baseline on the held-out splits.

    Attributes:
        chosen: what was chosen on val: `order` and `weight`, `cache_order` and `cache_weight`.
        scores: by split, of each note.
        edges: what of it stands at an edge of its candidates, and where these are.
    """

    chosen: dict[str, float]
    scores: dict[str, NoteScores]
    edges: tuple[str, ...] = ()


def edge(name: str, value: float, candidates: Sequence[float], where: str) -> tuple[str, ...]:
    """A sentence if a choice is the least or the largest of its candidates, else nothing.

    Args:
        name: of what was chosen.
        value: the choice; 1 is the least that an order can be, and no edge.
        candidates: it is one of them.
        where: they are to be extended.
    """
    if value == max(candidates):
        return (f"{name} {value:g} is the largest of {where}: add larger ones",)
    if value == min(candidates) and value > 1:
        return (f"{name} {value:g} is the least of {where}: add smaller ones",)
    return ()


def baselines(
    train: tuple[Ints, Ints],
    held_out: dict[str, tuple[Ints, Ints]],
    orders: list[int],
    n_symbols: int = N_PITCHES,
) -> dict[str, Baseline]:
    """All baselines on the held-out splits.

    Args:
        train: (pitch, first) of the training pieces.
        held_out: the same for "val" (which chooses order and weight) and any further split.
        orders: candidates for the n-gram's order; the cache's are `CACHE_ORDERS`.
        n_symbols: see `Ngram`.

    Returns:
        "repeat", "unigram", "ngram" and "ngram_cache".
    """
    pitch, first = train
    model = Ngram(pitch, first, max(orders), n_symbols, list(held_out.values()))
    nats = model.nats(*held_out["val"], WEIGHTS)
    (order, weight), of_val = best((key, of) for key, of in nats if key[0] in orders)
    cache, _ = best(cache_nats(of_val, *held_out["val"], CACHE_ORDERS, WEIGHTS))
    chosen = {"order": order, "weight": weight}
    unigram = (np.bincount(pitch, minlength=n_symbols) + 1) / (len(pitch) + n_symbols)
    share = _repeat_share(pitch, first)
    scores: dict[str, dict[str, NoteScores]] = {}
    for split, notes in held_out.items():
        with_cache = model.cache_scores(*notes, order, weight, [cache[1]], [cache[0]])
        own = {
            "repeat": repeat_scores(unigram, share, *notes),
            "unigram": repeat_scores(unigram, 0.0, *notes),
            "ngram": model.scores(*notes, weight, [order])[order],
            "ngram_cache": with_cache[cache],
        }
        for name, of in own.items():
            scores.setdefault(name, {})[split] = of
    about = {
        "ngram": chosen,
        "ngram_cache": chosen | {"cache_order": cache[0], "cache_weight": cache[1]},
    }
    edges = {
        "ngram": edge("order", order, orders, "evaluate.ngram_orders")
        + edge("weight", weight, WEIGHTS, f"WEIGHTS in {__name__}"),
        "ngram_cache": edge("cache_order", cache[0], CACHE_ORDERS, f"CACHE_ORDERS in {__name__}")
        + edge("cache_weight", cache[1], WEIGHTS, f"WEIGHTS in {__name__}"),
    }
    return {
        name: Baseline(about.get(name, {}), of, edges.get(name, ())) for name, of in scores.items()
    }


def _repeat_share(pitch: Ints, first: Ints) -> float:
    """How often a note repeats the one before it."""
    follows = np.ones(len(pitch), bool)
    follows[first[:-1]] = False
    repeats = int((pitch[follows] == np.roll(pitch, 1)[follows]).sum())
    return (repeats + 1) / (int(follows.sum()) + 2)
