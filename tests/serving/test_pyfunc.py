"""The model as MLflow keeps, finds, registers and asks it, in a real store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests import shipped
from tests.cli.test_commands import model_file
from tonerow import params, tracking
from tonerow.models import find
from tonerow.serving.saving import EXAMPLES, save

MODELS = {"melody": "lstm_local", "events": "lstm_window", "chars": "lstm_char"}
NLL = 1.25


def settings(model: str, register_as: str | None = None) -> params.Params:
    return shipped.settings({"model": model, "track.register_as": register_as})


@pytest.fixture
def root(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's root with a trained model, its numbers and an empty store."""
    shutil.copy(empty_store, tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracking.set_environment()
    for name in ("metrics", "scores", "samples"):
        (tmp_path / name).mkdir()
    summary = {"test": {"pitch_nll": NLL}}
    (tmp_path / "metrics/summary.json").write_text(json.dumps(summary))
    (tmp_path / "metrics/evaluate.json").write_text(json.dumps(summary))
    (tmp_path / "metrics/curves.csv").write_text("epoch,val_nll\n1,1.5\n")
    model_file(tmp_path, "lstm_local small")
    return tmp_path


def record(root: Path, chosen: params.Params) -> None:
    names = ("model.pt", "scores", "samples", "metrics", "dvc.lock")
    model, scores, samples, metrics, lock = (root / name for name in names)
    save_it = partial(save, find(chosen.model).view, chosen.generate, model)
    assert tracking.record(chosen, model, scores, samples, metrics, lock, save_it)


def client(root: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


def logged(root: Path) -> list[Any]:
    store = client(root)
    experiment = store.get_experiment_by_name("tonerow")
    return list(store.search_logged_models([experiment.experiment_id]))


def test_a_run_has_its_model_with_metrics_and_no_pickle(root: Path) -> None:
    record(root, settings("lstm_local"))
    record(root, settings("lstm_local"))
    (model,) = logged(root)
    store = client(root)
    run = store.get_run(model.source_run_id)
    assert str(model.status) == "READY"
    assert [out.model_id for out in run.outputs.model_outputs] == [model.model_id]
    assert {metric.key: metric.value for metric in model.metrics} == {"summary/test.pitch_nll": NLL}
    assert model.params["hidden_size"] == run.data.params["hidden_size"]
    folder = root / "mlartifacts/models" / model.model_id / "artifacts"
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert {"MLmodel", "pyfunc.py", "artifacts/model.pt", "input_example.json"} <= files
    assert not [name for name in files if name.endswith(".pkl")]
    assert (folder / "artifacts/model.pt").read_bytes() == (root / "model.pt").read_bytes()
    assert not store.search_registered_models()


def test_a_name_registers_each_model_once(root: Path) -> None:
    chosen = settings("lstm_local", register_as="folk tunes")
    record(root, chosen)
    record(root, chosen)
    model_file(root, "lstm_local small", text="X:1\nT:other\nR:jig\nM:6/8\nL:1/8\nK:D\nABc|\n")
    record(root, chosen)
    versions = client(root).search_model_versions("name = 'folk tunes'")
    assert {version.source for version in versions} == {
        model.artifact_location for model in logged(root)
    }
    assert len(versions) == 2


def test_mlflow_models_predict_gives_notes(root: Path) -> None:
    record(root, settings("lstm_local"))
    (model,) = logged(root)
    rhythm = {"dataframe_split": pd.DataFrame(EXAMPLES["melody"]).to_dict("split")}
    asked = {**rhythm, "params": {"samples": 2, "seed": 5}}
    (root / "rhythm.json").write_text(json.dumps(asked))
    command = [sys.executable, "-m", "mlflow", "models", "predict", "--env-manager", "local"]
    command += ["-m", f"models:/{model.model_id}", "-i", "rhythm.json", "-o", "notes.json"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}"}
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    notes = pd.DataFrame(json.loads((root / "notes.json").read_text())["predictions"])
    assert notes["sample"].tolist() == [0] * 4 + [1] * 4
    for name, beats in EXAMPLES["melody"].items():
        assert notes[name].tolist() == beats * 2
    assert notes["pitch"].between(0, 127).all()


@pytest.mark.parametrize("view", MODELS)
def test_a_saved_model_holds_callers_to_its_signature(tmp_path: Path, view: str) -> None:
    tracking.set_environment()
    import mlflow
    from mlflow.models import Model

    file = model_file(tmp_path, f"{MODELS[view]} small")
    save(view, settings(MODELS[view]).generate, file, tmp_path / "saved", Model())
    model = mlflow.pyfunc.load_model(str(tmp_path / "saved"))
    example = pd.DataFrame(EXAMPLES[view])
    short = {"max_notes": 6, "max_characters": 9}
    answer = model.predict(example, params=short)
    assert [column.name for column in model.metadata.signature.outputs] == list(answer)
    assert model.input_example.equals(example)
    with pytest.raises(mlflow.MlflowException, match="missing inputs"):
        model.predict(example.iloc[:, 1:])
    with pytest.raises(mlflow.MlflowException, match="top_p"):
        model.predict(example, params={"top_p": 1.5})
    with pytest.raises(mlflow.MlflowException, match="no row"):
        model.predict(example.head(0))
