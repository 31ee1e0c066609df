"""Confidence and accuracy, bin by bin."""

from __future__ import annotations

import numpy as np
import pytest

from tonerow.evaluation.calibration import BINS, calibration


def test_each_note_falls_into_the_bin_of_its_confidence() -> None:
    own = calibration(np.array([0.05, 0.11, 0.19, 1.0]), np.array([False, True, False, True]))
    assert own.notes.tolist() == [1, 2, *[0] * 7, 1]
    assert own.confidence[[0, 1, 9]].tolist() == pytest.approx([0.05, 0.15, 1.0])
    assert own.accuracy[[0, 1, 9]].tolist() == [0.0, 0.5, 1.0]
    assert np.isnan(own.accuracy[2:9]).all()


def test_who_is_right_as_often_as_sure_has_no_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(100_000)
    assert calibration(confidence, rng.random(100_000) < confidence).error() < 0.01


def test_who_is_too_sure_has_the_distance_as_error() -> None:
    own = calibration(np.full(1000, 0.9), np.arange(1000) % 2 == 0)
    assert own.error() == pytest.approx(0.4)
    assert len(own.notes) == BINS
