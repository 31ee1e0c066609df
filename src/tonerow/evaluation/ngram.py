"""N-grams of a line's pitches (or a text's characters), with a cache of what the piece has had so far.

They see no rhythm. They are fitted on the notes that the models are trained on. The cache is a second
n-gram, of the piece itself: a tune that comes again costs it little, as it costs a model that can copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from tonerow.parts import Hashes, Sums, extend, numbered, runs_of_pieces

Choice = tuple[int, float]
"""An order and a weight."""

CHUNK = 8192
"""Notes, or a few more, whose full distributions are held at once: 8 MB for each of a handful."""


def before(values: Ints, first: Ints, back: int, start: int) -> Ints:
    """The value that stands `back` notes before each note; `start` before a piece's first."""
    at = numbered(np.diff(first))[1]
    return np.where(at >= back, np.roll(values, back), start)


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


@dataclass(frozen=True)
class Counts:
    """In how many pieces each pitch follows each context of one length, as sorted arrays.

    A piece counts once, because repeats are played out: what was heard twice in one tune says no more
    about the next tune than what was heard once.

    Attributes:
        contexts: (c,) ascending, those that are known.
        symbols: (m,) the different pitches after each, one context after the other.
        counts: (m,) in how many pieces.
        first_pair: (c + 1,) where each context's pitches begin.
        totals: (c,) sums of the counts.
    """

    contexts: Hashes
    symbols: Ints
    counts: Ints
    first_pair: Ints
    totals: Ints

    def seen(self, context: Hashes, symbol: Ints) -> Seen:
        """What followed the contexts (n,), and how often it was these symbols (n,)."""
        if not len(self.contexts):
            return Seen(*np.zeros((3, len(context)), np.int64))
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
        if not len(self.contexts):
            return p.copy()
        at = np.minimum(np.searchsorted(self.contexts, context), len(self.contexts) - 1)
        known = np.flatnonzero(self.contexts[at] == context)
        at = at[known]
        distinct = self.first_pair[at + 1] - self.first_pair[at]
        trust = weight * distinct[:, None]
        row, offset = numbered(distinct)
        pair = self.first_pair[at][row] + offset
        p = p.copy()
        p[known] *= trust
        p[known[row], self.symbols[pair]] += self.counts[pair]
        p[known] /= self.totals[at][:, None] + trust
        return p


class Counter:
    """Counts what follows some contexts of one length, as pieces come.

    Args:
        wanted: the contexts, in any order and as often as they like; those of the notes that are to be
            foretold are enough, and few beside all that a large corpus holds.
        n_symbols: see `Ngram`.
    """

    def __init__(self, wanted: Hashes, n_symbols: int) -> None:
        self._wanted = np.unique(wanted)
        self._n_symbols = n_symbols
        size = 1 << min(max(8 * len(self._wanted), 1).bit_length(), 24)
        self._mask = np.uint64(size - 1)
        self._maybe = np.zeros(size, bool)  # by the last bits: most of what is not wanted is out
        self._maybe[self._wanted & self._mask] = True
        self._sums = Sums()

    def add(self, context: Hashes, symbol: Ints, piece: Ints) -> None:
        """Takes notes (n,) of whole pieces, one piece after the other."""
        if not len(self._wanted):
            return
        rows = np.flatnonzero(self._maybe[context & self._mask])
        at = np.minimum(np.searchsorted(self._wanted, context[rows]), len(self._wanted) - 1)
        right = self._wanted[at] == context[rows]
        rows = rows[right]
        key = at[right] * self._n_symbols + symbol[rows]
        order = np.argsort(key, kind="stable")  # within a key, in the order of the pieces
        key, piece = key[order], piece[rows][order]
        once = np.ones(len(key), bool)
        once[1:] = (key[1:] != key[:-1]) | (piece[1:] != piece[:-1])
        key = key[once]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        self._sums.add(key[first], np.diff(first, append=len(key)))

    def counts(self) -> Counts:
        """All that came."""
        key, counts = self._sums.result()
        at = key // self._n_symbols
        first = np.flatnonzero(np.diff(at, prepend=-1))
        totals = np.add.reduceat(counts, first) if len(first) else counts
        return Counts(
            self._wanted[at[first]],
            (key % self._n_symbols).astype(np.int16),
            counts.astype(np.int32),
            np.append(first, len(key)),
            totals.astype(np.int32),
        )


class Ngram:
    """Interpolated n-grams of every order up to `max_order`, fitted at once.

    Args:
        pitch: int (n,), the training notes.
        first: int64 (n_pieces + 1,), where each piece begins.
        max_order: the longest context is max_order - 1 pitches.
        n_symbols: pitches (or characters) are 0 to n_symbols - 1.
        asked: pitch and first of all lines that will be foretold; None: whatever they are.
    """

    def __init__(
        self,
        pitch: NDArray[Any],
        first: Ints,
        max_order: int,
        n_symbols: int = N_PITCHES,
        asked: Sequence[tuple[Ints, Ints]] | None = None,
    ) -> None:
        self.n_symbols = n_symbols
        asked = [(pitch, first)] if asked is None else asked
        wanted = zip(*(contexts(*lines, max_order - 1, n_symbols) for lines in asked), strict=True)
        counters = [Counter(np.concatenate(keys), n_symbols) for keys in wanted]
        for run in runs_of_pieces(first):
            own = first[run.start : run.stop + 1]
            notes = pitch[own[0] : own[-1]].astype(np.int64)
            piece = np.repeat(np.arange(len(own) - 1), np.diff(own))
            keys = contexts(notes, own - own[0], max_order - 1, n_symbols)
            for counter, key in zip(counters, keys, strict=True):
                counter.add(key, notes, piece)
        self.counts = [counter.counts() for counter in counters]

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

    def scores(
        self, pitch: Ints, first: Ints, weight: float, orders: Sequence[int] | None = None
    ) -> dict[int, NoteScores]:
        """Scores of each note by order; of all orders, or of those named."""
        parts: dict[int, list[dict[str, Floats]]] = {}
        for chunk, order, p in self.distributions(pitch, first, weight):
            if orders is None or order in orders:
                parts.setdefault(order, []).append(note_scores(p, pitch[chunk]))
        return {order: joined(found) for order, found in parts.items()}

    def nats(
        self, pitch: Ints, first: Ints, weights: Sequence[float]
    ) -> Iterator[tuple[Choice, Floats]]:
        """Nats of each note (n,) by order and weight: what `scores` knows, without distributions."""
        keys = contexts(pitch, first, len(self.counts) - 1, self.n_symbols)
        p = {weight: np.full(len(pitch), 1 / self.n_symbols) for weight in weights}
        for length, (counts, key) in enumerate(zip(self.counts, keys, strict=True)):
            seen = counts.seen(key, pitch)
            for weight in weights:
                p[weight] = seen.interpolate(p[weight], weight)
                yield (length + 1, weight), -np.log(p[weight])

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
) -> Iterator[tuple[Choice, Floats]]:
    """Nats of each note (n,) by the cache's order and weight, given those (n,) without a cache."""
    piece = np.repeat(np.arange(len(first) - 1), np.diff(first))
    p = {weight: np.exp(-nats) for weight in weights}
    for length, context in enumerate(contexts(pitch, first, max(orders) - 1)):
        seen = seen_before(piece, context, pitch)
        for weight in weights:
            p[weight] = seen.interpolate(p[weight], weight)
            if length + 1 in orders:
                yield (length + 1, weight), -np.log(p[weight])


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
