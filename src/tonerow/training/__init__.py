"""The training loop, and from where it goes on."""

from tonerow.training.checkpoint import Snapshots
from tonerow.training.journal import Journal
from tonerow.training.loop import EpochRow, Progress, TrainingError, fit
from tonerow.training.team import Team, TeamError, team_of

__all__ = [
    "EpochRow",
    "Journal",
    "Progress",
    "Snapshots",
    "Team",
    "TeamError",
    "TrainingError",
    "fit",
    "team_of",
]
