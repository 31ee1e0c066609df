"""MLflow: the only importer of it."""

from tonerow.tracking.run import Run, recipe_of, record, start, training_params
from tonerow.tracking.store import ENVIRONMENT, finished, page, scores

__all__ = [
    "ENVIRONMENT",
    "Run",
    "finished",
    "page",
    "recipe_of",
    "record",
    "scores",
    "start",
    "training_params",
]
