"""Logs a model and what it does to MLflow.

``python -m stages.track MODEL SCORES SAMPLES METRICS LOCK MARK``

A store that does not answer is a warning and not an error: the pipeline's results do not depend on
it. DVC then counts the stage as done; ``dvc repro -f -s track`` logs the same later.

The mark says nothing but that a checkout has done this: DVC neither caches nor pushes it, and so runs
the stage in each checkout, also where the results are those of the committed ``dvc.lock``.
"""

import json
import sys
from functools import partial
from pathlib import Path

from stages import run
from tonerow import params, tracking
from tonerow.serving.saving import save


def main() -> None:
    """Finds or makes up the run of this model, and completes it."""
    model, scores, samples, metrics, lock, mark = (Path(argument) for argument in sys.argv[1:7])
    settings = params.load()
    view = json.loads((metrics / "evaluate.json").read_text("utf-8"))["view"]
    writes = partial(save, view, settings.generate, model)
    if tracking.record(settings, model, scores, samples, metrics, lock, writes):
        print("logged to MLflow; see it with: make ui")
    else:
        print("not (all) logged to MLflow; try again with: dvc repro -f -s track", file=sys.stderr)
    mark.write_text("tracked\n", encoding="utf-8")


if __name__ == "__main__":
    run(main, params.ParamsError)
