"""Test nats against seconds, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from tonerow.tracking import picture

LEVELS = {f"{picture.LEVEL}{end}": 0.7 + i / 50 for i, end in enumerate(("_low", "", "_high"))}
RIVALS = {
    "baselines/melody.test.ngram.nll": 1.7,
    "baselines/melody.test.rival_past_rhythm.nll": 0.8,
}


def run(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, picture.SECONDS: 300.0, **LEVELS, **RIVALS, **more}


def test_runs_without_seconds_or_pitches_are_no_points() -> None:
    timed, restored = run("lstm_local"), run("lstm_full")
    del restored[picture.SECONDS]
    text = {"model": "lstm_char", picture.SECONDS: 300.0}
    rows = {"a": [timed, run("lstm_local")], "b": [restored], "c": [text]}
    assert picture.points(rows) == {"a": timed}


def test_equal_numbers_make_equal_pictures(tmp_path: Path) -> None:
    of = {"lstm_local": run("lstm_local"), "rnn_vanilla": run("rnn_vanilla", training_seconds=90.0)}
    for name in ("a.png", "b.png"):
        picture.draw(tmp_path / name, of)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture.draw(tmp_path / "c.png", {"lstm_local": of["lstm_local"]})
    drawn, fewer = (imread(tmp_path / name) for name in ("a.png", "c.png"))
    assert drawn.shape == fewer.shape
    assert (drawn != fewer).any()


@pytest.mark.parametrize(
    ("levels", "places"),
    [
        ([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]),
        ([0.0, 0.0, 0.0, 9.0], [-1.0, 0.0, 1.0, 9.0]),
        ([0.0, 0.5], [-0.25, 0.75]),
        ([], []),
    ],
)
def test_names_do_not_cover_each_other(levels: list[float], places: list[float]) -> None:
    assert picture.apart(levels, 1.0) == pytest.approx(places)
