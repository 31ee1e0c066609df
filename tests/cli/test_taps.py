"""Tapping a rhythm in a terminal."""

from __future__ import annotations

import pytest

from tests.cli.terminals import terminal_with
from tonerow.cli import UsageError
from tonerow.cli.taps import rhythm_of, taps


@pytest.mark.parametrize(
    ("moments", "bpm", "pairs"),
    [
        ([5.0], 120, "0 1"),
        ([5.0, 5.5, 5.75, 6.0], 120, "0 1, 0 0.5, 0 0.5, 0 1"),
        ([0.0, 1.02, 1.49], 60, "0 1, 0 0.5, 0 1"),
        ([0.0, 0.01, 1.0], 60, "0 1, 0 1"),
    ],
)
def test_taps_are_a_rhythm_on_a_grid(moments: list[float], bpm: float, pairs: str) -> None:
    assert rhythm_of(moments, bpm) == pairs


def test_no_tap_is_no_rhythm() -> None:
    with pytest.raises(UsageError, match="no tap was heard"):
        rhythm_of([], 120)


def heard(keys: bytes) -> list[float]:
    """What a terminal gives in which these keys are pressed, a second for each space bar."""
    with terminal_with(keys) as terminal:
        return taps(terminal, clock=iter(map(float, range(9))).__next__)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\x04"])
def test_the_space_bar_counts_until_the_end(end: bytes) -> None:
    assert heard(b"  x " + end) == [0, 1, 2]


def test_control_c_stops() -> None:
    with pytest.raises(KeyboardInterrupt):
        heard(b"  \x03")
