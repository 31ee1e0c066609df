"""Histograms, their overlap and their divergence, by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from tonerow.generation.distributions import (
    EVEN,
    KINDS,
    NOTE_VALUES,
    Kind,
    alike,
    divergence,
    drawn,
    histogram,
    overlap,
    shares,
    tonic,
)
from tonerow.generation.lines import Line

KIND = {kind.name: kind for kind in KINDS}
G_MAJOR = [67, 69, 71, 72, 74, 76, 78, 79, 74, 71, 67]
A_MINOR = [69, 71, 72, 74, 76, 77, 80, 81, 76, 72, 69]
ROWS = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda x: np.array(x) / sum(x))


def line(pitch: list[int], duration: float | list[float] = 1.0) -> Line:
    pitches = np.array(pitch, np.int64)
    return Line(pitches, np.arange(len(pitch), dtype=float), np.zeros(len(pitch)) + duration)


def counted(kind: Kind, own: Line) -> dict[float, float]:
    """The bins that are not empty."""
    (row,) = shares(kind, [own])
    return {place: share for place, share in zip(kind.bins, row.tolist(), strict=True) if share}


@pytest.mark.parametrize(("pitches", "root"), [(G_MAJOR, 7), (A_MINOR, 9)])
@pytest.mark.parametrize("up", range(12))
def test_the_tonic_moves_with_the_tune(pitches: list[int], root: int, up: int) -> None:
    assert tonic(np.array(pitches) + up) == (root + up) % 12
    assert counted(KIND["pitch_classes"], line([p + up for p in pitches])) == counted(
        KIND["pitch_classes"], line(pitches)
    )


def test_intervals_by_hand() -> None:
    found = counted(KIND["intervals"], line([60, 62, 60, 60, 80, 40]))
    assert found == {2: 0.2, -2: 0.2, 0: 0.2, 12: 0.2, -12: 0.2}


def test_each_duration_counts_as_the_nearest_in_ratio() -> None:
    assert counted(KIND["durations"], line([60] * 4, [0.5, 0.52, 30.0, 0.01])) == {
        **{0.5: 0.5, 4: 0.25, 1 / 8: 0.25}
    }
    for value in NOTE_VALUES:
        assert counted(KIND["durations"], line([60], value)) == {value: 1}


def test_a_line_without_an_interval_is_left_out() -> None:
    assert shares(KIND["intervals"], [line([60]), line([60, 62])]).shape == (1, 25)
    assert shares(KIND["intervals"], []).shape == (0, 25)


def test_overlap_by_hand() -> None:
    assert overlap(np.array([0.5, 0.5, 0]), np.array([0.25, 0.25, 0.5])) == 0.5
    assert overlap(np.array([1.0, 0]), np.array([0, 1.0])) == 0


@given(ROWS, ROWS)
def test_overlap_and_divergence_of_histograms(p: np.ndarray, q: np.ndarray) -> None:
    assert overlap(p, q) == pytest.approx(1 - np.abs(p - q).sum() / 2)
    smooth = [(1 - EVEN) * side + EVEN / 4 for side in (p, q)]
    assert divergence(p, q) == pytest.approx(entropy(*smooth), abs=1e-12)
    assert overlap(p, p) == pytest.approx(1)
    assert divergence(p, p) == 0


def test_what_one_side_never_has_keeps_the_divergence_finite() -> None:
    found = divergence(np.array([1.0, 0]), np.array([0, 1.0]))
    assert found == pytest.approx((1 - EVEN) * np.log((1 - EVEN / 2) / (EVEN / 2)))


def test_lines_are_drawn_against_all_others() -> None:
    some, others = drawn(np.eye(5), 2)
    assert some.shape == others.shape == (len(some), 5)
    assert set(np.unique(some)) == {0, 0.5}
    np.testing.assert_allclose(others, (1 - 2 * some) / 3)


def test_the_usual_difference_is_that_of_as_many_human_tunes() -> None:
    rng = np.random.default_rng(0)
    human = rng.dirichlet(np.ones(6), 60)
    found = {size: alike(rng.dirichlet(np.ones(6), size), human) for size in (3, 20)}
    for measure, better in (("overlap", 1), ("kl", -1)):
        few, many = (found[size][measure] for size in (3, 20))
        assert better * (many["human"] - few["human"]) > 0
        assert few["human_low"] < few["human"] < few["human_high"]
        assert few["samples_low"] < few["samples_high"]
    same = alike(human, human)["overlap"]
    assert same["samples"] == 1


def test_other_music_is_less_alike_than_is_usual() -> None:
    rng = np.random.default_rng(0)
    human = rng.dirichlet([9, 9, 9, 1, 1, 1], 60)
    found = alike(rng.dirichlet([1, 1, 1, 9, 9, 9], 8), human)
    assert found["overlap"]["samples_high"] < found["overlap"]["human_low"]
    assert found["kl"]["samples_low"] > found["kl"]["human_high"]


def test_too_few_lines_give_what_can_be_given() -> None:
    one, none = np.ones((1, 1)), np.ones((0, 1))
    assert alike(none, one) == {"overlap": {}, "kl": {}}
    assert set(alike(one, one)["kl"]) == {"samples", "samples_low", "samples_high"}


def test_a_histogram_has_intervals() -> None:
    first, second = histogram(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]))
    assert (first.mean, second.mean) == (0.25, 0.75)
    assert first.low == 0 < first.mean < first.high
    assert second.high == 1 - first.low
