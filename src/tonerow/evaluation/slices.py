"""Counting models that see of a piece no more than a slice of it and the one note before the slice.

That is the task of the write-up behind the rhythm models: a window of notes, and the pitch before it.
`tonerow.evaluation.scores.evaluate` sets it to a model when the window is the slice and the stride too;
`Slices` cuts lines into the same windows (`tonerow.windows.scoring_windows`), each a piece of its own,
for the n-grams and the rivals. They count whole train pieces; only what they are asked is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation.choices import CACHE_ORDERS, WEIGHTS, Baseline
from tonerow.evaluation.counting import Rival, fit
from tonerow.evaluation.lines import Lines
from tonerow.evaluation.ngram import Choice, Counter, Counts, Ngram, cache_nats, contexts
from tonerow.evaluation.note_scores import Floats, NoteScores
from tonerow.evaluation.viewpoints import VIEWPOINTS, Viewpoint, ViewpointModel
from tonerow.parts import numbered
from tonerow.progress import progress
from tonerow.views import Pieces
from tonerow.windows import scoring_windows


@dataclass(frozen=True)
class Slices:
    """Melodies, cut so that a slice knows nothing of the piece around it but the note before.

    Attributes:
        lines: of m >= n notes; a piece is a slice with the note before it, if there is one.
        scored: bool (m,), whether a note counts: every one of the n notes once, in their order. The
            note before a slice does not; nor do, in the last slice of a piece, which reaches back to
            be as long as the others, the notes that the slice before has scored.
    """

    lines: Lines
    scored: NDArray[np.bool_]

    @classmethod
    def of(cls, pieces: Pieces, lines: Lines, size: int) -> Slices:
        """Cuts lines into slices.

        Args:
            pieces: the view of these n notes, whose windows a model is scored in.
            lines: the n notes.
            size: notes in a slice, without the one before it.
        """
        windows = scoring_windows(pieces, size, size)
        start, length, context = windows.start, windows.length, windows.context
        extra = lines.at[start] > 0  # whether there is a note before
        sizes = length + extra
        owner, place = numbered(sizes)
        notes = (start - extra)[owner] + place
        first = np.append(0, np.cumsum(sizes))
        cut = Lines(lines.pitch[notes], first, lines.rest[notes], lines.duration[notes])
        return cls(cut, place >= (context + extra)[owner])

    def own(self, scores: NoteScores) -> NoteScores:
        """Of scores of all m notes those of the n that count."""
        return {name: values[self.scored] for name, values in scores.items()}


def _within(
    context: NDArray[np.uint64], lines: Lines, symbols: NDArray[np.int64], at: int
) -> Counts:
    """Counts the notes with `at` or more before them; so many must be there in one train piece.

    A context that reaches over the beginning of a piece tells that it begins. A slice begins anywhere:
    its short contexts must not be found among the beginnings of train, and are not counted there.
    """
    inside = lines.at >= at
    counter = Counter(context[inside], lines.n_symbols)
    counter.add(context[inside], symbols[inside], lines.piece[inside])
    return counter.counts()


class SliceNgram(Ngram):
    """`Ngram` whose contexts end where a slice begins: there the next shorter one foretells.

    Args:
        train: whole pieces, one of them of `max_order` notes or more.
        max_order: the longest context is max_order - 1 pitches.
    """

    def __init__(self, train: Lines, max_order: int) -> None:
        self.n_symbols = train.n_symbols
        keys = contexts(train.pitch, train.first, max_order - 1, self.n_symbols)
        self.counts = [
            _within(key, train, train.pitch, length)
            for length, key in enumerate(progress(keys, desc="n-gram", unit="orders"))
        ]


class SliceViewpointModel(ViewpointModel):
    """`ViewpointModel` whose contexts end where a slice begins, as those of `SliceNgram`.

    Args:
        viewpoint: what it looks at.
        train: whole pieces, one of them longer than any context.
    """

    def __init__(self, viewpoint: Viewpoint, train: Lines) -> None:
        self.viewpoint = viewpoint
        symbols, keys = viewpoint.symbols(train), viewpoint.contexts(train)
        none_before = 1 + bool(viewpoint.given)  # contexts without a note before
        reach = [max(0, i + 1 - none_before) for i in range(len(keys))]
        if viewpoint.interval:  # an interval reaches one note further
            reach = [back + (back > 0) for back in reach]
        self.counts = [
            _within(key, train, symbols, back) for key, back in zip(keys, reach, strict=True)
        ]


def ngrams(
    train: Lines, val: Slices, test: Slices, orders: Sequence[int], named: int
) -> dict[str, Baseline]:
    """Fits n-grams on train, chooses orders and weights on val's slices, and scores test's.

    Args:
        train: whole pieces.
        val: slices that choose.
        test: slices to score.
        orders: candidates for the order.
        named: an order that is scored whether it is the best or not.

    Returns:
        "ngram", "ngram_cache" on top of it, and "ngram_<named>", whose weight alone val chooses; of
        "test" the notes that count.
    """
    model, asked = SliceNgram(train, max(*orders, named)), (test.lines.pitch, test.lines.first)
    on_val = dict(model.nats(val.lines.pitch, val.lines.first, WEIGHTS))
    best = _lowest({key: nats for key, nats in on_val.items() if key[0] in orders}, val)
    fixed = _lowest({key: nats for key, nats in on_val.items() if key[0] == named}, val)
    cached = cache_nats(on_val[best], val.lines.pitch, val.lines.first, CACHE_ORDERS, WEIGHTS)
    cache = _lowest(dict(cached), val)
    found = {
        "ngram": model.scores(*asked, best[1])[best[0]],
        "ngram_cache": model.cache_scores(*asked, *best, [cache[1]], [cache[0]])[cache],
        f"ngram_{named}": model.scores(*asked, fixed[1])[named],
    }
    chosen: dict[str, dict[str, float]] = {
        "ngram": {"order": best[0], "weight": best[1]},
        "ngram_cache": {"cache_order": cache[0], "cache_weight": cache[1]},
        f"ngram_{named}": {"order": named, "weight": fixed[1]},
    }
    return {
        name: Baseline(chosen[name], {"test": test.own(scores)}) for name, scores in found.items()
    }


def _lowest(nats: Mapping[Choice, Floats], slices: Slices) -> Choice:
    """Of lowest mean over the notes that count; of equals the first."""
    return min(nats, key=lambda key: float(nats[key][slices.scored].mean()))


def rivals(
    train: Lines, val: Slices, test: Slices, which: Sequence[Rival]
) -> dict[str, NoteScores]:
    """Fits rivals on train and val's slices, and scores test's.

    Val's notes before the slices are fitted on too, one in `size` + 1: they have no context, and what
    they say of the shares of the n-grams is little.

    Args:
        train: whole pieces.
        val: slices to fit on.
        test: slices to score.
        which: the rivals.

    Returns:
        By the rival's name, of the notes that count.
    """
    names = dict.fromkeys(name for rival in which for name in rival.viewpoints)
    counted = progress(names, desc="viewpoints", unit="viewpoints")
    models = {name: SliceViewpointModel(VIEWPOINTS[name], train) for name in counted}
    shown = progress(which, desc="counting", unit="models")
    return {
        rival.name: test.own(fit(rival, models, val.lines).scores(test.lines)) for rival in shown
    }
