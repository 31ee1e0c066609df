"""What can be counted of melodies, of samples and of human tunes alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tonerow.evaluation.intervals import Estimate, bootstrap
from tonerow.notes.runs import runs_within
from tonerow.views import VIEWS, Pieces

Ints = NDArray[np.int64]

MAJOR = (0, 2, 4, 5, 7, 9, 11)
REPEATED_RUN = 12
"""Intervals in a row that a tune has had before: it repeats itself."""
COPIED_RUN = 16
"""Intervals in a row that train has too and that are no coincidence."""
RUNS = 4, 8, 12, 16, 24, 32, 48, 64
"""Lengths of runs at which copying is counted."""


def scale_consistency(pitch: Ints) -> float:
    """The share of notes in the major (or natural minor) scale that holds most of them, 0-1.

    Source: Mogren, C-RNN-GAN (2016), as in muspy's metric of that name.
    """
    classes = np.bincount(pitch % 12, minlength=12)
    inside = [classes[[(root + step) % 12 for step in MAJOR]].sum() for root in range(12)]
    return float(max(inside) / max(classes.sum(), 1))


def pitch_class_entropy(pitch: Ints) -> float:
    """Bits of the distribution of pitch classes, 0 to log2(12); as in muspy's metric of that name."""
    share = np.bincount(pitch % 12, minlength=12) / max(len(pitch), 1)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) + 0.0


def in_runs(starts: Ints, run: int, notes: int) -> NDArray[np.bool_]:
    """Which of so many notes lie in runs of intervals that begin at these notes."""
    ends = np.zeros(notes + run + 2, np.int64)
    np.add.at(ends, starts, 1)
    np.add.at(ends, starts + run + 1, -1)
    return ends.cumsum()[:notes] > 0


def repeated(pitch: Ints, run: int = REPEATED_RUN) -> float:
    """The share of notes in a run of intervals that the line has had before, 0-1.

    What is repeated transposed counts; the first time does not.
    """
    hashes, starts = runs_within(pitch, np.array([0, len(pitch)]), run)
    _, first = np.unique(hashes, return_index=True)
    again = np.delete(starts, first)
    return float(in_runs(again, run, len(pitch)).mean()) if len(pitch) else 0.0


def of_line(pitch: Ints) -> dict[str, float]:
    """Descriptors of one melody.

    Args:
        pitch: int64 (n,), 0-127, n >= 1.

    Returns:
        ``scale_consistency`` 0-1; ``pitch_class_entropy`` in bits; ``mean_interval`` and ``range`` in
        semitones; ``same_pitch_again``, the share of intervals that are 0; ``repeated``, see there.
    """
    steps = np.abs(np.diff(pitch))
    return {
        "scale_consistency": scale_consistency(pitch),
        "pitch_class_entropy": pitch_class_entropy(pitch),
        "mean_interval": float(steps.mean()) if len(steps) else 0.0,
        "same_pitch_again": float((steps == 0).mean()) if len(steps) else 0.0,
        "range": float(pitch.max() - pitch.min()),
        "repeated": repeated(pitch),
    }


def lines_of(samples: pd.DataFrame) -> list[Ints]:
    """The pitches of each sample, without the given ones."""
    own = samples[~samples["is_given"].astype(bool)]
    return [line["pitch"].to_numpy(np.int64) for _, line in own.groupby("sample")]


def side_by_side(
    described: Mapping[str, Sequence[Mapping[str, float]]],
) -> dict[str, dict[str, float]]:
    """Means over lines with their 95 % intervals (bootstrap over lines).

    Args:
        described: the descriptors of each line, by who wrote the lines; NaN where a line has none.

    Returns:
        By descriptor, for each who with any: ``<who>``, ``<who>_low`` and ``<who>_high``.
    """
    found: dict[str, dict[str, float]] = {}
    for who, lines in described.items():
        table = pd.DataFrame(lines)
        for name in table:
            values = table[name].dropna().to_numpy()
            if len(values):
                own = named(who, bootstrap(values, np.ones(len(values))))
                found.setdefault(str(name), {}).update(own)
    return found


def named(who: str, found: Estimate) -> dict[str, float]:
    """A value and its interval as they stand in the metrics."""
    return {who: found.mean, f"{who}_low": found.low, f"{who}_high": found.high}


class Known:
    """What train holds, to find out what is copied from it.

    Originality after Yin, Reuben, Stepney and Collins (2022): what is copied is counted at many
    lengths, for human tunes too, which share runs with train as well. What is transposed counts. The
    split keeps pieces together that share runs of `split.shared_run` intervals, so at this length and
    beyond held-out tunes have next to none: only below it they say how much is usual.

    Args:
        tokens: folder with the token tables.
        view: of the model.
    """

    def __init__(self, tokens: Path, view: str) -> None:
        compared = VIEWS[VIEWS[view].compared_with]
        self._train: Pieces = compared.load(tokens, "train")

    def copied(self, lines: list[Ints], run: int) -> list[NDArray[np.bool_]]:
        """Which notes of each line lie in a run of so many intervals that train has too."""
        first = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
        pitch = np.concatenate(lines) if lines else np.zeros(0, np.int64)
        known = runs_within(self._train.notes["pitch"].numpy(), self._train.first, run)[0]
        hashes, starts = runs_within(pitch, first, run)
        found = in_runs(starts[np.isin(hashes, known)], run, len(pitch))
        return np.split(found, first[1:-1])

    def longest(self, lines: list[Ints]) -> list[int]:
        """Of each line, the intervals of its longest run that train has too."""
        longest = [0] * len(lines)
        bits = max((len(line).bit_length() for line in lines), default=0)
        for more in (
            1 << bit for bit in reversed(range(bits))
        ):  # what holds a long run holds a short
            for run in sorted({have + more for have in longest}):
                asked = [i for i, have in enumerate(longest) if have + more == run]
                asked = [i for i in asked if len(lines[i]) > run]
                copied = self.copied([lines[i] for i in asked], run)
                for i, found in zip(asked, copied, strict=False):
                    longest[i] = run if found.any() else longest[i]
        return longest

    def share(self, samples: pd.DataFrame, run: int = COPIED_RUN) -> float:
        """The share of generated notes in a run that train has too, 0-1."""
        found = self._share(lines_of(samples), run)
        return found.mean if found else 0.0

    def _share(self, lines: list[Ints], run: int) -> Estimate | None:
        """Such a share of lines with its 95 % interval (bootstrap over lines); None without notes."""
        copied = self.copied(lines, run)
        notes = np.array([len(line) for line in copied])
        return bootstrap(np.array([line.sum() for line in copied]), notes) if notes.sum() else None

    def report(self, lines: Mapping[str, list[Ints]]) -> dict[str, dict[str, float]]:
        """Shares at all `RUNS`, and the mean longest run, by who wrote the lines.

        Each with its 95 % interval (bootstrap over lines); who has no note is left out.
        """
        report: dict[str, dict[str, float]] = {}
        for run in RUNS:
            shares = {who: self._share(own, run) for who, own in lines.items()}
            of = [named(who, found) for who, found in shares.items() if found]
            report[f"in_runs_of_{run}"] = {key: value for own in of for key, value in own.items()}
        described = {
            who: [{"longest_run": run} for run in self.longest(own)] for who, own in lines.items()
        }
        return report | side_by_side(described)
