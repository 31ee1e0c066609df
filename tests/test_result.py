"""The model and the music that git carries are those of the committed ``dvc.lock``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.repository import SOURCE, clean_environment, md5

RENEW = "data/shipped is not the result of the committed dvc.lock: make ship, then commit it"


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**clean_environment(), "PYTHONPATH": str(root / "src")}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, with the result that it carries."""
    root = tmp_path_factory.mktemp("clone") / "tonerow"
    command = ["git", "clone", "--quiet", str(SOURCE), str(root)]
    of_a_hook = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    env = {key: value for key, value in os.environ.items() if key not in of_a_hook}
    subprocess.run(command, env=env, check=True)
    pulled = run(root, "dvc", "pull", "--remote", "shipped", "data/model/model.pt", "data/samples")
    assert pulled.returncode == 0, f"{RENEW}\n{pulled.stderr}"
    return root


def test_it_is_heard_without_training(clone: Path) -> None:
    page = (clone / "data/samples/listen.html").read_text("utf-8")
    assert page.count("data:audio/mpeg;base64,") > 2
    told = run(clone, sys.executable, "-m", "tonerow.cli", "info", "data/model/model.pt")
    summary = json.loads((clone / "metrics/summary.json").read_text("utf-8"))
    assert f"{summary['parameters']:,}" in told.stdout


def test_nothing_older_is_carried(clone: Path) -> None:
    stages = YAML(typ="safe").load(clone / "dvc.lock")["stages"]
    outs = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
    model, samples = outs["data/model/model.pt"], outs["data/samples"]
    folder = clone / "data/shipped/files/md5"
    table = json.loads((folder / samples[:2] / samples[2:]).read_text("utf-8"))
    wanted = {model, samples, *(entry["md5"] for entry in table)}
    carried = {path.parent.name + path.name: path for path in folder.rglob("*") if path.is_file()}
    assert set(carried) == wanted, RENEW
    assert all(md5(path) == name.removesuffix(".dir") for name, path in carried.items())
