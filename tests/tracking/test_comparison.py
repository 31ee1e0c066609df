"""The table that compares models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import shipped
from tonerow import tracking
from tonerow.models import find
from tonerow.tracking import comparison

SETTINGS = shipped.settings()


def run(model: str = "lstm_local", size: str = "small", **metrics: float) -> dict[str, Any]:
    return {"model": model, "size": size, **metrics, "evaluate/test.notes": 9.0}


def test_the_latest_run_of_each_model_in_the_order_asked_for() -> None:
    unfinished = {"model": "a", "size": "small"}
    runs = [unfinished, run("a", "large"), run("a", x=1.0), run("b"), run("a", x=2.0)]
    assert comparison.latest(runs, ["a", "b"], "small") == [runs[2], runs[3]]
    assert comparison.latest(runs, ["b", "c", "a"], "small") == [runs[3], runs[2]]
    assert comparison.latest(runs, ["a"], "large") == [runs[1]]


def test_a_number_stands_under_its_header_and_what_is_missing_is_a_dash() -> None:
    scored = run(parameters=1152448.0) | {"evaluate/test.pitch_accuracy": 0.7361}
    header, rule, row, *_, knows = comparison.table([scored]).splitlines()
    cells = dict(zip(header.split("|"), row.split("|"), strict=True))
    stripped = {key.strip(): value.strip() for key, value in cells.items() if key.strip()}
    assert stripped["model"] == "lstm_local"
    assert stripped["test pitch acc."] == "0.736"
    assert stripped["parameters"] == "1,152,448"
    assert stripped["train s"] == "-"
    assert len(header) == len(rule) == len(row)
    assert knows == f"- lstm_local sees {find('lstm_local').conditions_on.value}"


def test_the_baselines_stand_below_the_models_once_for_each_kind_of_notes() -> None:
    scores = {
        f"baselines/{view}.test.ngram.{score}": value
        for view in ("melody", "events")
        for score, value in {"bits_per_note": 2.5, "accuracy": 0.4}.items()
    }
    names = ["lstm_local", "lstm_char", "rnn_heads"]
    lines = comparison.table([run(name) | scores for name in names]).splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("|")}
    assert list(rows)[2:] == [*names, "n-gram, melody", "n-gram, all notes"]
    assert "2.500" in rows["n-gram, melody"]
    assert "0.400" in rows["n-gram, all notes"]
    assert "2.500" not in rows["lstm_local"]


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
    (only,) = tracking.finished(SETTINGS)
    assert (only["model"], only["size"]) == (SETTINGS.model, SETTINGS.size)
    assert only["training_seconds"] == 3.0
    assert tracking.finished(shipped.settings({"corpus": "maestro"})) == []


def test_without_a_run_the_command_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(shipped.text(), encoding="utf-8")
    command = [sys.executable, "-m", "tonerow.tracking.comparison"]
    environment = {"DVC_ROOT": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "train a model first" in done.stderr
