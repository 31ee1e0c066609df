"""MLflow: the only importer of it."""

from tonerow.tracking.run import Run, recipe_of, record, start, training_params
from tonerow.tracking.store import ENVIRONMENT, finished, scores

__all__ = [
    "ENVIRONMENT",
    "Run",
    "finished",
    "recipe_of",
    "record",
    "scores",
    "start",
    "training_params",
]
