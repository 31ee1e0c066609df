"""Intervals: on made-up data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tonerow.evaluation import intervals
from tonerow.evaluation.intervals import bootstrap, per_work


def test_sums_by_work() -> None:
    values, first = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([0, 2, 3, 5])
    sums, notes = per_work(values, first, ["b", "a", "b"])
    assert sums.tolist() == [4.0, 27.0]
    assert notes.tolist() == [1, 4]


def test_the_interval_of_independent_works_is_that_of_the_normal_distribution() -> None:
    rng = np.random.default_rng(0)
    sums, notes = rng.normal(3.0, 1.0, 400), np.ones(400)
    estimate = bootstrap(sums, notes)
    assert estimate.mean == pytest.approx(sums.mean())
    half = 1.96 * sums.std() / 20
    assert estimate.high - estimate.mean == pytest.approx(half, rel=0.1)
    assert estimate.mean - estimate.low == pytest.approx(half, rel=0.1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        sums = np.random.default_rng(seed).normal(0.0, 1.0, 60)
        estimate = bootstrap(sums, np.ones(60), seed, resamples=400)
        held += estimate.low <= 0 <= estimate.high
    assert 0.89 <= held / 200 <= 0.99


def test_notes_of_one_work_count_as_one_draw() -> None:
    rng = np.random.default_rng(0)
    level = np.repeat(rng.normal(0, 1, 50), 100)  # a work's notes are all alike
    pieces = np.arange(0, 5001, 100)
    by_work = bootstrap(*per_work(level, pieces, [str(i) for i in range(50)]))
    by_note = bootstrap(level, np.ones(5000))
    assert by_work.high - by_work.low > 5 * (by_note.high - by_note.low)


def test_a_paired_difference_is_surer_than_two_levels() -> None:
    rng = np.random.default_rng(1)
    hard, notes = rng.normal(2.0, 1.0, 200), np.ones(200)
    first, second = hard + rng.normal(0, 0.01, 200), hard + 0.05 + rng.normal(0, 0.01, 200)
    difference = bootstrap(second - first, notes)
    assert difference.low > 0
    assert difference.mean == pytest.approx(0.05, abs=0.005)
    assert bootstrap(first, notes).high > bootstrap(second, notes).low


def test_the_same_again_is_the_same() -> None:
    sums, notes = np.arange(9.0), np.arange(1, 10)
    assert bootstrap(sums, notes) == bootstrap(sums, notes)
    assert bootstrap(sums, notes) != bootstrap(sums, notes, seed=1)


def test_works_without_notes_and_many_works_are_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap(np.arange(50.0), np.ones(50))
    monkeypatch.setattr(intervals, "_AT_ONCE", 500)
    parts = bootstrap(np.arange(50.0), np.ones(50))
    assert parts.mean == whole.mean
    assert parts.low == pytest.approx(whole.low, rel=0.05)
    assert bootstrap(np.array([3.0, 0.0]), np.array([3, 0])).mean == 1.0
