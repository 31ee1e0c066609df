"""The MLflow store: one experiment and one run in it, and what a store can take.

The store is ``MLFLOW_TRACKING_URI``, or else ``mlflow.db`` in the repository's root, where ``mlflow
ui`` looks for it. ``DVC_ROOT`` names the root in queued and temporary runs too, whose own folder is
deleted afterwards.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from tonerow.params import Params

LOCK_SECONDS = 60.0
PAGE = "samples/listen.html"
"""The artifact with the page of the samples."""
NOTES = "scores/notes.parquet"
"""The artifact with the scores of every held-out note, as `record` logs it."""

SEARCH = "search"
"""The tag of a search's run and of those of its trials: the name of its study."""

NOTE = "mlflow.note.content"
"""The tag with a run's description, as Markdown."""
OWN_NOTE = "Written by the stage `track`; what you write in its place stays."
"""What a description begins with that is not somebody's own."""

TOKENS = "data/tokens"
"""What DVC knows the tokens by."""

VALUE_CHARACTERS, KEY_CHARACTERS = 500, 250  # what every server of MLflow 2 and 3 takes
PARAMS_A_BATCH, METRICS_A_BATCH = 100, 1000
DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}

# By itself MLflow waits 120 s for each request and retries for minutes, reports its use to the
# internet, and prints every migration. What the user has set stays.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a repeated request could create a second run
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}

EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""What kind of experiment this is: runs and curves, no traces of language models."""

Point = tuple[str, float, int, int]
"""A metric's name, value, unix time in ms, step."""
Save = Callable[[Path, Any], None]
"""Writes the folder of a model, given the `mlflow.models.Model` that it becomes."""


def set_environment() -> None:
    """Sets `ENVIRONMENT` but for what the user has set; before MLflow is imported."""
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)


