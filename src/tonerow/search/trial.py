"""One training of a search: `dvc exp run --temp` up to the stage ``train``, and no further."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import dvc.api

from tonerow.params import Params
from tonerow.search.space import TrialError, Values

DVC = (sys.executable, "-m", "dvc")
METRICS = "metrics/train.json"
DVC_SAYS = "ERROR: failed to reproduce"


def overrides(settings: Params, values: Values) -> list[str]:
    """What is tried, as arguments of `dvc exp run`."""
    section = f"models.{settings.model}.{settings.size}"
    return [part for key, of in values.items() for part in ("-S", f"{section}.{key}={of}")]


def trained(name: str, changes: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Trains in a temporary checkout, or takes what DVC has kept of the same training.

    The experiment is removed afterwards: its other metrics would be those of the last commit, which
    are of another model. The model stays in DVC's cache.

    Args:
        name: of the experiment while it runs.
        changes: of `overrides`.
        environment: variables beside those of this process.

    Returns:
        What is in ``metrics/train.json``.

    Raises:
        TrialError: the training, or DVC, has failed.
        KeyboardInterrupt: the training was interrupted with this process; it has ended.
    """
    try:
        _run([*DVC, "exp", "run", "--temp", "--name", name, *changes, "train"], environment)
        numbers: dict[str, Any] = json.loads(dvc.api.read(METRICS, rev=name))
        return numbers
    finally:
        subprocess.run([*DVC, "exp", "remove", "--quiet", name], check=False, capture_output=True)


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    """Runs a command and passes on what it prints, of which the last line is why it failed.

    Ctrl-C goes to the command too, which is waited for. If it got through all the same, DVC has kept
    the training, and the next call takes it from there.
    """
    said: deque[str] = deque([""], maxlen=1)
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env={**os.environ, **environment}, **pipes) as process:
        interrupted = False
        while True:
            try:
                for line in process.stdout or ():
                    print(line, end="", flush=True)
                    if line.strip() and not line.startswith(DVC_SAYS):
                        said.append(line.strip())
                code = process.wait()
                break
            except KeyboardInterrupt:
                interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    if code:
        raise TrialError(said[-1])
