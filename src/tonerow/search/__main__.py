"""Searches for better settings: ``python -m tonerow.search [SPACE]``, by default ``space.yaml``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from tonerow import params
from tonerow.search import space
from tonerow.tracking.search import SearchRun

DATABASE = Path("search.db")


def search(file: str) -> str:
    """Runs the study that a file describes, or goes on with it.

    Returns:
        What has come of it, for the terminal.

    Raises:
        ParamsError: ``params.yaml`` or the file says something it cannot mean.
    """
    settings = params.load()
    wanted = space.load(file, settings)
    from tonerow.search import study, trial  # noqa: PLC0415 - slow, and an extra

    asked = study.Study(f"sqlite:///{DATABASE}", wanted, settings)
    with SearchRun(settings, wanted.study, asked.identity) as run:

        def objective(number: int, values: space.Values) -> float:
            changes = trial.overrides(settings, values)
            print(f"trial {number}: {shlex.join(changes)}", flush=True)
            name, environment = f"{wanted.study}-{number}", run.context(number)
            try:
                numbers = trial.trained(name, changes, environment)
            except space.TrialError as error:
                run.trial_ended(number, values, {}, str(error))
                raise
            run.trial_ended(number, values, numbers, "")
            return float(numbers["val_nll"])

        asked.run(objective)
        run.end()
    best = asked.best()
    if best is None:
        raise space.TrialError(f"every trial has failed; the first: {asked.reason(0)}")
    number, nats, values = best
    command = shlex.join(["dvc", "exp", "run", *trial.overrides(settings, values)])
    return f"best: trial {number}, {nats:.4f} nats on val; to score it on test:\n{command}"


def main() -> None:
    """Says in a sentence what is wrong, as the stages do."""
    file = sys.argv[1] if len(sys.argv) > 1 else "space.yaml"
    try:
        with FileLock(f"{DATABASE}.lock", timeout=0):
            print(search(file))
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        sys.exit("a search needs Optuna: pip install 'tonerow[search]'")
    except Timeout:
        sys.exit("another search is running in this checkout; let it end first")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")
    except (params.ParamsError, space.TrialError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
