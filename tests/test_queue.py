"""A queued experiment, in a repository whose code changes meanwhile; and what is there of two models."""

from __future__ import annotations

import json
import sys

import pytest

from tests.repository import OTHER_EPOCHS, Repository, md5, restored, started
from tonerow.cli import runs

# Of the processes that share a training one alone writes and logs.
TOGETHER = ("-S", "train.processes=2")
# Not one word, which a name that DVC draws for an experiment could hold.
LATER = "raise RuntimeError('written after queueing')\n"


@pytest.fixture(scope="module")
def repository(another: Repository) -> Repository:
    """A finished checkout with its run."""
    (another.root / "data/tracked").unlink()
    assert started(another.run("dvc", "repro")) == ["track"]
    return another


@pytest.fixture(scope="module")
def queued(repository: Repository) -> str:
    """What a queued run prints whose checkout is broken before it starts."""
    repository.run("dvc", "exp", "run", "--queue", "-S", "model=lstm_local", *TOGETHER)
    for name in ("params.py", "training/loop.py", "tracking/run.py"):
        (repository.root / "src/tonerow" / name).write_text(LATER)
    (repository.root / "stages/train.py").write_text(LATER)
    output = repository.run("dvc", "exp", "run", "--run-all")
    repository.run("git", "checkout", "--quiet", "src", "stages")
    return output


def test_a_queued_run_uses_the_code_it_was_queued_with(queued: str) -> None:
    assert "written after queueing" not in queued
    assert sorted(started(queued)) == ["check", "evaluate", "generate", "summary", "track", "train"]


@pytest.mark.usefixtures("queued")
def test_a_queued_run_logs_to_the_same_store(repository: Repository) -> None:
    assert [run.data.params["model"] for run in repository.runs()] == [
        "rnn_vanilla",
        "lstm_local",
    ]
    run = repository.runs()[1]
    assert run.info.status == "FINISHED"
    assert "evaluate/test.pitch_nll" in run.data.metrics
    points = repository.client().get_metric_history(run.info.run_id, "val_nll")
    assert len(points) == OTHER_EPOCHS
    files = repository.client().list_artifacts(run.info.run_id, "samples")
    assert "samples/samples.parquet" in [item.path for item in files]
    assert (repository.root / "mlartifacts").is_dir()


@pytest.mark.usefixtures("queued")
def test_an_experiment_is_a_line(repository: Repository) -> None:
    repository.run("git", "checkout", "--quiet", "params.yaml")
    head, line = repository.run("python", "-m", "tonerow.tracking.experiments").splitlines()
    [run] = [run for run in repository.runs() if run.data.params["model"] == "lstm_local"]
    assert line.split()[:2] == [run.data.tags["dvc_experiment"], "model=lstm_local"]
    column = head.index("test")
    assert line[column:].split()[0] == f"{run.data.metrics['evaluate/test.pitch_nll']:.3f}"
    assert len(line) <= 120


@pytest.mark.usefixtures("queued")
def test_two_models_are_drawn_in_one_plot(repository: Repository) -> None:
    [run] = [run for run in repository.runs() if run.data.params["model"] == "lstm_local"]
    experiment = run.data.tags["dvc_experiment"]
    output = repository.run("dvc", "plots", "diff", "--json", "HEAD", experiment)
    shown = json.loads(output)
    assert "errors" not in shown
    for name in ("loss", "accuracy", "learning rate", "calibration"):
        ((plot,),) = [shown["data"][name]]
        assert set(plot["revisions"]) == {"HEAD", experiment}


@pytest.mark.usefixtures("queued")
def test_samples_of_several_models_are_heard_on_one_page(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "rnn_vanilla", "lstm_local"
    repository.set({"model": names[0]})
    monkeypatch.chdir(repository.root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(sys, "argv", ["runs", *names])
    runs.main()
    assert "data/listen.html" in capsys.readouterr().out
    page = (repository.root / "data/listen.html").read_text("utf-8")
    assert all(f'"title": "{name}"' in page for name in names)
    assert page.count("data:audio/mpeg;base64,") == 2 * 2 * 2  # two samples and sources each


@pytest.mark.usefixtures("queued")
def test_a_model_trained_before_is_restored_without_training(repository: Repository) -> None:
    runs = {run.data.params["model"]: run for run in repository.runs()}
    model = repository.root / "data/model/model.pt"
    before = md5(model)
    for name, processes in (("lstm_local", 2), ("rnn_vanilla", 1)):
        repository.set({"model": name, "train.processes": processes})
        output = repository.run("dvc", "repro")
        assert {"train", "evaluate", "generate"} <= set(restored(output))
        assert set(started(output)) <= {"check", "track"}
        assert runs[name].data.tags["model_md5"] == md5(model)
    assert md5(model) == before
    assert len(repository.runs()) == 2
    assert "up to date" in repository.run("dvc", "status")
