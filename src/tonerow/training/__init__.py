"""The training loop, and from where it goes on."""

from tonerow.training.checkpoint import Snapshots
from tonerow.training.journal import Journal
from tonerow.training.loop import EpochRow, Progress, TrainingError, fit

__all__ = ["EpochRow", "Journal", "Progress", "Snapshots", "TrainingError", "fit"]
