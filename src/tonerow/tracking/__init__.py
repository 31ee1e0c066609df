"""MLflow: the only importer of it."""

from tonerow.tracking.run import Run, record, start, training_params
from tonerow.tracking.store import ENVIRONMENT, finished

__all__ = ["ENVIRONMENT", "Run", "finished", "record", "start", "training_params"]