class Store:
    """The MLflow client, its experiment and one run in it; every method may raise anything."""

    def __init__(self, experiment: str) -> None:
        self.root = Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()
        self.uri = _absolute(os.environ.get("MLFLOW_TRACKING_URI", ""), self.root)
        self.experiment = experiment
        self.experiment_id = self.run_id = self.model_id = ""
        self._client: Any = None
        self._monitor: Any = None
        # Two processes that set up one SQLite file crash; a server sees to that by itself.
        lock = FileLock(self.root / ".mlflow.lock", timeout=LOCK_SECONDS)
        self.lock = lock if self.uri.startswith("sqlite") else contextlib.nullcontext()

    @property
    def client(self) -> Any:
        """The client of a store that has the experiment; connects on first use."""
        if not self.experiment_id:
            # MLflow writes the current folder into its SQL as it is.
            if self.uri.startswith("sqlite") and "'" in str(Path.cwd()):
                raise ValueError(
                    "MLflow sets up no database where a folder's name has a '; give it another name, or "
                    "name a server in MLFLOW_TRACKING_URI"
                )
            from mlflow.tracking import MlflowClient  # noqa: PLC0415 - takes seconds

            with self.lock:
                self._client = MlflowClient(self.uri)
                self.experiment_id = self._find_or_create_experiment()
        return self._client

    def _find_or_create_experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        if found is None:
            # A database's default folder for artifacts is relative: it dies with a temporary run.
            database = urlsplit(self.uri).scheme.split("+")[0] in DATABASES
            folder = (self.root / "mlartifacts").as_uri() if database else None
            tags, place = EXPERIMENT_TAGS, {"artifact_location": folder}
            return str(self._client.create_experiment(self.experiment, tags=tags, **place))
        if found.lifecycle_stage == "deleted":
            command = f"mlflow experiments restore -x {found.experiment_id}"
            raise ValueError(
                f"experiment {self.experiment!r} was deleted; restore it ({command}) or name "
                "another under track.experiment in params.yaml"
            )
        for key, value in EXPERIMENT_TAGS.items():
            if key not in found.tags:
                self._client.set_experiment_tag(found.experiment_id, key, value)
        return str(found.experiment_id)

    def find(self, tag: str, value: str, but: str = "") -> str | None:
        """Turns to the latest run with this tag and returns its status; None if there is none.

        Args:
            tag: its name.
            value: what the run has there.
            but: another tag; a run that has it is passed over.
        """
        client, newest = self.client, ["attributes.start_time DESC"]
        query = f"tags.{tag} = '{value}'"
        for run in client.search_runs([self.experiment_id], query, order_by=newest):
            if but not in run.data.tags:
                self.run_id = run.info.run_id
                return str(run.info.status)
        return None

    def create(self, name: str, tags: Mapping[str, str], values: Mapping[str, str]) -> None:
        """Turns to a new run, or to the one that an earlier try has created."""
        from mlflow.entities import Param  # noqa: PLC0415

        if self.find("training_id", tags["training_id"]) is None:
            run = self.client.create_run(self.experiment_id, run_name=name, tags=dict(tags))
            self.run_id = run.info.run_id
        else:
            self.client.update_run(self.run_id, status="RUNNING")
        items = [Param(key, value) for key, value in values.items()]
        for i in range(0, len(items), PARAMS_A_BATCH):
            self.client.log_batch(self.run_id, params=items[i : i + PARAMS_A_BATCH])

    def watch_machine(self) -> None:
        """Logs how busy the machine is as ``system/...``, from a thread of MLflow's, until `finish`."""
        from mlflow.system_metrics.system_metrics_monitor import (  # noqa: PLC0415
            SystemMetricsMonitor,
        )

        self._monitor = SystemMetricsMonitor(  # type: ignore[no-untyped-call]
            self.run_id, resume_logging=True, tracking_uri=self.uri
        )
        self._monitor.start()

    def log(self, points: Sequence[Point], model: bool = False) -> None:
        """Logs metrics of the run, or of its model too; the same points again change nothing."""
        from mlflow.entities import Metric  # noqa: PLC0415

        model_id = self.model_id if model else None
        items = [Metric(*point, model_id=model_id) for point in points]
        for i in range(0, len(items), METRICS_A_BATCH):
            self.client.log_batch(self.run_id, metrics=items[i : i + METRICS_A_BATCH])

    def log_data(self, name: str, md5: str, lock_md5: str, counts: Mapping[str, Any]) -> None:
        """Says what the run has learned from.

        Args:
            name: of the corpus.
            md5: of its tokens, in ``dvc.lock``.
            lock_md5: of that file.
            counts: such as the pieces and notes of each split.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415

        source = json.dumps({"path": TOKENS, "md5": md5, "dvc_lock_md5": lock_md5})
        dataset = Dataset(name, md5, "dvc", source, profile=json.dumps(counts))
        tags = [InputTag("mlflow.data.context", "training")]
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, tags)])

    def describe(self, as_text: Callable[[float | None], str]) -> None:
        """Gives the run a description, given the seconds of its training if it was one.

        One that somebody has written stays.
        """
        of = self.client.get_run(self.run_id).data
        if of.tags.get(NOTE, OWN_NOTE).startswith(OWN_NOTE):
            text = as_text(of.metrics.get("training_seconds"))
            self.client.set_tag(self.run_id, NOTE, f"{OWN_NOTE}\n\n{text}")

    def finish(self, md5: str, name: str) -> None:
        """Ends the run; `record` finds it again by the md5."""
        if self._monitor is not None:
            self._monitor.finish()
        self.client.set_tag(self.run_id, "model_md5", md5)
        self.client.update_run(self.run_id, name=name)
        self.client.set_terminated(self.run_id, "FINISHED")

    def log_model(self, save: Save, name: str, values: Mapping[str, str]) -> None:
        """Logs the run's model, in place of one that it has, with its parameters."""
        from mlflow.entities import LoggedModelOutput  # noqa: PLC0415
        from mlflow.models import Model  # noqa: PLC0415

        self.model_id = self._find_model()
        if not self.model_id:
            made = self.client.create_logged_model(
                self.experiment_id, name, self.run_id, params=dict(values)
            )
            self.model_id = made.model_id
            self.client.log_outputs(self.run_id, [LoggedModelOutput(self.model_id, 0)])
        with tempfile.TemporaryDirectory() as folder:
            own = Path(folder) / "model"
            save(own, Model(run_id=self.run_id, model_id=self.model_id))
            self.client.log_model_artifacts(self.model_id, str(own))
        self.client.finalize_logged_model(self.model_id, "READY")

    def _find_model(self) -> str:
        """The id of the run's model; empty if there is none."""
        outputs = self.client.get_run(self.run_id).outputs
        return next((str(of.model_id) for of in outputs.model_outputs), "") if outputs else ""

    def register(self, name: str) -> None:
        """Makes the run's model a version of a registered model, unless it is one."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        with contextlib.suppress(MlflowException):  # it is there already
            self.client.create_registered_model(name)
        versions = self.client.search_model_versions(f"name = '{name}'")
        # not `models:/ID`: MLflow looks that up in the store of the environment, not in this one
        source = self.client.get_logged_model(self.model_id).artifact_location
        if source not in {version.source for version in versions}:
            self.client.create_model_version(name, source, self.run_id, model_id=self.model_id)

    def replace_folder(self, folder: Path, name: str) -> None:
        """Logs a folder's files as the artifacts under `name`, in place of those already there."""
        from mlflow.store.artifact import artifact_repository_registry as registry  # noqa: PLC0415

        if self.client.list_artifacts(self.run_id, name):
            # Where a kind of artifact store cannot delete, old files stay beside the new ones.
            with contextlib.suppress(Exception):
                uri = self.client.get_run(self.run_id).info.artifact_uri
                repository: Any = registry.get_artifact_repository(uri, self.uri)
                repository.delete_artifacts(name)
        self.client.log_artifacts(self.run_id, str(folder), artifact_path=name)


