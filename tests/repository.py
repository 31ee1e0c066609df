"""A checkout of the project in a folder of its own, for tests that run DVC."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests import shipped
from tonerow import tracking

SOURCE = Path(__file__).resolve().parent.parent
TRACKED = ["dvc.yaml", "requirements.lock", "pyproject.toml", ".dvcignore", ".gitignore"]
FOLDERS = ["src", "stages", "tests"]
EPOCHS, OTHER_EPOCHS = 2, 1
SMALL = {
    "corpus": "folder",
    "ingest.workers": 1,
    "model": "rnn_vanilla",
    "models.rnn_vanilla.small.hidden_size": 16,
    "models.rnn_vanilla.small.training.epochs": EPOCHS,
    "models.lstm_local.small.hidden_size": 16,
    "models.lstm_local.small.training.epochs": OTHER_EPOCHS,
    "train.device": "cpu",
    "train.threads": 1,
    "train.processes": 1,
    "evaluate.ngram_orders": [2, 3],
    "generate.samples": 2,
    "generate.max_notes": 20,
}


def clean_environment() -> dict[str, str]:
    """That of a user's terminal: this interpreter's programs first, nothing set by DVC or MLflow."""
    ours = ("DVC", "MLFLOW", "GIT", "PYTHONPATH")
    # a test before may have set variables of these
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    who = {"GIT_AUTHOR_NAME": "a", "GIT_COMMITTER_NAME": "a"}
    mail = {"GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_EMAIL": "a@example.org"}
    quiet = {"DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {**kept, **who, **mail, **quiet, "PATH": path}


class Repository:
    """A checkout of the project that is there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = clean_environment()
        # where an editable install points: runs must prefer their own snapshot
        self.env["PYTHONPATH"] = str(root / "src")

    @classmethod
    def made(
        cls,
        root: Path,
        changes: Mapping[str, Any] | None = None,
        store: Path | None = None,
    ) -> Repository:
        """Makes one with small settings.

        Args:
            root: where; must not be there.
            changes: of the settings, by dotted name.
            store: MLflow's, which takes seconds to make; else the first run makes it.
        """
        for folder in FOLDERS:
            ignore = shutil.ignore_patterns("*.egg-info", "*.pyc.*")  # compiled files come along
            shutil.copytree(SOURCE / folder, root / folder, ignore=ignore)
        for name in TRACKED:
            shutil.copy(SOURCE / name, root / name)
        text = shipped.text({**SMALL, **(changes or {})})
        (root / "params.yaml").write_text(text, encoding="utf-8")
        repository = cls(root)
        repository.run("git", "init", "--quiet")
        repository.run("dvc", "init", "--quiet")
        shutil.copytree(SOURCE / ".dvc/plots", root / ".dvc/plots")
        shutil.copy(SOURCE / ".dvc/config", root / ".dvc/config")
        if store:
            shutil.copy(store, root / "mlflow.db")
        repository.commit()
        return repository

    def run(self, *command: str, fails: bool = False) -> str:
        """Runs a command in the root and returns what it prints."""
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, cwd=self.root, env=self.env, check=False, **pipes)
        assert (done.returncode != 0) == fails, done.stdout
        return str(done.stdout)

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", "state")

    def set(self, values: dict[str, Any]) -> None:
        """Writes values, by dotted name, into params.yaml."""
        yaml = YAML()
        tree = yaml.load(self.root / "params.yaml")
        for name, value in values.items():
            *parents, key = name.split(".")
            node = tree
            for parent in parents:
                node = node[parent]
            node[key] = value
        yaml.dump(tree, self.root / "params.yaml")

    def json(self, name: str) -> Any:
        return json.loads((self.root / "metrics" / name).read_text("utf-8"))

    def outs(self) -> dict[str, str]:
        """The md5 of every output in dvc.lock."""
        lock = YAML(typ="safe").load(self.root / "dvc.lock")
        return {
            out["path"]: out["md5"]
            for stage in lock["stages"].values()
            for out in stage.get("outs", [])
        }

    def runs(self) -> list[Any]:
        """The runs in MLflow, oldest first."""
        return runs_of(self.root)

    def client(self) -> Any:
        return client_of(self.root)


def client_of(root: Path) -> Any:
    """A client of the store of a checkout."""
    tracking.set_environment()  # no telemetry, no log of migrations
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


def runs_of(root: Path) -> list[Any]:
    """The runs of a checkout, oldest first."""
    client = client_of(root)
    experiment = client.get_experiment_by_name("tonerow")
    order = ["attributes.start_time ASC"]
    return list(client.search_runs([experiment.experiment_id], order_by=order))


def started(output: str) -> list[str]:
    """The stages that ran, in order."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage ")]
    return [line.split("'")[1] for line in lines]


def restored(output: str) -> list[str]:
    """The stages whose outputs came from the run cache."""
    lines = [line for line in output.splitlines() if "is cached - skipping run" in line]
    return [line.split("'")[1] for line in lines]


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
