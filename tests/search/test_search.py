"""A search in a checkout of its own: DVC trains, MLflow keeps, Ctrl-C and a second call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.workers.hostile_readers import HEAR_INTERRUPTS
from tests.repository import Repository, restored, started
from tonerow.tracking.search import PARENT

SPACE = """
study: try
seed: {seed}
trials: {trials}
ranges: {{}}
choices:
  hidden_size: [8]
  training.learning_rate: [0.001, 1e30]
"""
SEED = 0  # draws 1e30, which fails, then 0.001 twice
SEARCH = (sys.executable, "-m", "tonerow.search")
RUN_SEARCH = "import runpy; runpy.run_module('tonerow.search', run_name='__main__')"


@pytest.fixture(scope="module")
def repository(another: Repository) -> Repository:
    """A checkout whose trainings last long enough to be interrupted."""
    another.set({"models.rnn_vanilla.small.training.epochs": 20})
    another.commit()
    return another


def ask_for(repository: Repository, trials: int) -> None:
    text = SPACE.format(seed=SEED, trials=trials)
    (repository.root / "space.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def interrupted(repository: Repository) -> str:
    """What a search prints that Ctrl-C ends in the training of its second trial."""
    ask_for(repository, 3)
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(
        [sys.executable, "-c", f"{HEAR_INTERRUPTS}; {RUN_SEARCH}"],
        cwd=repository.root,
        env=repository.env,
        start_new_session=True,  # a group of its own, as a terminal makes one
        **pipes,
    )
    output, trial = "", ""
    for line in process.stdout or ():
        output += line
        trial = line if line.startswith("trial ") else trial
        if trial.startswith("trial 1:") and line.startswith("epoch 1 "):
            os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 1, output
    return output


@pytest.fixture(scope="module")
def resumed(repository: Repository, interrupted: str) -> str:
    """What the same command prints again; its last trial tries what the one before has tried."""
    return repository.run(*SEARCH)


def runs(repository: Repository) -> dict[str, Any]:
    """Of the search, by the number of the trial; the study's own is at ''."""
    of_search = [run for run in repository.runs() if run.data.tags.get("search") == "try"]
    by_trial = {run.data.tags.get("trial", ""): run for run in of_search}
    assert len(by_trial) == len(of_search)
    return by_trial


def test_a_failed_trial_says_why_and_the_study_goes_on(interrupted: str) -> None:
    assert "the loss is no longer a number in epoch 1; lower learning_rate" in interrupted
    assert interrupted.index("trial 0:") < interrupted.index("trial 1:")


def test_ctrl_c_ends_with_a_sentence(interrupted: str) -> None:
    assert interrupted.splitlines()[-1] == "interrupted; the same command goes on from here"
    assert "Traceback" not in interrupted


def test_the_next_call_goes_on_with_the_trial(resumed: str) -> None:
    tried = (
        "-S models.rnn_vanilla.small.hidden_size=8 "
        "-S models.rnn_vanilla.small.training.learning_rate=0.001"
    )
    asked = [line for line in resumed.splitlines() if line.startswith("trial ")]
    assert asked == [f"trial {number}: {tried}" for number in (1, 2)]
    assert "best: trial 1," in resumed


def test_the_same_training_again_costs_none(resumed: str) -> None:
    again = resumed[resumed.index("trial 2:") :]
    assert "train" in restored(again)
    assert "train" not in started(again)


def test_a_trial_goes_no_further_than_training(interrupted: str, resumed: str) -> None:
    assert {"baselines", "evaluate", "generate", "track"}.isdisjoint(started(interrupted + resumed))


@pytest.mark.usefixtures("resumed")
def test_mlflow_has_a_run_for_the_study_and_one_below_it_for_each_trial(
    repository: Repository,
) -> None:
    found = runs(repository)
    assert sorted(found) == ["", "0", "1", "2"]
    study = found.pop("")
    assert {run.data.tags[PARENT] for run in found.values()} == {study.info.run_id}
    assert study.info.status == "FINISHED"
    assert [found[n].info.status for n in "012"] == ["FAILED", "FINISHED", "FINISHED"]
    assert "the loss is no longer a number" in found["0"].data.tags["reason"]
    assert [found[n].data.params["training.learning_rate"] for n in "012"] == [
        *["1e+30", "0.001", "0.001"]
    ]
    val = found["1"].data.metrics["val_nll"]
    assert found["2"].data.metrics["val_nll"] == pytest.approx(val, rel=1e-5)
    history = repository.client().get_metric_history(study.info.run_id, "val_nll")
    assert {point.step for point in history} == {1, 2}


@pytest.mark.usefixtures("resumed")
def test_no_run_of_a_trial_holds_a_test_metric(repository: Repository) -> None:
    for run in runs(repository).values():
        assert not [name for name in run.data.metrics if "test" in name]
        assert not repository.client().list_artifacts(run.info.run_id)


@pytest.mark.usefixtures("resumed")
def test_dvc_keeps_no_experiment_of_a_trial(repository: Repository) -> None:
    assert repository.run("dvc", "exp", "list", "--name-only").split() == []


def test_the_best_is_taken_from_the_cache(repository: Repository, resumed: str) -> None:
    command = resumed.splitlines()[-1].split()
    assert command[:3] == ["dvc", "exp", "run"]
    output = repository.run(*command, "train")
    assert "train" in restored(output)
    assert f"{repository.json('train.json')['val_nll']:.4f} nats on val" in resumed


@pytest.mark.usefixtures("resumed")
def test_a_mistake_is_a_sentence(repository: Repository) -> None:
    ask_for(repository, 0)
    output = repository.run(*SEARCH, fails=True)
    says = "space.yaml: trials is 0; input should be greater than 0 (trials: trainings in all"
    assert output.startswith(says)


def test_without_optuna_the_extra_is_named(repository: Repository) -> None:
    ask_for(repository, 2)
    code = f"import sys; sys.modules['optuna'] = None; {RUN_SEARCH}"
    output = repository.run(sys.executable, "-c", code, fails=True)
    assert output.strip() == "a search needs Optuna: pip install 'tonerow[search]'"


def test_two_searches_at_a_time_are_refused(repository: Repository) -> None:
    from filelock import FileLock

    with FileLock(Path(repository.root) / "search.db.lock"):
        output = repository.run(*SEARCH, fails=True)
    assert output.strip() == "another search is running in this checkout; let it end first"
