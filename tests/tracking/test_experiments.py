"""One line an experiment."""

from __future__ import annotations

from typing import Any

import pytest

from tonerow.tracking.experiments import Experiment, experiments, table

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


def shown(name: str, val: float | None, state: str | None = None) -> dict[str, Any]:
    """An experiment as ``dvc exp show --json`` has it; without a level it has no numbers yet."""
    files = {"metrics/summary.json": {"data": {"val": {"pitch_nll": val}, "test": SCORES}}}
    data = {"timestamp": "2026-01-02T03:04:05", "metrics": files if val is not None else {}}
    error = {"msg": "it failed"} if state is None and val is None else None
    revision = {"rev": name * 7, "data": data, "error": error}
    return {"name": name, "revs": [revision], "executor": {"state": state} if state else None}


def test_the_best_on_val_stands_first_and_what_has_no_number_last() -> None:
    runs = [shown("d", 0.7), shown("c", None, "queued"), shown("b", 0.6), shown("a", 0.7)]
    commits: list[dict[str, Any]] = [
        {"rev": "workspace", "experiments": None},
        {"rev": "1" * 40, "experiments": runs[:2]},
        {"rev": "2" * 40, "experiments": [*runs[2:], shown("e", None)]},
    ]
    found = experiments(commits)
    assert [(own.name, own.state) for own in found] == [
        *[("b", "Success"), ("a", "Success"), ("d", "Success")],
        *[("c", "Queued"), ("e", "Failed")],
    ]
