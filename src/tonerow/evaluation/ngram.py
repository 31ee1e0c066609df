"""The baselines to beat: repeat the previous pitch, unigram, n-gram, and n-gram with a cache.

All of them predict the pitch of a melody note from the pitches before it in the same piece; they see
no rhythm. They are fitted on the notes that the models are trained on. The cache is a second n-gram,
of what the piece itself has played so far: a tune that comes again costs it little, as it costs a
model that can copy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tonerow.progress import progress

N_PITCHES = 128
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CHUNK = 8192
"""Notes, or a few more, whose full distributions are held at once: 8 MB for each of a handful."""

WEIGHTS = (1.0, 2.0, 4.0, 8.0)
"""Candidates for how much n-gram and cache trust the shorter context (1 is plain Witten-Bell)."""


def _scores(p: Floats, target: Ints) -> dict[str, Floats]:
    """Per-note nats and hits of distributions (n, 128) at targets (n,); ties go to the lower id."""
    at = p[np.arange(len(target)), target][:, None]
    ids = np.arange(N_PITCHES)
    rank = ((p > at) | ((p == at) & (ids < target[:, None]))).sum(1)
    return {
        "nll": -np.log(at[:, 0]),
        "accuracy": (rank == 0).astype(float),
        "top5_accuracy": (rank < 5).astype(float),
    }


def _mean(parts: list[dict[str, Floats]]) -> dict[str, float]:
    total = {k: float(np.concatenate([part[k] for part in parts]).mean()) for k in parts[0]}
    return {**total, "bits_per_note": total["nll"] / math.log(2)}


def _contexts(pitch: Ints, first: Ints, length: int) -> NDArray[np.uint64]:
    """A 64-bit hash of the `length` pitches before each note; 128 stands before a piece's first."""
    at = np.arange(len(pitch)) - np.repeat(first[:-1], np.diff(first))
    key = np.zeros(len(pitch), np.uint64)
    for back in range(1, length + 1):
        symbol = np.where(at >= back, np.roll(pitch, back), N_PITCHES).astype(np.uint64)
        key = (key ^ (symbol + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key


class Counts:
    """In how many pieces each pitch follows each context of one length, as sorted arrays.

    A piece counts once, because repeats are played out: what was heard twice in one tune says no more
    about the next tune than what was heard once.
    """

    def __init__(self, context: NDArray[np.uint64], pitch: Ints, piece: Ints) -> None:
        order = np.lexsort((piece, pitch, context))
        context, pitch, piece = context[order], pitch[order], piece[order]
        again = (context[1:] == context[:-1]) & (pitch[1:] == pitch[:-1])
        again &= piece[1:] == piece[:-1]
        once = np.concatenate([[True], ~again])
        context, pitch = context[once], pitch[once]
        new_context = np.concatenate([[True], context[1:] != context[:-1]])
        new_pair = new_context | np.concatenate([[True], pitch[1:] != pitch[:-1]])
        pairs = np.flatnonzero(new_pair)
        self.contexts = context[new_context]
        self.symbols = pitch[pairs]
        self.counts = np.diff(np.append(pairs, len(pitch)))
        starts = np.flatnonzero(new_context)
        self.first_pair = np.searchsorted(pairs, np.append(starts, len(pitch)))
        self.totals = np.diff(np.append(starts, len(pitch)))

    def interpolate(self, p: Floats, context: NDArray[np.uint64], weight: float) -> Floats:
        """The next longer context's distributions, given the shorter one's.

        Witten and Bell (1991), as in Chen and Goodman (1999): with N counts of T distinct pitches
        after the context, p' = (count + weight T p) / (N + weight T), where they have weight = 1. An
        unseen context keeps p.
        """
        at = np.minimum(np.searchsorted(self.contexts, context), len(self.contexts) - 1)
        known = np.flatnonzero(self.contexts[at] == context)
        at = at[known]
        distinct = self.first_pair[at + 1] - self.first_pair[at]
        trust = weight * distinct[:, None]
        rows = np.repeat(known, distinct)
        offset = np.arange(len(rows)) - np.repeat(np.cumsum(distinct) - distinct, distinct)
        pair = np.repeat(self.first_pair[at], distinct) + offset
        p = p.copy()
        p[known] *= trust
        p[rows, self.symbols[pair]] += self.counts[pair]
        p[known] /= self.totals[at][:, None] + trust
        return p


class Ngram:
    """Interpolated n-grams of every order up to `max_order`, fitted at once.

    Args:
        pitch: int64 (n,), the training notes.
        first: int64 (n_pieces + 1,), where each piece begins.
        max_order: the longest context is max_order - 1 pitches.
    """

    def __init__(self, pitch: Ints, first: Ints, max_order: int) -> None:
        piece = np.repeat(np.arange(len(first) - 1), np.diff(first))
        self.counts = [
            Counts(_contexts(pitch, first, length), pitch, piece)
            for length in progress(range(max_order), desc="n-gram", unit="order")
        ]

    def distributions(
        self, pitch: Ints, first: Ints, weight: float
    ) -> Iterator[tuple[slice, int, Floats]]:
        """For chunks of whole pieces and each order: (notes, order, probabilities (n, 128))."""
        contexts = [_contexts(pitch, first, length) for length in range(len(self.counts))]
        for chunk in _chunks(first):
            p = np.full((chunk.stop - chunk.start, N_PITCHES), 1 / N_PITCHES)
            for length, counts in enumerate(self.counts):
                p = counts.interpolate(p, contexts[length][chunk], weight)
                yield chunk, length + 1, p

    def scores(self, pitch: Ints, first: Ints, weight: float) -> dict[int, dict[str, float]]:
        """Scores by order: nll, bits_per_note, accuracy and top5_accuracy; every note once."""
        parts: dict[int, list[dict[str, Floats]]] = {}
        for chunk, order, p in self.distributions(pitch, first, weight):
            parts.setdefault(order, []).append(_scores(p, pitch[chunk]))
        return {order: _mean(found) for order, found in parts.items()}

    def cache_scores(
        self, pitch: Ints, first: Ints, order: int, weight: float, cache_weights: Sequence[float]
    ) -> dict[tuple[int, float], dict[str, float]]:
        """Scores by the cache's order and weight, on top of the n-gram of this order and weight."""
        contexts = [_contexts(pitch, first, length) for length in range(len(self.counts))]
        piece = np.repeat(np.arange(len(first) - 1), np.diff(first))
        parts: dict[tuple[int, float], list[dict[str, Floats]]] = {}
        for chunk, found, p in self.distributions(pitch, first, weight):
            if found != order:
                continue
            cached = dict.fromkeys(cache_weights, p)
            for length, context in enumerate(contexts):
                seen = heard(piece[chunk], context[chunk], pitch[chunk])
                for trust in cache_weights:
                    cached[trust] = interpolate_cache(cached[trust], *seen, trust)
                    scores = _scores(cached[trust], pitch[chunk])
                    parts.setdefault((length + 1, trust), []).append(scores)
        return {key: _mean(found) for key, found in parts.items()}


def heard(piece: Ints, context: NDArray[np.uint64], pitch: Ints) -> tuple[Ints, Ints]:
    """What came before each note, in its piece and after the same context as its own.

    Args:
        piece: int64 (n,), whole pieces.
        context: (n,), a hash of the context of each note.
        pitch: int64 (n,), the notes themselves.

    Returns:
        The m notes whose context has come before, (m,), and how often each pitch followed it by
        then, (m, 128).
    """
    order = np.lexsort((context, piece))  # stable: within a context, in the order of the piece
    new = np.ones(len(pitch), bool)
    new[1:] = np.diff(piece[order]) != 0
    new[1:] |= context[order][1:] != context[order][:-1]
    starts = np.flatnonzero(new)
    came = np.zeros((len(pitch), N_PITCHES), np.int32)
    came[np.arange(len(pitch)), pitch[order]] = 1
    before = np.cumsum(came, 0, dtype=np.int32) - came
    before -= np.repeat(before[starts], np.diff(starts, append=len(pitch)), axis=0)
    known = np.flatnonzero(~new)
    return order[known], before[known]


def interpolate_cache(p: Floats, rows: Ints, counts: Ints, weight: float) -> Floats:
    """The distributions of a longer context within the piece, given the shorter one's.

    As `Counts.interpolate`, with the counts of the piece itself: a cache language model (Kuhn and
    De Mori, 1990), the short-term model of IDyOM (Pearce, 2005).

    Args:
        p: (n, 128), given the shorter context.
        rows: (m,) of `heard`.
        counts: (m, 128) of `heard`.
        weight: of the shorter context.
    """
    trust = weight * np.count_nonzero(counts, axis=1)[:, None]
    p = p.copy()
    p[rows] = (p[rows] * trust + counts) / (trust + counts.sum(1)[:, None])
    return p


def _chunks(first: Ints) -> Iterator[slice]:
    """Notes of whole pieces, `_CHUNK` or a few more at once."""
    start = 0
    for end in first[1:].tolist():
        if end - start >= _CHUNK or end == first[-1]:
            if end > start:
                yield slice(start, end)
            start = end


def repeat_scores(unigram: Floats, share: float, pitch: Ints, first: Ints) -> dict[str, float]:
    """Scores of "the pitch before again".

    Args:
        unigram: (128,) probabilities, for the notes that are no repetition and a piece's first.
        share: how often a train note repeats the one before, the probability given to it here.
        pitch: int64 (n,), the notes to score.
        first: int64 (n_pieces + 1,), where each piece begins.
    """
    parts = []
    is_first = np.zeros(len(pitch), bool)
    is_first[first[:-1]] = True
    for start in range(0, len(pitch), _CHUNK):
        chunk = slice(start, min(start + _CHUNK, len(pitch)))
        p = np.tile(unigram, (chunk.stop - start, 1))
        rows = np.flatnonzero(~is_first[chunk])
        p[rows] *= 1 - share
        p[rows, pitch[start + rows - 1]] += share
        parts.append(_scores(p, pitch[chunk]))
    return _mean(parts)


def baselines(
    train: tuple[Ints, Ints], held_out: dict[str, tuple[Ints, Ints]], orders: list[int]
) -> dict[str, dict[str, dict[str, float]]]:
    """All baselines on the held-out splits.

    Args:
        train: (pitch, first) of the training pieces.
        held_out: the same for "val" (which chooses order and weight) and any further split.
        orders: candidates for the n-gram's order; the cache's may be any up to their largest.

    Returns:
        {split: {"repeat" | "unigram" | "ngram" | "ngram_cache": scores}}; the n-grams' scores hold
        their `order` and `weight`, and `cache_order` and `cache_weight`.
    """
    pitch, first = train
    model = Ngram(pitch, first, max(orders))
    on_val = {
        (order, weight): scores["nll"]
        for weight in WEIGHTS
        for order, scores in model.scores(*held_out["val"], weight).items()
        if order in orders
    }
    order, weight = min(on_val, key=lambda key: on_val[key])
    cache_on_val = model.cache_scores(*held_out["val"], order, weight, WEIGHTS)
    cache_order, cache_weight = min(cache_on_val, key=lambda key: cache_on_val[key]["nll"])
    about = {"order": order, "weight": weight}
    about_cache = about | {"cache_order": cache_order, "cache_weight": cache_weight}
    unigram = (np.bincount(pitch, minlength=N_PITCHES) + 1) / (len(pitch) + N_PITCHES)
    follows = np.ones(len(pitch), bool)
    follows[first[:-1]] = False
    repeats = int((pitch[follows] == np.roll(pitch, 1)[follows]).sum())
    share = (repeats + 1) / (int(follows.sum()) + 2)
    return {
        split: {
            "repeat": repeat_scores(unigram, share, *notes),
            "unigram": repeat_scores(unigram, 0.0, *notes),
            "ngram": about | model.scores(*notes, weight)[order],
            "ngram_cache": about_cache
            | model.cache_scores(*notes, order, weight, [cache_weight])[cache_order, cache_weight],
        }
        for split, notes in held_out.items()
    }
