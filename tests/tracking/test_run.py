"""Tracking against real stores: SQLite files, a server, and servers that are not there."""

import contextlib
import csv
import hashlib
import json
import math
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import track
from tests import shipped
from tests.waiting import PATIENCE, until
from tonerow import params
from tonerow.serving.saving import save
from tonerow.tracking import run as tracking
from tonerow.tracking import store
from tonerow.tracking.search import SearchRun
from tonerow.tracking.store import Store, curves, finished

REPOSITORY = Path(__file__).resolve().parents[2]
WARNING = "warning: MLflow"
EPOCHS = [
    {"train_nll": 2.0, "val_nll": 2.1, "train_accuracy": 0.3, "val_accuracy": 0.2},
    {"train_nll": 1.5, "val_nll": 1.8, "train_accuracy": 0.4, "val_accuracy": 0.3},
]
CURVES = [{**epoch, "learning_rate": 0.001} for epoch in EPOCHS]


@pytest.fixture(autouse=True)
def no_unexpected_warning(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A mistake in the module ends as a warning; a test that expects one reads it first."""
    yield
    assert WARNING not in capfd.readouterr().err


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour on a machine that is as busy as may be."""
    for name in ("START", "FINISH", "FAIL", "RECORD"):
        monkeypatch.setattr(tracking, f"{name}_SECONDS", PATIENCE)
    monkeypatch.setattr(store, "LOCK_SECONDS", PATIENCE)


@pytest.fixture
def hasty(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour with shorter patience."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(tracking, "START_SECONDS", 2.0)
    monkeypatch.setattr(tracking, "FINISH_SECONDS", 3.0)
    monkeypatch.setattr(tracking, "FAIL_SECONDS", 3.0)
    monkeypatch.setattr(tracking, "RECORD_SECONDS", 4.0)
    monkeypatch.setattr(tracking, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(tracking, "LONGEST_PAUSE", 0.5)


@pytest.fixture
def settings() -> params.Params:
    return shipped.settings()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """What the pipeline has made when `track` starts: model.pt, samples/, metrics/."""
    (tmp_path / "samples").mkdir()
    (tmp_path / "metrics").mkdir()
    (tmp_path / "scores").mkdir()
    pq.write_table(pa.table({"pitch_nats": [0.5]}), tmp_path / "scores" / "notes.parquet")
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "samples" / "0.mid").write_bytes(b"MThd")
    test = {"nll": 1.4, "top 5 (%)": 80, "model": "x"}
    evaluation = {"view": "melody", "test": test, "orders": [1, 2]}
    (tmp_path / "metrics" / "evaluate.json").write_text(json.dumps(evaluation))
    (tmp_path / "metrics" / "train.json").write_text(json.dumps({"best_epoch": 2}))
    with (tmp_path / "metrics" / "curves.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", *CURVES[0]])
        writer.writeheader()
        writer.writerows({"epoch": i + 1, **values} for i, values in enumerate(CURVES))
    return tmp_path


def client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(uri)


def runs(uri: str | Path) -> list[Any]:
    uri = f"sqlite:///{uri / 'mlflow.db'}" if isinstance(uri, Path) else uri
    experiment = client(uri).get_experiment_by_name("tonerow")
    return list(client(uri).search_runs([experiment.experiment_id])) if experiment else []


def history(uri: str | Path, run: Any, name: str) -> list[tuple[int, float]]:
    uri = f"sqlite:///{uri / 'mlflow.db'}" if isinstance(uri, Path) else uri
    points = client(uri).get_metric_history(run.info.run_id, name)
    return sorted((point.step, point.value) for point in points)


def checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder as the current one and the repository's root, with the store of the default."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


def record(settings: params.Params, results: Path) -> bool:
    names = ("model.pt", "scores", "samples", "metrics", "dvc.lock")
    model, scores, samples, metrics, lock = (results / name for name in names)
    save_it = partial(save, "melody", settings.generate, model)
    return tracking.record(settings, model, scores, samples, metrics, lock, save_it)


def train(settings: params.Params, model: Path) -> None:
    with tracking.start(settings) as run:
        for i, values in enumerate(CURVES):
            run.log_epoch(i + 1, values)
        run.log_summary({"training_seconds": 7.5, "parameters": 100})
        run.finish(model)


def warnings(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capfd.readouterr().err.splitlines() if WARNING in line]


class TestTraining:
    def test_is_logged(self, root: Path, settings: params.Params, results: Path) -> None:
        train(settings, results / "model.pt")
        (run,) = runs(root)
        md5 = hashlib.md5(b"weights").hexdigest()
        assert run.info.status == "FINISHED"
        assert run.info.run_name == f"{settings.name} {md5[:7]}"
        assert run.data.tags["model_md5"] == md5
        assert run.data.tags["model"] == settings.model
        assert run.data.tags["size"] == settings.size
        assert run.data.params["training.learning_rate"] == str(
            settings.selected.training.learning_rate
        )
        assert run.data.params["train.threads"] == str(settings.train.threads)
        assert history(root, run, "val_nll") == [(1, 2.1), (2, 1.8)]
        assert run.data.metrics["training_seconds"] == 7.5
        experiment = client(f"sqlite:///{root / 'mlflow.db'}").get_experiment_by_name("tonerow")
        assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"

    def test_tells_how_busy_the_machine_is_if_asked_to(
        self, root: Path, results: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
        with tracking.start(shipped.settings({"track.system_metrics": True})) as run:
            busy = "system/cpu_utilization_percentage"
            until(lambda: any(busy in one.data.metrics for one in runs(root)), "a measurement")
            run.finish(results / "model.pt")
        (found,) = runs(root)
        assert found.info.status == "FINISHED"
        assert found.data.metrics[busy] >= 0
        assert found.data.metrics["system/system_memory_usage_megabytes"] > 0

    def test_has_its_curves_in_seconds(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        train(settings, results / "model.pt")
        assert record(settings, results)
        (run,) = runs(root)
        found = curves(settings, run.info.run_id, ["val_nll", "nothing"])
        assert list(found) == ["val_nll"]
        first, second = found["val_nll"]
        assert (first.epoch, first.value, second.epoch, second.value) == (1, 2.1, 2, 1.8)
        assert 0 <= first.seconds <= second.seconds

    def test_shows_while_it_runs(self, root: Path, settings: params.Params, results: Path) -> None:
        with tracking.start(settings) as run:
            run.log_epoch(1, CURVES[0])
            until(lambda: "val_nll" in runs(root)[0].data.metrics, "a point")
            assert runs(root)[0].info.status == "RUNNING"
            run.finish(results / "model.pt")

    @pytest.mark.parametrize(
        ("error", "status"), [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")]
    )
    def test_that_stops_early(
        self, root: Path, settings: params.Params, error: type[BaseException], status: str
    ) -> None:
        with pytest.raises(error), tracking.start(settings):
            raise error
        assert [run.info.status for run in runs(root)] == [status]

    def test_that_never_finishes_has_failed(self, root: Path, settings: params.Params) -> None:
        with tracking.start(settings):
            pass
        assert [run.info.status for run in runs(root)] == ["FAILED"]

    def test_carries_the_experiment_name(
        self,
        root: Path,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("DVC_EXP_NAME", "noble-bear")
        train(settings, results / "model.pt")
        (run,) = runs(root)
        assert run.info.run_name == f"{settings.name} noble-bear"
        assert run.data.tags["dvc_experiment"] == "noble-bear"

    @pytest.mark.parametrize(
        ("context", "tag"),
        [('{"team": "a"}', "a"), ("[1]", None), ("no JSON", None)],
    )
    def test_carries_the_tags_that_mlflow_is_told(
        self,
        root: Path,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        context: str,
        tag: str | None,
    ) -> None:
        monkeypatch.setenv("MLFLOW_RUN_CONTEXT", context)
        train(settings, results / "model.pt")
        assert runs(root)[0].data.tags.get("team") == tag

    def test_twice_is_two_runs(self, root: Path, settings: params.Params, results: Path) -> None:
        train(settings, results / "model.pt")
        train(settings, results / "model.pt")
        assert len(runs(root)) == 2


class TestStore:
    def test_outlives_the_current_folder(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        assert record(settings, results)
        (run,) = runs(root)
        assert not list(Path.cwd().iterdir())
        folder = root / "mlartifacts" / run.info.run_id / "artifacts"
        assert run.info.artifact_uri == folder.as_uri()
        assert (folder / "samples" / "0.mid").read_bytes() == b"MThd"
        assert (folder / "scores" / "notes.parquet").exists()

    @pytest.mark.parametrize(
        ("uri", "expected"),
        [
            ("", "sqlite:////r/mlflow.db"),
            ("sqlite:///x.db", "sqlite:////r/x.db"),
            ("sqlite:////y/x.db", "sqlite:////y/x.db"),
            ("http://host:5000", "http://host:5000"),
            ("postgresql://host/db", "postgresql://host/db"),
        ],
    )
    def test_uri(
        self, uri: str, expected: str, settings: params.Params, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("DVC_ROOT", "/r")
        assert Store("tonerow").uri == expected

    @pytest.mark.parametrize("name", ["a #?b", "a %41;b"])
    def test_lies_in_the_folder_whatever_its_name(
        self,
        name: str,
        tmp_path: Path,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        folder = checkout(tmp_path / name, monkeypatch)
        train(settings, results / "model.pt")
        uri = f"sqlite:///{quote(str(folder))}/mlflow.db"
        assert [run.info.status for run in runs(uri)] == ["FINISHED"]
        assert (folder / "mlflow.db").exists()

    def test_says_that_a_quote_in_the_folder_s_name_is_not_possible(
        self,
        tmp_path: Path,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        checkout(tmp_path / "one's own", monkeypatch)
        train(settings, results / "model.pt")
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(WARNING)
        assert "give it another name" in line

    def test_that_is_cold_takes_three_processes(
        self, cold_root: Path, settings: params.Params, results: Path
    ) -> None:
        code = f"""
            from pathlib import Path
            from tonerow.tracking import run as tracking, store
            from tonerow import params
            settings = params.Params.model_validate({shipped.tree()!r})
            tracking.START_SECONDS = tracking.FINISH_SECONDS = store.LOCK_SECONDS = {PATIENCE}
            with tracking.start(settings) as run:
                run.log_epoch(1, {{"val_nll": 1.0}})
                run.finish({str(results / "model.pt")!r})
        """
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
        command = [sys.executable, "-c", textwrap.dedent(code)]
        processes = [
            subprocess.Popen(
                command, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True
            )
            for _ in range(3)
        ]
        assert [process.communicate()[0] for process in processes] == [""] * 3
        assert [run.info.status for run in runs(cold_root)] == ["FINISHED"] * 3

    def test_that_is_locked_does_not_hold_up_the_training(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        with tracking.start(settings) as run:
            with contextlib.closing(sqlite3.connect(root / "mlflow.db")) as other:
                other.execute("BEGIN EXCLUSIVE")
                run.log_epoch(1, CURVES[0])  # would wait for what ends below
                time.sleep(0.3)
            run.finish(results / "model.pt")
        assert history(root, runs(root)[0], "val_nll") == [(1, 2.1)]

    @pytest.mark.parametrize(
        "uri",
        [
            "nonsense://there",
            "postgresql://user:secret@127.0.0.1:1/db",
            "http://user:secret@127.0.0.1:1",
            "sqlite:////proc/no/such/folder/mlflow.db",
        ],
    )
    @pytest.mark.usefixtures("hasty", "root")
    def test_that_cannot_be_used_costs_one_warning(
        self,
        uri: str,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        train(settings, results / "model.pt")
        output = capfd.readouterr()
        assert output.out == ""
        assert len(output.err.splitlines()) == 1
        assert output.err.startswith(WARNING)
        assert "secret" not in output.err

    def test_whose_experiment_was_deleted_says_what_to_do(
        self,
        root: Path,
        settings: params.Params,
        results: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        store = client(f"sqlite:///{root / 'mlflow.db'}")
        number = store.create_experiment("tonerow")
        store.delete_experiment(number)
        assert not record(settings, results)
        (line,) = warnings(capfd)
        assert f"mlflow experiments restore -x {number}" in line
        store.restore_experiment(number)
        assert record(settings, results)

    def test_without_mlflow_costs_one_warning(
        self,
        root: Path,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
        train(settings, results / "model.pt")
        assert not record(settings, results)
        assert len(warnings(capfd)) == 2

    @pytest.mark.usefixtures("root")
    def test_keeps_what_the_user_set(
        self, settings: params.Params, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
        monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
        tracking.start(settings).fail()
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"


class TestRecord:
    def test_completes_the_run_of_the_training(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        train(settings, results / "model.pt")
        assert record(settings, results)
        (run,) = runs(root)
        assert "restored" not in run.data.tags
        assert run.info.status == "FINISHED"
        assert history(root, run, "val_nll") == [(1, 2.1), (2, 1.8)]
        assert run.data.metrics["evaluate/test.nll"] == 1.4
        assert run.data.metrics["evaluate/test.top 5 ___"] == 80
        assert run.data.metrics["train/best_epoch"] == 2
        assert run.data.tags["mlflow.note.content"].endswith("\n\n- training: 8 s")
        store = client(f"sqlite:///{root / 'mlflow.db'}")
        names = {item.path for item in store.list_artifacts(run.info.run_id, "metrics")}
        assert names == {"metrics/curves.csv", "metrics/evaluate.json", "metrics/train.json"}

    def test_names_the_data(self, root: Path, settings: params.Params, results: Path) -> None:
        out = "{path: data/tokens, hash: md5, md5: 0123abcd.dir}"
        lock = f"stages: {{tokenize: {{cmd: x, outs: [{out}]}}}}"
        (results / "dvc.lock").write_text(lock)
        (results / "metrics" / "split.json").write_text(json.dumps({"train": {"pieces": 3}}))
        assert record(settings, results)
        assert record(settings, results)
        ((inputs,),) = ([run.inputs.dataset_inputs for run in runs(root)],)
        (data,) = inputs
        assert (data.dataset.name, data.dataset.digest) == (settings.corpus, "0123abcd")
        assert data.tags[0].value == "training"
        assert json.loads(data.dataset.profile) == {"train": {"pieces": 3}}
        lock_md5 = hashlib.md5(lock.encode()).hexdigest()
        assert json.loads(data.dataset.source)["dvc_lock_md5"] == lock_md5
        (run,) = runs(root)
        assert run.data.tags["dvc_lock_md5"] == lock_md5
        folder = root / "mlartifacts" / run.info.run_id / "artifacts"
        assert (folder / "dvc.lock").read_text() == lock

    def test_leaves_a_description_that_somebody_has_written(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        assert record(settings, results)
        (run,) = runs(root)
        store = client(f"sqlite:///{root / 'mlflow.db'}")
        store.set_tag(run.info.run_id, "mlflow.note.content", "mine")
        assert record(settings, results)
        assert runs(root)[0].data.tags["mlflow.note.content"] == "mine"

    def test_again_replaces_numbers_and_samples(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        train(settings, results / "model.pt")
        assert record(settings, results)
        (results / "samples" / "0.mid").rename(results / "samples" / "1.mid")
        (results / "metrics" / "evaluate.json").write_text('{"test": {"nll": 1.3}}')
        assert record(settings, results)
        (run,) = runs(root)
        assert run.data.metrics["evaluate/test.nll"] == 1.3
        store = client(f"sqlite:///{root / 'mlflow.db'}")
        names = [item.path for item in store.list_artifacts(run.info.run_id, "samples")]
        assert names == ["samples/1.mid"]

    def test_makes_up_the_run_of_a_restored_model_once(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        assert record(settings, results)
        assert record(settings, results)
        (run,) = runs(root)
        assert run.info.status == "FINISHED"
        assert run.data.tags["restored"] == "true"
        note = run.data.tags["mlflow.note.content"]
        assert note.endswith("\n\n- training: not here, restored by DVC")
        restored = curves(settings, run.info.run_id, ["val_nll"])["val_nll"]
        assert all(math.isnan(point.seconds) for point in restored)
        assert run.data.tags["model_md5"] == hashlib.md5(b"weights").hexdigest()
        assert run.data.params == tracking.training_params(settings)
        for name in CURVES[0]:
            points = [(i + 1, values[name]) for i, values in enumerate(CURVES)]
            assert history(root, run, name) == points
        assert run.data.metrics["evaluate/test.nll"] == 1.4

    def test_leaves_the_run_of_a_trial_without_a_test_metric(
        self,
        root: Path,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        search = SearchRun(settings, "study", "identity")
        for key, value in search.context(0).items():
            monkeypatch.setenv(key, value)
        train(settings, results / "model.pt")
        monkeypatch.delenv("MLFLOW_RUN_CONTEXT")
        search.trial_ended(0, {}, {"val_nll": 1.8}, "")
        search.end()
        assert record(settings, results)
        own, *of_search = sorted(runs(root), key=lambda run: "search" in run.data.tags)
        assert own.data.metrics["evaluate/test.nll"] == 1.4
        assert len(of_search) == 2
        for run in of_search:
            assert run.info.status == "FINISHED"
            assert run.data.metrics["val_nll"] == 1.8
            assert not [name for name in run.data.metrics if "test" in name]
        assert [run["run_id"] for run in finished(settings)] == [own.info.run_id]

    def test_picks_the_latest_of_two_trainings(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        train(settings, results / "model.pt")
        time.sleep(0.01)
        train(settings, results / "model.pt")
        assert record(settings, results)
        newest, oldest = runs(root)
        assert newest.info.start_time > oldest.info.start_time
        assert "evaluate/test.nll" in newest.data.metrics
        assert "evaluate/test.nll" not in oldest.data.metrics

    def test_completes_a_run_that_was_cut_off_while_finishing(
        self, root: Path, settings: params.Params, results: Path
    ) -> None:
        with tracking.start(settings) as run:
            run._put(lambda store: store.client.set_tag(store.run_id, "model_md5", "b" * 32))
        md5 = hashlib.md5(b"weights").hexdigest()
        store = client(f"sqlite:///{root / 'mlflow.db'}")
        store.set_tag(runs(root)[0].info.run_id, "model_md5", md5)
        assert record(settings, results)
        (found,) = runs(root)
        assert found.info.status == "FINISHED"
        assert history(root, found, "val_nll") == [(1, 2.1), (2, 1.8)]

    def test_stage_prints_where_to_look(
        self,
        root: Path,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        run_stage(results, monkeypatch)
        assert "make ui" in capfd.readouterr().out
        assert len(runs(root)) == 1

    @pytest.mark.usefixtures("root")
    def test_stage_survives_a_dead_server(
        self,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        run_stage(results, monkeypatch)
        output = capfd.readouterr()
        assert output.out == ""
        assert WARNING in output.err
        assert "dvc repro -f -s track" in output.err


def run_stage(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").write_text(shipped.text(), encoding="utf-8")
    paths = [
        str(results / name)
        for name in ("model.pt", "scores", "samples", "metrics", "dvc.lock", "tracked")
    ]
    monkeypatch.setattr(sys, "argv", ["track", *paths])
    track.main()
    assert (results / "tracked").is_file()


class TestValues:
    @pytest.mark.parametrize(
        ("name", "legal"),
        [
            ("val_nll", "val_nll"),
            ("evaluate/test.nll", "evaluate/test.nll"),
            ("evaluate/test.top-5 (%)", "evaluate/test.top-5 ___"),
            ("a/b/../c", "a/b_.._c"),
            ("/x", "_/x"),
            ("..", "_"),
            ("nll: test", "nll_ test"),
            ("n" * 300, "n" * 250),
        ],
    )
    def test_names(self, name: str, legal: str) -> None:
        from mlflow.utils import validation

        assert tracking._legal(name) == legal
        accepts: Any = validation._validate_metric_name
        accepts(legal)

    def test_that_are_not_finite_are_not_a_number(
        self, root: Path, settings: params.Params
    ) -> None:
        run = tracking.start(settings)
        for epoch, value in enumerate([math.nan, math.inf, -math.inf, True]):
            run.log_epoch(epoch, {"nll": value})
        run.fail()
        values = [value for _, value in history(root, runs(root)[0], "nll")]
        assert [math.isnan(value) for value in values] == [True, True, True, False]

    def test_that_are_long_or_many(
        self, root: Path, settings: params.Params, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        many = {f"p{i}": tracking.as_text(["x" * 9999]) for i in range(250)}
        monkeypatch.setattr(tracking, "training_params", lambda _: many)
        run = tracking.start(settings)
        run.log_summary({f"m{i}": float(i) for i in range(2500)})
        run.fail()
        (found,) = runs(root)
        assert found.data.params == many
        assert {len(value) for value in many.values()} == {500}
        assert len(found.data.metrics) == 2500

    def test_params_are_those_of_the_selected_model_and_corpus(
        self, settings: params.Params
    ) -> None:
        values = tracking.training_params(settings)
        other = shipped.settings({"model": "rnn_vanilla", "corpus": "maestro"})
        collections = shipped.tree()["corpora"]["folk"]["collections"]
        assert values["corpora.folk.collections"] == json.dumps(collections)
        assert not any(key.startswith(("models", "generate", "corpora.m")) for key in values)
        assert tracking.training_params(other)["corpora.maestro.path"] == "null"
        assert tracking.training_params(other)["model"] == "rnn_vanilla"
        assert tracking.training_params(other)["size"] == "small"


class Relay:
    """A TCP relay in front of a server, to take the server away and give it back."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.up = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """From now on, takes connections and never answers."""
        self.up = False
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                self.sockets.append(near)
                if self.up:
                    far = socket.create_connection(("127.0.0.1", self.upstream))
                    self.sockets.append(far)
                    for pair in ((near, far), (far, near)):
                        threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[int]:
    """The port of a real tracking server."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_store, folder)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    environment = {key: value for key, value in os.environ.items() if key[:7] != "MLFLOW_"}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # as `make ui`
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            until(lambda: answers(port), "the server answers")
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # by itself it waits for open connections
            process.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5))
    return False


@pytest.fixture
def relay(server: int, cold_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A relay to the server, which is the store."""
    relay = Relay(server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", relay.url)
    yield relay
    relay.drop()
    relay.listener.close()


class TestServer:
    def test_gets_runs_and_samples(
        self, relay: Relay, server: int, settings: params.Params, results: Path, cold_root: Path
    ) -> None:
        train(settings, results / "model.pt")
        assert record(settings, results)
        (results / "samples" / "0.mid").rename(results / "samples" / "1.mid")
        assert record(settings, results)
        (run,) = runs(f"http://127.0.0.1:{server}")
        assert run.info.status == "FINISHED"
        assert run.data.metrics["evaluate/test.nll"] == 1.4
        items = client(relay.url).list_artifacts(run.info.run_id, "samples")
        assert [item.path for item in items] == ["samples/1.mid"]
        assert not (cold_root / "mlflow.db").exists()

    @pytest.mark.usefixtures("hasty")
    def test_that_goes_silent_and_comes_back_misses_nothing(
        self,
        relay: Relay,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(tracking, "START_SECONDS", PATIENCE)
        monkeypatch.setattr(tracking, "FINISH_SECONDS", PATIENCE)
        (results / "model.pt").write_bytes(b"other weights")
        with tracking.start(settings) as run:
            relay.drop()
            for i, values in enumerate(CURVES):
                run.log_epoch(i + 1, values)
            time.sleep(1.5)
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
            relay.up = True
            run.finish(results / "model.pt")
        md5 = hashlib.md5(b"other weights").hexdigest()
        (found,) = [run for run in runs(relay.url) if run.data.tags["model_md5"] == md5]
        assert found.info.status == "FINISHED"
        assert history(relay.url, found, "val_nll") == [(1, 2.1), (2, 1.8)]
        assert len(warnings(capfd)) == 1

    @pytest.mark.usefixtures("hasty", "cold_root")
    def test_that_never_answers_costs_seconds(
        self,
        settings: params.Params,
        results: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as hole:
            url = f"http://127.0.0.1:{hole.getsockname()[1]}"
            monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(4 * PATIENCE)))
            began = time.monotonic()
            train(settings, results / "model.pt")
            assert not record(settings, results)
            assert time.monotonic() - began < PATIENCE
        assert len(warnings(capfd)) == 2
