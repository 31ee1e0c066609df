"""Places for a store."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def cold_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's root, with a space in its name, that is not the current folder."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    root, elsewhere = tmp_path / "a checkout", tmp_path / "temporary"
    root.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.chdir(elsewhere)
    return root


@pytest.fixture
def root(cold_root: Path, empty_store: Path) -> Path:
    """The same with an empty store."""
    shutil.copy(empty_store, cold_root)
    return cold_root
