"""Where a sample ends: bars by the metre, seconds by the tempo."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.tiny import settings
from tonerow.generation.extent import begins_before, end_of, shortened


def end(first_beat: float = 0.0, piece: dict[str, Any] | None = None, **asked: Any) -> float:
    """Where a sample of a piece ends."""
    unknown = {"time_signature": None, "downbeat_beat": None, "tempo_bpm": None}
    changed = {f"generate__{name}": value for name, value in asked.items()}
    return end_of(settings(**changed).generate, {**unknown, **(piece or {})}, first_beat)


JIG = {"time_signature": "6/8", "downbeat_beat": 0.5, "tempo_bpm": 90.0}


@pytest.mark.parametrize(
    ("first_beat", "piece", "beats"),
    [
        (0.0, {}, 8),
        (7.0, {}, 8),
        (0.5, JIG, 6),
        (0.0, JIG, 6.5),
        (3.5, JIG, 6),
        (4.5, JIG, 8),
        (0.0, JIG | {"downbeat_beat": None}, 6),
        (1.0, {"time_signature": "4/4", "downbeat_beat": math.nan}, 8),
        (2.0, {"time_signature": "4/4", "downbeat_beat": 0.0}, 10),
    ],
)
def test_bars_are_of_the_metre_after_an_upbeat(
    first_beat: float, piece: dict[str, Any], beats: float
) -> None:
    assert end(first_beat, piece, bars=2) == pytest.approx(beats)


@pytest.mark.parametrize(
    ("piece", "tempo", "beats"), [({}, None, 6), (JIG, None, 4.5), (JIG, 30.0, 1.5)]
)
def test_seconds_are_by_the_tempo_that_is_played(
    piece: dict[str, Any], tempo: float | None, beats: float
) -> None:
    assert end(5.0, piece, seconds=3.0, tempo_bpm=tempo) == pytest.approx(beats)


def test_nothing_asked_for_sets_no_limit() -> None:
    assert end(0.0, JIG) == math.inf


ONSET, DURATION = np.array([0.0, 1.0, 1.0, 2.5]), np.array([1.0, 9.0, 0.5, 0.5])


@pytest.mark.parametrize(("limit", "notes"), [(1.0, 1), (1.5, 3), (2.5, 3), (9.0, 4), (1e-9, 1)])
def test_notes_count_that_begin_before_the_end(limit: float, notes: int) -> None:
    assert begins_before(ONSET, limit) == notes


def test_none_sounds_beyond_it() -> None:
    assert shortened(ONSET[:3], DURATION[:3], 1.25).tolist() == [1.0, 0.25, 0.25]
    assert shortened(ONSET, DURATION, math.inf).tolist() == DURATION.tolist()
