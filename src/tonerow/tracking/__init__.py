"""MLflow: all that is logged and read goes through here."""

from tonerow.tracking.run import Run, recipe_of, record, start, training_params
from tonerow.tracking.store import curves, finished, page, scores, set_environment

__all__ = [
    "Run",
    "curves",
    "finished",
    "page",
    "recipe_of",
    "record",
    "scores",
    "set_environment",
    "start",
    "training_params",
]
