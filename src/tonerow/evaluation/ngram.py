"""N-grams of a line's pitches (or a text's characters), with a cache of what the piece has had so far.

They see no rhythm. They are fitted on the notes that the models are trained on. The cache is a second
n-gram, of the piece itself: a tune that comes again costs it little, as it costs a model that can copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation.note_scores import (
    N_PITCHES,
    Floats,
    Ints,
    NoteScores,
    joined,
    note_scores,
)

Hashes = NDArray[np.uint64]
Choice = tuple[int, float]
"""An order and a weight."""

CHUNK = 8192
"""Notes, or a few more, whose full distributions are held at once: 8 MB for each of a handful."""


def before(values: Ints, first: Ints, back: int, start: int) -> Ints:
    """The value that stands `back` notes before each note; `start` before a piece's first."""
    at = np.arange(len(values)) - np.repeat(first[:-1], np.diff(first))
    return np.where(at >= back, np.roll(values, back), start)


def extend(context: Hashes, values: Ints) -> Hashes:
    """A 64-bit hash of contexts (n,) that hold one more value each, (n,) >= -1."""
    key = (context ^ (values.astype(np.uint64) + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
    return key ^ (key >> np.uint64(29))


def contexts(pitch: Ints, first: Ints, longest: int, n_symbols: int = N_PITCHES) -> list[Hashes]:
    """By length 0 to `longest`: a hash of the pitches before each note.

    A longer context extends the shorter one; `n_symbols` stands before a piece's first note.
    """
    keys = [np.zeros(len(pitch), np.uint64)]
    for back in range(1, longest + 1):
        keys.append(extend(keys[-1], before(pitch, first, back, n_symbols)))
    return keys


class Seen(NamedTuple):
    """What followed the context of each note, (n,) each: all a note's own probability depends on.

    Attributes:
        total: how often anything did.
        distinct: how many pitches did.
        own: how often the note's own pitch did.
    """

    total: Ints
    distinct: Ints
    own: Ints

    def interpolate(self, p: Floats, weight: float) -> Floats:
        """The notes' probabilities (n,) given the longer context, as `Counts.interpolate`."""
        trust = weight * self.distinct
        longer = (p * trust + self.own) / np.where(self.total > 0, self.total + trust, 1.0)
        return np.where(self.total > 0, longer, p)


class Counts:
    """In how many pieces each pitch follows each context of one length, as sorted arrays.

    A piece counts once, because repeats are played out: what was heard twice in one tune says no more
    about the next tune than what was heard once.
    """

    def __init__(self, context: Hashes, pitch: Ints, piece: Ints) -> None:
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

    def seen(self, context: Hashes, symbol: Ints) -> Seen:
        """What followed the contexts (n,), and how often it was these symbols (n,)."""
        at = np.minimum(np.searchsorted(self.contexts, context), len(self.contexts) - 1)
        known = self.contexts[at] == context
        pairs = np.diff(self.first_pair)
        owner = np.repeat(np.arange(len(pairs)), pairs)
        base = int(max(self.symbols.max(), symbol.max(initial=0))) + 1
        key = owner * base + self.symbols
        wanted = at * base + symbol
        pair = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        count = np.where(known & (key[pair] == wanted), self.counts[pair], 0)
        return Seen(np.where(known, self.totals[at], 0), np.where(known, pairs[at], 0), count)

    def interpolate(self, p: Floats, context: Hashes, weight: float) -> Floats:
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
        n_symbols: pitches (or characters) are 0 to n_symbols - 1.
    """

    def __init__(
        self, pitch: Ints, first: Ints, max_order: int, n_symbols: int = N_PITCHES
    ) -> None:
        self.n_symbols = n_symbols
        piece = np.repeat(np.arange(len(first) - 1), np.diff(first))
        self.counts = [
            Counts(context, pitch, piece)
            for context in contexts(pitch, first, max_order - 1, n_symbols)
        ]

    def distributions(
        self, pitch: Ints, first: Ints, weight: float
    ) -> Iterator[tuple[slice, int, Floats]]:
        """For chunks of whole pieces and each order: (notes, order, probabilities (n, n_symbols))."""
        keys = contexts(pitch, first, len(self.counts) - 1, self.n_symbols)
        for chunk in chunks(first):
            p = np.full((chunk.stop - chunk.start, self.n_symbols), 1 / self.n_symbols)
            for length, counts in enumerate(self.counts):
                p = counts.interpolate(p, keys[length][chunk], weight)
                yield chunk, length + 1, p

    def scores(self, pitch: Ints, first: Ints, weight: float) -> dict[int, NoteScores]:
        """Scores of each note by order."""
        parts: dict[int, list[dict[str, Floats]]] = {}
        for chunk, order, p in self.distributions(pitch, first, weight):
            parts.setdefault(order, []).append(note_scores(p, pitch[chunk]))
        return {order: joined(found) for order, found in parts.items()}

    def nats(self, pitch: Ints, first: Ints, weights: Sequence[float]) -> dict[Choice, Floats]:
        """Nats of each note (n,) by order and weight: what `scores` knows, without distributions."""
        keys = contexts(pitch, first, len(self.counts) - 1, self.n_symbols)
        p = {weight: np.full(len(pitch), 1 / self.n_symbols) for weight in weights}
        nats = {}
        for length, (counts, key) in enumerate(zip(self.counts, keys, strict=True)):
            seen = counts.seen(key, pitch)
            for weight in weights:
                p[weight] = seen.interpolate(p[weight], weight)
                nats[length + 1, weight] = -np.log(p[weight])
        return nats

    def cache_scores(
        self,
        pitch: Ints,
        first: Ints,
        order: int,
        weight: float,
        cache_weights: Sequence[float],
        cache_orders: Sequence[int] | None = None,
    ) -> dict[Choice, NoteScores]:
        """Scores of each note by the cache's order and weight, on top of one n-gram.

        The cache's orders are all up to the largest of the n-gram's, or those named.
        """
        cache_orders = cache_orders or range(1, len(self.counts) + 1)
        keys = contexts(pitch, first, max(cache_orders) - 1, self.n_symbols)
        piece = np.repeat(np.arange(len(first) - 1), np.diff(first))
        parts: dict[Choice, list[dict[str, Floats]]] = {}
        for chunk, found, p in self.distributions(pitch, first, weight):
            if found != order:
                continue
            cached = dict.fromkeys(cache_weights, p)
            for length, context in enumerate(keys):
                seen = heard(piece[chunk], context[chunk], pitch[chunk], self.n_symbols)
                for trust in cache_weights:
                    cached[trust] = interpolate_cache(cached[trust], *seen, trust)
                    if length + 1 not in cache_orders:
                        continue
                    scores = note_scores(cached[trust], pitch[chunk])
                    parts.setdefault((length + 1, trust), []).append(scores)
        return {key: joined(found) for key, found in parts.items()}


def cache_nats(
    nats: Floats, pitch: Ints, first: Ints, orders: Sequence[int], weights: Sequence[float]
) -> dict[Choice, Floats]:
    """Nats of each note (n,) by the cache's order and weight, given those (n,) without a cache."""
    piece = np.repeat(np.arange(len(first) - 1), np.diff(first))
    p = {weight: np.exp(-nats) for weight in weights}
    cached = {}
    for length, context in enumerate(contexts(pitch, first, max(orders) - 1)):
        seen = seen_before(piece, context, pitch)
        for weight in weights:
            p[weight] = seen.interpolate(p[weight], weight)
            if length + 1 in orders:
                cached[length + 1, weight] = -np.log(p[weight])
    return cached


def seen_before(piece: Ints, context: Hashes, pitch: Ints) -> Seen:
    """What followed the context of each note before it in its piece: `heard`, of its own pitch."""

    def nth(*keys: NDArray[Any]) -> tuple[Ints, Ints, Ints]:
        order = np.lexsort(keys)  # stable: equals stay in the order of the piece
        new = np.ones(len(order), bool)
        new[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
        start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
        number = np.empty(len(order), np.int64)
        number[order] = np.arange(len(order)) - start
        return order, start, number

    count = nth(pitch, context, piece)[2]
    order, start, total = nth(context, piece)
    new = (count[order] == 0).astype(np.int64)
    seen = np.cumsum(new) - new
    distinct = np.empty(len(order), np.int64)
    distinct[order] = seen - seen[start]
    return Seen(total, distinct, count)


def heard(
    piece: Ints, context: Hashes, pitch: Ints, n_symbols: int = N_PITCHES
) -> tuple[Ints, Ints]:
    """What came before each note, in its piece and after the same context as its own.

    Args:
        piece: int64 (n,), whole pieces.
        context: (n,), a hash of the context of each note.
        pitch: int64 (n,), the notes themselves.
        n_symbols: see `Ngram`.

    Returns:
        The m notes whose context has come before, (m,), and how often each pitch followed it by
        then, (m, n_symbols).
    """
    order = np.lexsort((context, piece))  # stable: within a context, in the order of the piece
    new = np.ones(len(pitch), bool)
    new[1:] = np.diff(piece[order]) != 0
    new[1:] |= context[order][1:] != context[order][:-1]
    starts = np.flatnonzero(new)
    came = np.zeros((len(pitch), n_symbols), np.int32)
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
        p: (n, n_symbols), given the shorter context.
        rows: (m,) of `heard`.
        counts: (m, n_symbols) of `heard`.
        weight: of the shorter context.
    """
    trust = weight * np.count_nonzero(counts, axis=1)[:, None]
    p = p.copy()
    p[rows] = (p[rows] * trust + counts) / (trust + counts.sum(1)[:, None])
    return p


def chunks(first: Ints) -> Iterator[slice]:
    """Notes of whole pieces, `CHUNK` or a few more at once."""
    start = 0
    for end in first[1:].tolist():
        if end - start >= CHUNK or end == first[-1]:
            if end > start:
                yield slice(start, end)
            start = end
