"""A model that is worse than the committed one beyond doubt fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.repository import SOURCE, clean_environment
from tonerow.tracking.report import Works, main, more, verdict

RANDOM = np.random.default_rng(0)
BEFORE: Works = {f"work {i}": (100, 60 + 10 * RANDOM.normal()) for i in range(80)}


def changed(mean: float, spread: float) -> Works:
    """The same works with so many nats a note more, on average."""
    return {
        work: (notes, nats + notes * (mean + spread * RANDOM.normal()))
        for work, (notes, nats) in BEFORE.items()
    }


@pytest.mark.parametrize(
    ("mean", "passes", "says"),
    [(0.05, False, "Worse"), (-0.05, True, "Better"), (0.0, True, "No difference")],
)
def test_what_the_interval_carries_decides(mean: float, passes: bool, says: str) -> None:
    found = more(changed(mean, 0.05), BEFORE)
    assert found is not None
    assert found.low < mean < found.high
    assert verdict(found)[0] is passes
    assert says in verdict(found)[1]


def test_other_notes_are_not_compared() -> None:
    others = {**BEFORE, "another": (5, 3.0)}
    assert more(others, BEFORE) is None
    assert more({**BEFORE, "work 0": (99, 3.0)}, BEFORE) is None
    assert verdict(None)[0]


Report = Callable[..., tuple[int, str]]
SUMMARY = {"test": {"pitch_nll": 0.7}, "val": {"pitch_nll": 0.6}, "parameters": 3}


def write(root: Path, works: Works, model: str = "lstm_local") -> None:
    (root / "metrics").mkdir(exist_ok=True)
    nats = sum(nats for _, nats in works.values()) / sum(notes for notes, _ in works.values())
    summary = {**SUMMARY, "val": {"pitch_nll": round(nats, 6)}}
    (root / "metrics/summary.json").write_text(json.dumps(summary))
    (root / "metrics/val_works.json").write_text(json.dumps({"works": works}))
    (root / "params.yaml").write_text(f"model: {model}\nsize: small\ncorpus: folk\n")


@pytest.fixture
def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Report:
    """Reports on what is written into a checkout whose branch `main` holds `BEFORE`."""
    env = clean_environment()
    for name in os.environ.keys() - env.keys():
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, BEFORE)
    git("init", "--quiet", "--initial-branch", "main")
    git("add", "--all")
    git("commit", "--quiet", "--message", "before")
    git("switch", "--quiet", "--create", "change")

    def made(works: Works, base: str = "", commit: bool = False, **of: str) -> tuple[int, str]:
        write(tmp_path, works, **of)
        if commit:
            git("commit", "--quiet", "--all", "--message", "after")
        monkeypatch.setenv("BASE", base)
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return made


def git(*command: str) -> None:
    subprocess.run(["git", *command], check=True)


@pytest.mark.parametrize(("worse", "status"), [(0.05, 1), (0.0, 0), (-0.05, 0)])
def test_a_worse_model_fails(report: Report, worse: float, status: int) -> None:
    assert report(changed(worse, 0.01 if worse else 0.0))[0] == status


def test_a_worse_model_fails_also_where_its_numbers_are_committed(report: Report) -> None:
    worse = changed(0.05, 0.01)
    status, text = report(worse, "main", commit=True)
    assert status == 1
    assert text.startswith("# Since main\n\n**Worse** than the committed model")
    assert report(worse)[0] == 0


@pytest.mark.usefixtures("report")
def test_a_commit_that_is_not_there_is_a_failure() -> None:
    command = [sys.executable, "-m", "tonerow.tracking.report"]
    env = {**os.environ, "PYTHONPATH": str(SOURCE / "src"), "BASE": "mian"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("BASE is 'mian', which git does not know here")


def test_another_model_is_no_failure(report: Report) -> None:
    status, text = report(changed(0.05, 0.01), model="rnn_vanilla")
    assert status == 0
    assert "Not the model that is committed" in text


def test_numbers_stand_beside_the_committed_ones(report: Report) -> None:
    twice = {work: (notes, 2 * nats) for work, (notes, nats) in BEFORE.items()}
    nats = sum(nats for _, nats in BEFORE.values()) / 8000
    rows = report(twice)[1].splitlines()
    before, now = round(nats, 6), round(2 * nats, 6)
    assert f"| val.pitch_nll | {before} | {now} | {now - before:+.6g} |" in rows
    assert "| test.pitch_nll | 0.7 | 0.7 | +0 |" in rows
