"""The MLflow run of a search, and below it one for each of its trials.

A trial's training logs its run by itself, as every training does; who it belongs to it learns from
``MLFLOW_RUN_CONTEXT``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tonerow.params import Params
from tonerow.tracking.run import FINISH_SECONDS, Run, as_points, as_text, training_params
from tonerow.tracking.store import SEARCH, Store

PARENT = "mlflow.parentRunId"
"""The tag by which MLflow shows a run below another."""


class SearchRun(Run):
    """The run of a study, new or gone on with; nothing here raises for the store.

    Args:
        settings: what all trials share.
        study: its name.
        identity: of this study and no other of the same name.
    """

    def __init__(self, settings: Params, study: str, identity: str) -> None:
        super().__init__(settings)
        self._study, self._identity = study, identity
        self._about = {"model": settings.model, "size": settings.size, SEARCH: study}
        tags = {**self._about, "training_id": identity}
        self.create(f"{settings.name} {study}", tags, {})

    def context(self, number: int) -> dict[str, str]:
        """The environment in which a trial's training finds out whose trial it is."""
        return {"MLFLOW_RUN_CONTEXT": json.dumps(self._trial_tags(number))}

    def trial_ended(
        self, number: int, values: Mapping[str, Any], numbers: Mapping[str, float], reason: str
    ) -> None:
        """Ends the run of a trial; makes it up if DVC restored the training or it never began.

        Args:
            number: of the trial.
            values: what it tried, by the names of the model's settings.
            numbers: what its training has come to; empty if it failed.
            reason: why it failed; empty if it did not.
        """
        name = f"{self._settings.name} {self._study}-{number}"
        tags = {**self._trial_tags(number), "corpus": self._settings.corpus, **self._about}
        tags |= {"reason": reason} if reason else {}
        params = training_params(self._settings) | {key: as_text(of) for key, of in values.items()}

        def end(parent: Store) -> None:
            trial = Store(parent.experiment)
            status = trial.find("training_id", tags["training_id"])
            if status is None:
                trial.create(name, tags, params)
            if status != "FINISHED":
                trial.log(as_points(numbers, 0))
                for key, tag in tags.items():
                    trial.client.set_tag(trial.run_id, key, tag)
                trial.client.set_terminated(trial.run_id, "FAILED" if reason else "FINISHED")

        self._put(end)
        if not reason:
            self.log_epoch(number, {"val_nll": numbers["val_nll"]})

    def end(self) -> None:
        """Ends the run of the study as FINISHED."""
        self._put(lambda store: store.client.set_terminated(store.run_id, "FINISHED"))
        self._close(FINISH_SECONDS)

    def _trial_tags(self, number: int) -> dict[str, str]:
        parent = {PARENT: self._store.run_id} if self._store.run_id else {}
        own = {"training_id": f"{self._identity}-{number}", SEARCH: self._study}
        return {**own, "trial": str(number), **parent}