def finished(settings: Params) -> list[dict[str, Any]]:
    """The finished runs on the corpus of `settings`, the latest first; none of a search.

    Returns:
        For each the tags, parameters and metrics, by name; parameters and tags are text. `run_id`
        is the store's own, and `recipe` is all parameters but the seed of the training.
    """
    set_environment()
    store = Store(settings.track.experiment)
    query = f"attributes.status = 'FINISHED' and tags.corpus = '{settings.corpus}'"
    newest = ["attributes.start_time DESC"]
    client = store.client
    runs = client.search_runs([store.experiment_id], query, order_by=newest)
    return [
        {**run.data.tags, **run.data.params, **run.data.metrics}
        | {"run_id": run.info.run_id, "recipe": recipe(run.data.params)}
        for run in runs
        if SEARCH not in run.data.tags
    ]


def recipe(values: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """Parameters without seed, device and threads of the training: what runs of several seeds share."""
    return frozenset(item for item in values.items() if not item[0].startswith("train."))


def scores(settings: Params, run_id: str) -> pa.Table | None:
    """The scores of every held-out note of a run; None where it has none.

    Args:
        settings: of which `track` names the experiment.
        run_id: of one of `finished`.
    """
    client = Store(settings.track.experiment).client
    if not any(file.path == NOTES for file in client.list_artifacts(run_id, "scores")):
        return None
    with tempfile.TemporaryDirectory() as folder:
        return pq.read_table(client.download_artifacts(run_id, NOTES, folder))


class Epoch(NamedTuple):
    """A number after an epoch, and the seconds since its run began; NaN where it was restored."""

    epoch: int
    value: float
    seconds: float


def curves(settings: Params, run_id: str, names: Sequence[str]) -> dict[str, list[Epoch]]:
    """The curves of a run, by the name of the number; those that it has.

    Args:
        settings: of which `track` names the experiment.
        run_id: of one of `finished`.
        names: such as ``val_nll``.
    """
    client = Store(settings.track.experiment).client
    run = client.get_run(run_id)
    begin = math.nan if "restored" in run.data.tags else run.info.start_time
    return {
        name: [
            Epoch(point.step, point.value, (point.timestamp - begin) / 1000)
            for point in client.get_metric_history(run_id, name)
        ]
        for name in names
        if name in run.data.metrics
    }


def page(settings: Params, run_id: str, folder: Path) -> Path | None:
    """Brings the page of a run's samples into a folder; None where it has none.

    Args:
        settings: of which `track` names the experiment.
        run_id: of one of `finished`.
        folder: where to.
    """
    client = Store(settings.track.experiment).client
    if not any(file.path == PAGE for file in client.list_artifacts(run_id, "samples")):
        return None
    return Path(client.download_artifacts(run_id, PAGE, str(folder)))


def _absolute(uri: str, root: Path) -> str:
    """The store's URI; a relative SQLite path counts from the root, as the default does."""
    uri = uri or "sqlite:///mlflow.db"
    kind, _, path = uri.partition(":///")
    is_relative = kind == "sqlite" and path and not path.startswith("/")
    return f"{kind}:///{quote(str(root), safe='/ ')}/{path}" if is_relative else uri
