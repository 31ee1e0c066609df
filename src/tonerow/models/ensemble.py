"""Several networks of one architecture that answer with the mean of their distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, State
from tonerow.models.predictions import Mean, Predictions


def joined(networks: Sequence[Model]) -> Model:
    """One network itself, several as an `Ensemble`."""
    return networks[0] if len(networks) == 1 else Ensemble(networks)


class Ensemble(Model):
    """Networks that differ in their first weights, the order of windows, and what dropout hides.

    Each learns as if it were alone; what is scored, and so what decides when training stops, is the
    mean of their probabilities.

    Source: deep ensembles (Lakshminarayanan, Pritzel and Blundell, 2017).

    Args:
        networks: one or more, of one architecture and one set of settings.
    """

    def __init__(self, networks: Sequence[Model]) -> None:
        first = networks[0]
        super().__init__(first.vocabularies, first.predicts)
        self.view, self.conditions_on, self.reach = first.view, first.conditions_on, first.reach
        self.networks = nn.ModuleList(networks)

    def learners(self) -> list[Model]:
        """See `Model.learners`."""
        return [cast(Model, network) for network in self.networks]

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`."""
        return self._mean([network(batch) for network in self.learners()])

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        return {"networks": [network.begin(given, length) for network in self.learners()]}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`."""
        pairs = zip(self.learners(), state["networks"], strict=True)
        predictions, states = zip(*(own.step(before, at) for own, at in pairs), strict=True)
        return self._mean(predictions), {"networks": [*states]}

    def _mean(self, each: Sequence[Predictions]) -> Predictions:
        return {name: Mean(tuple(said[name] for said in each)) for name in self.predicts}
