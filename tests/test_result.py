"""The model and the music that git carries are those of the committed ``dvc.lock``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import SOURCE, clean_environment, md5

RENEW = "data/shipped is not the result of the committed dvc.lock: make ship, then commit it"


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**clean_environment(), "PYTHONPATH": str(root / "src")}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, with the result that it carries."""
    root = tmp_path_factory.mktemp("clone") / "tonerow"
    subprocess.run(["git", "clone", "--quiet", str(SOURCE), str(root)], check=True)
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
    files = [path for path in (clone / "data/shipped/files/md5").rglob("*") if path.is_file()]
    listed = {
        entry["md5"]
        for path in files
        if path.suffix == ".dir"
        for entry in json.loads(path.read_text("utf-8"))
    }
    listed.add(md5(clone / "data/model/model.pt"))
    assert {md5(path) for path in files if path.suffix != ".dir"} == listed, RENEW
