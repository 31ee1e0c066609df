"""Whether a model is right as often as it is sure.

Source: Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks": the
predictions in bins of equal width by the probability of the first choice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation.note_scores import Floats, Ints

BINS = 10
"""Of equal width, from 0 to 1."""


class Calibration(NamedTuple):
    """How sure and how right a model is, by bin of its confidence.

    Attributes:
        notes: (BINS,), how many fell into each.
        confidence: (BINS,), their mean probability of the first choice; NaN of none.
        accuracy: (BINS,), how often that was right; NaN of none.
    """

    notes: Ints
    confidence: Floats
    accuracy: Floats

    def error(self) -> float:
        """The expected calibration error: mean distance of accuracy and confidence, by notes."""
        distance = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(distance * self.notes) / self.notes.sum())


def calibration(confidence: NDArray[Any], hit: NDArray[Any]) -> Calibration:
    """Sorts notes into bins.

    Args:
        confidence: (n,), n >= 1, the probability of the first choice, 0-1.
        hit: (n,), whether it was right.
    """
    place = np.clip((confidence * BINS).astype(np.int64), 0, BINS - 1)
    notes = np.bincount(place, minlength=BINS)
    sums = [np.bincount(place, values.astype(float), BINS) for values in (confidence, hit)]
    with np.errstate(invalid="ignore"):
        return Calibration(notes, sums[0] / notes, sums[1] / notes)
