"""One line an experiment."""

from __future__ import annotations

from typing import Any

import pytest

from tonerow.tracking.experiments import Experiment, table

SCORES = {"pitch_nll": 0.65, "pitch_nll_low": 0.62, "pitch_nll_high": 0.68, "pitch_accuracy": 0.79}
SUMMARY = {
    "test": {
        **SCORES,
        "more_than_rival": -0.1149,
        "more_than_rival_low": -0.1244,
        "more_than_rival_high": -0.1055,
    },
    "val": {**SCORES, "pitch_nll": 0.66},
}


def experiment(**changes: Any) -> Experiment:
    own = {"name": "hasty-hare", "state": "Success", "created": "2026-01-02 03:04"}
    changed = {"model": "lstm_full", "models.lstm_full.small.dropout": 0.1}
    return Experiment(**{**own, "changed": changed, "summary": SUMMARY, **changes})


def test_a_line_says_what_was_set_and_what_came_of_it() -> None:
    head, line = table([experiment()]).splitlines()
    assert head.split("  ")[0] == "experiment"
    assert line.split() == [
        "hasty-hare",
        "model=lstm_full",
        "dropout=0.1",
        "0.660",
        "0.650",
        "(0.620-0.680)",
        "0.790",
        "-0.115",
        "(-0.124,-0.105)",
        "2026-01-02",
        "03:04",
    ]


def test_characters_stand_in_the_same_column() -> None:
    scores = {key.replace("pitch", "char"): value for key, value in SCORES.items()}
    line = table([experiment(summary={"test": scores, "val": scores})]).splitlines()[1]
    assert line.split()[3:7] == ["0.650", "0.650", "(0.620-0.680)", "0.790"]


def test_an_experiment_without_numbers_says_how_it_stands() -> None:
    line = table([experiment(state="Queued", summary={}, created="")]).splitlines()[1]
    assert line.split()[3:] == ["queued", "-", "-", "-", "-"]


@pytest.mark.parametrize("width", [110, 120])
def test_long_settings_are_cut_to_the_width(width: int) -> None:
    many = {f"models.lstm_full.small.key_{i}": i for i in range(40)}
    lines = table([experiment(), experiment(changed=many)], width).splitlines()
    assert max(map(len, lines)) <= width
    assert "... " in lines[2]
