"""Bars that come back, and bars that add up, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tonerow.abc_notation import parse_tune
from tonerow.generation.bars import full, full_bars, kept_bars, repeated_bars
from tonerow.generation.lines import Line, Metre

COMMON = Metre(4.0, 0.0)


def line(
    pitch: list[int], onset: list[float], duration: list[float], metre: Metre | None = COMMON
) -> Line:
    return Line(np.array(pitch, np.int64), np.array(onset), np.array(duration), metre)


def quarters(pitch: list[int], metre: Metre | None = COMMON) -> Line:
    n = len(pitch)
    return line(pitch, list(np.arange(float(n))), [1.0] * n, metre)


ONE, TWO = [60, 62, 64, 65], [67, 65, 64, 62]


def test_repeated_bars_by_hand() -> None:
    assert repeated_bars(quarters(ONE + TWO)) == 0
    assert repeated_bars(quarters(ONE + TWO + ONE)) == pytest.approx(1 / 3)
    assert repeated_bars(quarters(ONE * 4)) == 0.75
    assert repeated_bars(quarters([*ONE, *(pitch + 1 for pitch in ONE)])) == 0  # transposed


def test_bars_begin_at_the_downbeat() -> None:
    after_upbeat = [72, *ONE, *ONE]
    assert repeated_bars(quarters(after_upbeat, Metre(4.0, 1.0))) == pytest.approx(1 / 3)
    assert repeated_bars(quarters(after_upbeat, Metre(4.0, 5.0))) == pytest.approx(1 / 3)
    assert repeated_bars(quarters(after_upbeat)) == 0


def test_the_rhythm_belongs_to_the_bar() -> None:
    onset = [0.0, 1.0, 4.0, 6.0]
    assert repeated_bars(line([60, 62, 60, 62], onset, [1.0] * 4)) == 0
    assert repeated_bars(line([60, 62, 60, 62], [0.0, 1.0, 4.0, 5.0], [1.0] * 4)) == 0.5


def test_an_empty_bar_does_not_count() -> None:
    assert repeated_bars(line([60, 60, 60], [0.0, 4.0, 12.0], [1.0] * 3)) == pytest.approx(2 / 3)


def test_kept_bars_by_hand() -> None:
    assert kept_bars(quarters(ONE + TWO + ONE)) == 1
    across = line([60] * 4, [0.0, 3.0, 5.0, 11.0], [1.0, 2.0, 3.0, 1.0])
    assert kept_bars(across) == 0.5  # of the lines at 4 and 8, one is crossed
    assert kept_bars(line([60, 60], [0.0, 9.0], [9.0, 1.0])) == 0
    assert kept_bars(line([60, 60], [0.0, 9.0], [4.02, 1.0])) == 1  # a hair


@pytest.mark.parametrize("of", [repeated_bars, kept_bars])
def test_without_a_metre_or_bars_there_is_nothing_to_count(of: object) -> None:
    assert callable(of)
    for own in (quarters(ONE, None), quarters([]), quarters(ONE[:2])):
        assert math.isnan(of(own))


def bars_of(body: str, metre: str = "4/4") -> list[bool]:
    return full(parse_tune(f"X:1\nT:t\nM:{metre}\nL:1/4\nK:C\n{body}\n").bars)


def test_written_bars_by_hand() -> None:
    assert bars_of("C|CDEF|GABc|c|") == [True, True]
    assert bars_of("C|CDE|GABc|c|") == [False, True]
    assert bars_of("C|CDEFG|GABc|c|") == [False, True]
    assert bars_of("C|CDEF|GAB:|c|CDEF|C|") == [True, True, True, True]  # two make one
    assert bars_of("C|CDE|G|GABc|CD|c|") == [True, True, True, False]
    assert bars_of("CDEF|GABc|") == []
    assert bars_of("C|CDE|GABc|c|", "none") == []


def test_the_share_of_full_bars() -> None:
    tune = parse_tune("X:1\nT:t\nM:4/4\nL:1/4\nK:C\nC|CDE|GABc|c|\n")
    assert full_bars(tune.bars) == 0.5
    assert math.isnan(full_bars(tune.bars[:1]))
