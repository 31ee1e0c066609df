"""What is kept of each epoch: a line on the terminal, a point of each curve, a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tonerow import reports
from tonerow.training.checkpoint import Snapshots
from tonerow.training.loop import EpochRow


class Journal:
    """Follows a training, epoch by epoch.

    Args:
        log_epoch: takes the number of an epoch and its row of the curves.
        snapshots: of this training.
    """

    def __init__(self, log_epoch: Callable[[int, EpochRow], None], snapshots: Snapshots) -> None:
        self._log_epoch = log_epoch
        self._snapshots = snapshots

    def resumed(self) -> dict[str, Any] | None:
        """The snapshot to go on from, if there is one; its epochs are logged again."""
        snapshot = self._snapshots.load()
        for row in snapshot["progress"]["curves"] if snapshot else []:
            self._log_epoch(int(row["epoch"]), row)
        return snapshot

    def epoch_ended(self, row: EpochRow, snapshot: dict[str, Any]) -> None:
        """Prints and logs the epoch, then saves the snapshot."""
        print(reports.line(row), flush=True)
        self._log_epoch(int(row["epoch"]), row)
        self._snapshots.save(snapshot)
