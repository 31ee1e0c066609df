"""The table that compares models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tonerow import params, tracking
from tonerow.models import ARCHITECTURES
from tonerow.tracking import comparison

SETTINGS = params.load()


def run(model: str = "a", architecture: str = "lstm_local", **metrics: float) -> dict[str, Any]:
    found: dict[str, Any] = {"model": model, "architecture": architecture, **metrics}
    return found | {"evaluate/test.notes": 9.0}


def test_the_latest_run_of_each_model_in_the_order_asked_for() -> None:
    unfinished = {"model": "a"}
    runs = [unfinished, run("a", x=1.0), run("b"), run("a", x=2.0)]
    assert comparison.latest(runs, []) == [runs[1], runs[2]]
    assert comparison.latest(runs, ["b", "c", "a"]) == [runs[2], runs[1]]


def test_a_number_stands_under_its_header_and_what_is_missing_is_a_dash() -> None:
    found = run("small", parameters=1152448.0) | {"evaluate/test.pitch_accuracy": 0.7361}
    header, rule, row, *_, knows = comparison.table([found]).splitlines()
    cells = dict(zip(header.split("|"), row.split("|"), strict=True))
    found_cells = {key.strip(): value.strip() for key, value in cells.items() if key.strip()}
    assert found_cells["model"] == "small"
    assert found_cells["test pitch acc."] == "0.736"
    assert found_cells["parameters"] == "1,152,448"
    assert found_cells["train s"] == "-"
    assert len(header) == len(rule) == len(row)
    assert knows == f"- small sees {ARCHITECTURES['lstm_local'].conditions_on}"


def test_the_baselines_stand_below_the_models_once_for_each_kind_of_notes() -> None:
    scores = {"baselines/test.ngram.bits_per_note": 2.5, "baselines/test.ngram.accuracy": 0.4}
    names = ["lstm_local", "lstm_char", "rnn_heads"]
    found = comparison.table([run(name, name) | scores for name in names]).splitlines()
    rows = {row.split("|")[1].strip(): row for row in found if row.startswith("|")}
    assert list(rows)[2:] == [*names, "n-gram, melody", "n-gram, all notes"]
    assert "2.500" in rows["n-gram, melody"]
    assert "0.400" in rows["n-gram, all notes"]
    assert "2.500" not in rows["lstm_local"]


def test_every_architecture_says_what_it_knows() -> None:
    assert all(model.conditions_on for model in ARCHITECTURES.values())


def test_finished_runs_of_the_corpus_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "model.pt").write_bytes(b"weights")
    with tracking.start(SETTINGS) as finished:
        finished.log_summary({"training_seconds": 3.0})
        finished.finish(tmp_path / "model.pt")
    with tracking.start(SETTINGS) as failed:
        failed.fail()
    (found,) = tracking.finished(SETTINGS)
    assert found["model"] == SETTINGS.model
    assert found["training_seconds"] == 3.0
    assert tracking.finished(SETTINGS.model_copy(update={"corpus": "maestro"})) == []


def test_without_a_run_the_command_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tonerow.tracking.comparison"]
    environment = {"DVC_ROOT": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "train a model first" in done.stderr
