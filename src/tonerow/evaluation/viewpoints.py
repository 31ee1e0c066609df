"""N-grams that look at a line from several viewpoints: pitches, intervals, rhythm, place; at a text too.

After Conklin and Witten (1995), "Multiple viewpoint systems for music prediction": each viewpoint is
an n-gram of its own, and what they foretell of the next pitch is mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tonerow.evaluation.lines import TICKS_PER_BEAT, Lines
from tonerow.evaluation.ngram import Counter, Seen, before
from tonerow.evaluation.note_scores import N_PITCHES, Floats, Ints
from tonerow.parts import Hashes, extend


def _place(tick: Ints, beats: int) -> Ints:
    return tick % (beats * TICKS_PER_BEAT)


VALUES: dict[str, Callable[[Lines], Ints]] = {
    "pitch": lambda lines: lines.pitch,
    "interval": lambda lines: lines.interval,
    "rhythm": lambda lines: lines.rest_tick * (1 << 32) + lines.duration_tick,
    "duration": lambda lines: lines.duration_tick,
    "duration_before": lambda lines: before(lines.duration_tick, lines.first, 1, -1),
    "place_in_3": lambda lines: _place(lines.onset_tick, 3),
    "place_in_4": lambda lines: _place(lines.onset_tick, 4),
    "end_before_in_4": lambda lines: _place(lines.end_before_tick, 4),
    "header": lambda lines: lines.known["header"],
    "place": lambda lines: lines.known["place"],
}
"""What a context may hold, (n,) >= -1. Places count from the line's first note: no metre is read. The
last two are of texts (`tonerow.evaluation.texts`)."""


@dataclass(frozen=True)
class Viewpoint:
    """What an n-gram of pitch looks at.

    Attributes:
        past: of each note before, names of `VALUES`.
        longest: how many notes before at most.
        given: of the note itself, names of `VALUES` that do not tell its pitch.
        interval: count the steps from the note before instead of the pitches.
    """

    past: tuple[str, ...]
    longest: int
    given: tuple[str, ...] = ()
    interval: bool = False

    def symbols(self, lines: Lines) -> Ints:
        """What is counted, (n,): pitch, or interval modulo 128, so that each leads to a pitch."""
        return (lines.pitch - lines.before) % N_PITCHES if self.interval else lines.pitch

    def contexts(self, lines: Lines) -> list[Hashes]:
        """Hashes (n,) of ever more: nothing, what is given, and 1 to `longest` notes before."""
        key: Hashes = np.zeros(len(lines.pitch), np.uint64)
        if self.interval:  # a piece's first note has no interval: it counts alone, as a pitch
            key = extend(key, (lines.at > 0).astype(np.int64))
        keys = [key]
        for name in self.given:
            key = extend(key, VALUES[name](lines))
        if self.given:
            keys.append(key)
        past = [VALUES[name](lines) for name in self.past]
        for back in range(1, self.longest + 1):
            for values in past:
                key = extend(key, before(values, lines.first, back, lines.n_symbols))
            keys.append(key)
        return keys


_PITCH = ("pitch",)
_INTERVAL = ("interval",)
_PLACE = ("duration", "duration_before", "place_in_4")
_PLACE_OF_3 = ("duration", "duration_before", "place_in_3")
_PAST_PLACE = ("duration_before", "end_before_in_4")

VIEWPOINTS = {
    "pitch": Viewpoint(_PITCH, 11),
    "interval": Viewpoint(_INTERVAL, 11, interval=True),
    "place": Viewpoint(_PITCH, 7, _PLACE),
    "place_of_3": Viewpoint(_PITCH, 7, _PLACE_OF_3),
    "place_interval": Viewpoint(_INTERVAL, 7, _PLACE, interval=True),
    "rhythm": Viewpoint(("pitch", "rhythm"), 5, ("duration",)),
    "past_place": Viewpoint(_PITCH, 7, _PAST_PLACE),
    "past_place_interval": Viewpoint(_INTERVAL, 7, _PAST_PLACE, interval=True),
    "past_rhythm": Viewpoint(("pitch", "rhythm"), 5),
    "text_place": Viewpoint(_PITCH, 10, ("header", "place")),
}
"""By name. The contexts are longer than any that helps: useless ones are given no say."""


class ViewpointModel:
    """An interpolated n-gram of a viewpoint, with one weight for each length of context.

    Args:
        viewpoint: what it looks at.
        lines: the training notes; each piece counts once (`tonerow.evaluation.ngram.Counts`).
        asked: all lines that will be foretold; None: whatever they are.
    """

    def __init__(
        self, viewpoint: Viewpoint, lines: Lines, asked: Sequence[Lines] | None = None
    ) -> None:
        self.viewpoint = viewpoint
        asked = list(lines.runs()) if asked is None else asked
        wanted = zip(*(viewpoint.contexts(own) for own in asked), strict=True)
        counters = [Counter(np.concatenate(keys), lines.n_symbols) for keys in wanted]
        for run in lines.runs():
            symbols = viewpoint.symbols(run)
            for counter, key in zip(counters, viewpoint.contexts(run), strict=True):
                counter.add(key, symbols, run.piece)
        self.counts = [counter.counts() for counter in counters]

    def seen(self, lines: Lines) -> list[Seen]:
        """What followed each note's context, by length."""
        symbols = self.viewpoint.symbols(lines)
        keys = self.viewpoint.contexts(lines)
        return [of.seen(key, symbols) for of, key in zip(self.counts, keys, strict=True)]

    def distributions(self, lines: Lines, log_weights: Floats) -> Floats:
        """Probabilities (n, n_symbols) of the next pitch (or character)."""
        p = np.full((len(lines.pitch), lines.n_symbols), 1 / lines.n_symbols)
        for of, key, weight in zip(
            self.counts, self.viewpoint.contexts(lines), np.exp(log_weights), strict=True
        ):
            p = of.interpolate(p, key, float(weight))
        if not self.viewpoint.interval:
            return p
        steps = (np.arange(N_PITCHES) - lines.before[:, None]) % N_PITCHES
        return np.take_along_axis(p, steps, 1)


def likelihood(
    seen: list[Seen], log_weights: Floats, n_symbols: int = N_PITCHES
) -> tuple[Floats, Floats]:
    """The probability of each note's own pitch, and how it changes with the weights.

    Args:
        seen: by length.
        log_weights: (n_lengths,).
        n_symbols: see `Lines`.

    Returns:
        p (n,) and its derivatives by the log weights (n_lengths, n).
    """
    n = len(seen[0].total)
    p = np.full(n, 1 / n_symbols)
    slopes = np.zeros((len(seen), n))
    for length, (of, weight) in enumerate(zip(seen, np.exp(log_weights), strict=True)):
        longer = of.interpolate(p, float(weight))
        trust = weight * of.distinct
        share = np.where(of.total > 0, trust / np.maximum(of.total + trust, 1e-300), 1.0)
        slopes[:length] *= share
        slopes[length] = np.where(of.total > 0, share * (p - longer), 0.0)
        p = longer
    return p, slopes
