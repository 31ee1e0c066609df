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
LABELS = ("melody", "all notes")


def run(model: str = "lstm_local", size: str = "small", **metrics: float) -> dict[str, Any]:
    return {"model": model, "size": size, **metrics, "evaluate/test.notes": 9.0}


def test_the_latest_run_of_each_model_in_the_order_asked_for() -> None:
    unfinished, of_before_sizes = {"model": "a", "size": "small"}, {"model": "a"}
    runs = [unfinished, run("a", "large"), run("a", x=1.0), run("b"), run("a", x=2.0)]
    assert comparison.latest(runs, ["a", "b"], "small") == [runs[2], runs[3]]
    assert comparison.latest(runs, ["b", "c", "a"], "small") == [runs[3], runs[2]]
    assert comparison.latest(runs, ["a"], "large") == [runs[1]]
    assert comparison.latest([of_before_sizes], ["a"], "small") == []


def rows_of(table: str) -> dict[str, dict[str, str]]:
    """The cells of a table by row and header."""
    header, _, *lines = (line for line in table.splitlines() if line.startswith("|"))
    names = [cell.strip() for cell in header.split("|")]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {row[1]: dict(zip(names, row, strict=True)) for row in rows}


def test_a_number_stands_under_its_header_and_what_is_missing_is_a_dash() -> None:
    scored = run(parameters=1152448.0) | {
        "evaluate/test.pitch_accuracy": 0.7361,
        "evaluate/test.pitch_nll": 0.8181,
        "evaluate/test.pitch_nll_low": 0.7839,
        "evaluate/test.pitch_nll_high": 0.8521,
        "evaluate/test.rival.difference": 0.0581,
        "evaluate/test.rival.difference_low": 0.0461,
        "evaluate/test.rival.difference_high": 0.0699,
    }
    table = comparison.table([scored])
    row = rows_of(table)["lstm_local"]
    assert row["accuracy"] == "0.736"
    assert row["numbers"] == "1,152,448"
    assert row["test pitch nats (95 %)"] == "0.818 (0.784 to 0.852)"
    assert row["more than its rival (95 %)"] == "0.058 (0.046 to 0.070)"
    assert row["train s"] == "-"
    assert len({len(line) for line in table.splitlines() if line.startswith("|")}) == 1
    assert f"- lstm_local sees {find('lstm_local').conditions_on.value}" in table.splitlines()


def test_the_opponents_stand_below_the_models_once_for_each_kind_of_notes() -> None:
    scores = {
        f"baselines/{view}.test.{name}.{score}": value
        for view in ("melody", "events")
        for name, nll in {"ngram": 2.5, "rival_pitch": 0.9}.items()
        for score, value in {"nll": nll, "accuracy": 0.4}.items()
    }
    scores["baselines/melody.test.rival_pitch.numbers_fitted"] = 44.0
    names = ["lstm_local", "lstm_char", "rnn_heads"]
    rows = rows_of(comparison.table([run(name) | scores for name in names]))
    grams, rivals = [f"ngram, {of}" for of in LABELS], [f"rival pitch, {of}" for of in LABELS]
    assert list(rows) == [*names, *grams, *rivals]
    assert rows["rival pitch, melody"]["numbers"] == "44"
    assert rows["ngram, melody"]["test pitch nats (95 %)"].startswith("2.500")
    assert rows["ngram, all notes"]["accuracy"] == "0.400"
    assert rows["lstm_local"]["test pitch nats (95 %)"] == "-"


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
