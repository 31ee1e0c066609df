"""The length of a bar and the place of a note in it, whatever the noise of floats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonerow.notes.bars import bar_beats, beat_beats, place_in_bar

TIME_SIGNATURES = st.tuples(st.integers(1, 255), st.integers(1, 999)).map(
    lambda m: f"{m[0]}/{m[1]}"
)


@pytest.mark.parametrize(
    ("time_signature", "expected"),
    [("4/4", 4.0), ("3/4", 3.0), ("6/8", 3.0), ("2/2", 4.0), ("9/8", 4.5), ("5/16", 1.25)],
)
def test_a_bar_has_so_many_quarter_notes(time_signature: str, expected: float) -> None:
    assert bar_beats(time_signature) == expected


@pytest.mark.parametrize(
    ("time_signature", "expected"),
    [("4/4", 1.0), ("3/4", 1.0), ("2/2", 2.0), ("6/8", 1.5), ("12/16", 0.75), ("3/8", 0.5)],
)
def test_a_beat_of_a_compound_metre_is_dotted(time_signature: str, expected: float) -> None:
    assert beat_beats(time_signature) == expected


@pytest.mark.parametrize(
    ("downbeat", "bar", "expected"),
    [
        (0.0, 3.0, [0.0, 0.5, 2.0, 0.0, 1.0]),
        (0.5, 3.0, [2.5, 0.0, 1.5, 2.5, 0.5]),  # after a pickup
        (3.5, 3.0, [2.5, 0.0, 1.5, 2.5, 0.5]),  # a bar later, the same
        (1.0, 4.0, [3.0, 3.5, 1.0, 2.0, 3.0]),
    ],
)
def test_the_place_is_what_is_past_the_last_bar_line(
    downbeat: float, bar: float, expected: list[float]
) -> None:
    onset = np.array([0.0, 0.5, 2.0, 3.0, 4.0])
    assert place_in_bar(onset, downbeat, bar).tolist() == expected


def test_each_note_may_have_a_metre_of_its_own() -> None:
    place = place_in_bar(np.array([4.0, 4.0]), np.array([0.0, 0.5]), np.array([3.0, 4.0]))
    assert place.tolist() == [1.0, 3.5]


def test_without_a_metre_there_is_no_place() -> None:
    onset = np.array([0.0, 1.0])
    assert np.isnan(place_in_bar(onset, float("nan"), 4.0)).all()
    assert np.isnan(place_in_bar(onset, 0.0, float("nan"))).all()


@given(TIME_SIGNATURES, st.integers(0, 2000), st.floats(-1e-6, 1e-6), st.floats(0, 1000))
def test_a_note_on_a_bar_line_is_never_before_it(
    time_signature: str, n_bars: int, noise: float, downbeat: float
) -> None:
    bar = bar_beats(time_signature)
    onset = np.array([downbeat + n_bars * bar + noise])
    assert place_in_bar(onset, downbeat, bar).tolist() == [0.0]


@given(TIME_SIGNATURES, st.lists(st.floats(0, 1e5), min_size=1), st.floats(0, 1e3))
def test_a_place_is_in_the_bar_and_on_the_grid(
    time_signature: str, onset: list[float], downbeat: float
) -> None:
    bar = bar_beats(time_signature)
    place = place_in_bar(np.array(onset), downbeat, bar)
    assert ((place >= 0) & (place < bar)).all()
    assert np.abs(place * 480 - np.round(place * 480)).max() < 1e-6
