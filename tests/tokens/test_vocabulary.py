import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonerow.tokens.vocabulary import (
    DRUMS,
    grid,
    instrument_ids,
    nearest,
    quantise_offsets,
    spacing,
)

GRID = grid(24, 16)
START = np.array([0])


def test_the_stated_grid() -> None:
    steps = np.diff(GRID)
    assert GRID[0] == 0
    assert GRID[-1] == 16
    assert np.allclose(steps[GRID[:-1] < 1], 1 / 24)
    assert np.allclose(steps[(GRID[:-1] >= 1) & (GRID[:-1] < 4)], 1 / 12)
    assert np.allclose(steps[GRID[:-1] >= 4], 1 / 4)


@given(st.integers(1, 960), st.integers(1, 40))
def test_any_grid_ascends_to_its_end_with_the_stated_spacing(ticks: int, end: int) -> None:
    levels = grid(ticks, end)
    assert levels[0] == 0
    assert levels[-1] == end
    assert (np.diff(levels) > 0).all()
    middles = (levels[1:] + levels[:-1]) / 2
    assert (np.diff(levels) <= spacing(middles, ticks) + 1e-9).all()


def test_a_grid_beyond_int16_is_refused() -> None:
    with pytest.raises(ValueError, match="max_beats 100000"):
        grid(24, 100_000)


@given(st.floats(0, 16))
def test_a_value_is_within_half_the_local_spacing(value: float) -> None:
    level = GRID[nearest(np.array([value]), GRID)]
    assert abs(level - value) <= spacing(np.array([value]), 24) / 2 + 1e-8


def test_an_unseen_value_takes_the_nearest_level_and_a_tie_the_shorter() -> None:
    levels = np.array([0.0, 0.5, 1.0, 4.0])
    values = np.array([0.2, 0.25, 0.26, 0.75, 2.5, 2.6, 99.0])
    assert nearest(values, levels).tolist() == [0, 0, 1, 1, 2, 3, 3]


@given(st.lists(st.floats(0, 15.8), min_size=1, max_size=200))
def test_onsets_do_not_drift(gaps: list[float]) -> None:
    ids = quantise_offsets(np.array([0, *gaps]), START, GRID, 24)
    error = np.cumsum(GRID[ids]) - np.cumsum([0, *gaps])
    assert np.abs(error).max() <= 1 / 8 + 1e-6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_short_gaps_keep_onsets_within_half_a_tick(gaps: list[float]) -> None:
    ids = quantise_offsets(np.array([0, *gaps]), START, GRID, 24)
    error = np.cumsum(GRID[ids]) - np.cumsum([0, *gaps])
    assert np.abs(error).max() <= 1 / 48 + 1e-6


def test_a_chord_stays_together() -> None:
    gaps = np.array([0, 5.1, 0, 0, 5.1, 0])
    assert (quantise_offsets(gaps, START, GRID, 24) == 0).tolist() == [1, 0, 1, 1, 0, 1]


def test_what_clipping_takes_is_not_given_to_the_next_gap() -> None:
    ids = quantise_offsets(np.array([0, 40.0, 1.0]), START, GRID, 24)
    assert GRID[ids].tolist() == [0, 16, 1]


def test_pieces_are_quantised_apart() -> None:
    gaps = np.array([0, 0.03, 0.03])
    apart = quantise_offsets(np.tile(gaps, 2), np.array([0, 3]), GRID, 24)
    assert apart.tolist() == quantise_offsets(gaps, START, GRID, 24).tolist() * 2


def test_instruments() -> None:
    ids = instrument_ids([0, 40, 42, 52, DRUMS], [5, 9, 1, 2, 99])
    seen = {0: 0, 40: 1, 42: 2, 52: 3, DRUMS: 4}
    same_family = {1: 0, 41: 1, 43: 2, 47: 2, 48: 3}
    most_common = {8: 1, 39: 1, 127: 1}
    for instrument, expected in {**seen, **same_family, **most_common}.items():
        assert ids[instrument] == expected


def test_instruments_without_drums_or_without_programs() -> None:
    assert instrument_ids([3, 50], [1, 2])[DRUMS] == 1
    assert set(instrument_ids([DRUMS], [1]).tolist()) == {0}
