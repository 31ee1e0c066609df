"""What a process begins and ends with: OpenMP's settings, and no search for garbage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"
SHOW = "import {module}, os; print(os.environ.get('GOMP_SPINCOUNT'))"


def imported(module: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a fresh Python prints that imports a module with these variables set."""
    ours = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_DISPLAY_ENV")
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    environment = {**kept, "PYTHONPATH": str(SOURCE), **variables}
    command = [sys.executable, "-c", SHOW.format(module=module)]
    return subprocess.run(command, env=environment, text=True, capture_output=True, check=True)


@pytest.fixture(scope="module")
def ours() -> subprocess.CompletedProcess[str]:
    """What is said where the user has set nothing."""
    return imported("tonerow.models.base", OMP_DISPLAY_ENV="VERBOSE")


def test_threads_sleep_after_a_short_spin(ours: subprocess.CompletedProcess[str]) -> None:
    assert ours.stdout == "10000\n"


@pytest.mark.skipif(sys.platform != "linux", reason="torch brings libgomp on Linux only")
def test_the_spin_count_is_set_before_torch_loads(ours: subprocess.CompletedProcess[str]) -> None:
    assert "GOMP_SPINCOUNT = '10000'" in ours.stderr


@pytest.mark.parametrize("module", ["tonerow", "tonerow.models.base"])
def test_the_users_own_spin_count_stays(module: str) -> None:
    assert imported(module, GOMP_SPINCOUNT="500").stdout == "500\n"


def test_the_users_own_wait_policy_stays() -> None:
    assert imported("tonerow", OMP_WAIT_POLICY="ACTIVE").stdout == "None\n"


def test_a_process_ends_without_a_search_for_garbage() -> None:
    last = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 1000)); "
    command = [sys.executable, "-c", last + "import tonerow"]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=True)
    assert done.stdout == "True\n"
