"""How alike two sets of tunes are in what can be counted of their notes.

Overlap and divergence are the two measures of Yang and Lerch, On the evaluation of generative models
in music (Neural Computing and Applications 32, 2020). They take both between distributions of
distances between pieces; here they are taken between the histograms themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation.intervals import LEVEL, RESAMPLES, Estimate
from tonerow.generation.descriptors import named
from tonerow.generation.lines import Line
from tonerow.models.relative import MAJOR

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each degree fits a minor key (Krumhansl and Kessler, 1982); `MAJOR` is theirs too."""
WIDEST = 12
"""Semitones; larger intervals count as this."""
NOTE_VALUES = (1 / 8, 1 / 6, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 2 / 3, 3 / 4, 1, 3 / 2, 2, 3, 4)
"""Quarter notes; each duration counts as the nearest of these in ratio."""
EVEN = 0.01
"""Share of each histogram that is spread evenly over its bins before a divergence is taken: what one
side never has would make it infinite."""


def tonic(pitch: Ints) -> int:
    """The tonic of the major or minor key that fits best, 0-11, 0 is C.

    The key whose profile correlates best with the counts of pitch classes. Source: Krumhansl,
    Cognitive Foundations of Musical Pitch (1990), who counts durations.
    """
    profiles = np.array([MAJOR, MINOR])
    profiles = (profiles - profiles.mean(1, keepdims=True)) / profiles.std(1, keepdims=True)
    counts = np.bincount(pitch % 12, minlength=12)
    fits = [(profiles @ np.roll(counts, -root)).max() for root in range(12)]
    return int(np.argmax(np.round(fits, 9)))


def _pitch_classes(line: Line) -> Ints:
    return (line.pitch - tonic(line.pitch)) % 12


def _intervals(line: Line) -> Ints:
    return np.clip(np.diff(line.pitch), -WIDEST, WIDEST) + WIDEST


def _durations(line: Line) -> Ints:
    far = np.abs(np.log(line.duration[:, None] / np.array(NOTE_VALUES)))  # (n_notes, n_values)
    nearest: Ints = far.argmin(1)
    return nearest


@dataclass(frozen=True)
class Kind:
    """One thing that is counted.

    Attributes:
        name: in metrics and files.
        unit: of the bins.
        bins: what they stand for.
        of: the bin of each note (or interval) of a line.
        is_rhythm: whether it says nothing of a model that is given the rhythm.
    """

    name: str
    unit: str
    bins: tuple[float, ...]
    of: Callable[[Line], Ints]
    is_rhythm: bool = False


KINDS = (
    Kind("pitch_classes", "semitones above the tonic", tuple(range(12)), _pitch_classes),
    Kind("intervals", "semitones", tuple(range(-WIDEST, WIDEST + 1)), _intervals),
    Kind("durations", "quarter notes", NOTE_VALUES, _durations, is_rhythm=True),
)


def shares(kind: Kind, lines: Sequence[Line]) -> Floats:
    """The histogram of each line that has anything to count: (n_lines, n_bins), rows add up to 1."""
    counts = [np.bincount(kind.of(line), minlength=len(kind.bins)) for line in lines]
    rows = [count / count.sum() for count in counts if count.sum()]
    return np.array(rows, float).reshape(-1, len(kind.bins))


def overlap(one: Floats, other: Floats) -> Floats:
    """The area that two histograms (..., n_bins) share: the sum of the smaller shares, 0-1."""
    area: Floats = np.minimum(one, other).sum(-1)
    return area


def divergence(one: Floats, other: Floats) -> Floats:
    """The divergence of Kullback and Leibler of one histogram from another, in nats, 0 or more.

    The sum of p ln(p / q) over the bins (..., n_bins), p of the first and q of the second, both
    smoothed by `EVEN`.
    """
    p, q = ((1 - EVEN) * side + EVEN / side.shape[-1] for side in (one, other))
    nats: Floats = (p * np.log(p / q)).sum(-1)
    return nats


MEASURES: dict[str, Callable[[Floats, Floats], Floats]] = {"overlap": overlap, "kl": divergence}


def resampled(rows: Floats, seed: int = 0) -> Floats:
    """The mean histogram of lines drawn anew, as often as `RESAMPLES` says: (RESAMPLES, n_bins)."""
    n = len(rows)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES)
    means: Floats = weights @ rows / n
    return means


def drawn(rows: Floats, size: int, seed: int = 0) -> tuple[Floats, Floats]:
    """The mean histograms of so many lines, drawn without replacement, and of all others.

    Args:
        rows: (n_lines, n_bins).
        size: 1 to n_lines - 1.
        seed: of the draws.

    Returns:
        Both (RESAMPLES, n_bins).
    """
    rng = np.random.default_rng(seed)
    some = np.stack([rows[rng.permutation(len(rows))[:size]].sum(0) for _ in range(RESAMPLES)])
    return some / size, (rows.sum(0) - some) / (len(rows) - size)


def _range(values: Floats) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def alike(samples: Floats, human: Floats) -> dict[str, dict[str, float]]:
    """How alike the histograms of samples and of human tunes are, and human tunes among themselves.

    Each line counts the same.

    Args:
        samples: (n_lines, n_bins), see `shares`.
        human: the same.

    Returns:
        For each of `MEASURES`, ``samples``: of samples from human tunes, with the 95 % interval by
        bootstrap over lines (drawing anew makes small sets less alike than they are, so it can lie
        below the value); and ``human``: the mean over draws of as many human tunes (at most half),
        each measured from all others, with the range of 95 % of the draws. A side that has too few
        lines is left out.
    """
    found: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    size = min(len(samples), len(human) // 2)
    for name, measure in MEASURES.items():
        if len(samples) and len(human):
            value = float(measure(samples.mean(0), human.mean(0)))
            again = measure(resampled(samples), resampled(human, seed=1))
            found[name] |= named("samples", Estimate(value, *_range(again)))
        if size:
            usual = measure(*drawn(human, size))
            found[name] |= named("human", Estimate(float(usual.mean()), *_range(usual)))
    return found


def histogram(rows: Floats) -> list[Estimate]:
    """The mean share of each bin, with its 95 % interval by bootstrap over lines (n_lines >= 1)."""
    again = resampled(rows)
    return [
        Estimate(float(mean), *_range(again[:, i])) for i, mean in enumerate(rows.mean(0).tolist())
    ]
