"""What is counted is described."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonerow.generation.measures import Measure, measure_of
from tonerow.generation.writing import Beside


@pytest.mark.parametrize(
    ("name", "unit", "what"),
    [
        ("mean_interval", "semitones", "mean distance of neighbouring pitches"),
        ("in_runs_of_12", "0-1", "share of all notes in runs of 12 intervals of train"),
        ("pitch_classes_overlap", "0-1", "common area of the histograms of pitch classes with"),
        ("intervals_kl", "nats", "divergence of the histograms of intervals with all held-out"),
    ],
)
def test_a_name_has_a_unit_and_a_formula(name: str, unit: str, what: str) -> None:
    assert isinstance(measure_of(name), Measure)
    assert measure_of(name).unit == unit
    assert measure_of(name).what.startswith(what)


def test_what_is_not_described_is_an_error() -> None:
    with pytest.raises(KeyError, match="loudness"):
        measure_of("loudness")


def test_numbers_stand_side_by_side(tmp_path: Path) -> None:
    def row(who: str, value: float) -> dict[str, object]:
        return {"descriptor": "range", "who": who, "value": value, "low": 1.0, "high": 20.0}

    rows = [
        row("samples", 18.125),
        row("human", 19.0),
        {**row("human", 2.0), "descriptor": "repeated"},
    ]
    picture, (first, second) = Beside(tmp_path / "a.png", rows).shown()
    assert picture == tmp_path / "a.png"
    assert first[:2] == ("range", "semitones")
    assert "Yang and Lerch" in first.says
    assert first[3:] == ("18.1 (1 to 20)", "19 (1 to 20)")
    assert second[3:] == ("", "2 (1 to 20)")
