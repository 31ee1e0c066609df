"""The mean of a model's weights over the latest updates."""

from __future__ import annotations

import copy
from typing import Any

import torch

from tonerow.models.base import Model


class Average:
    """A running mean of weights that forgets (after Polyak and Juditsky, 1992, who forget nothing).

    Args:
        model: as it is before training.
        updates: over about so many updates the mean is taken; 0: it is the model itself.
    """

    def __init__(self, model: Model, updates: int) -> None:
        self.model = copy.deepcopy(model) if updates else model
        """The model that has the mean weights."""
        self._updates = updates
        self._seen = 0

    @torch.no_grad()
    def follow(self, model: Model) -> None:
        """Takes one update of the weights in. While young, it looks back over a ninth of them all."""
        if not self._updates:
            return
        self._seen += 1
        share = max(1 / self._updates, 9 / (10 + self._seen))
        of = zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        for mean, own in of:
            if mean.is_floating_point():
                mean.lerp_(own, share)
            else:
                mean.copy_(own)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` goes on from."""
        weights = self.model.state_dict() if self._updates else {}
        return {"seen": self._seen, "weights": weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._seen = state["seen"]
        if self._updates:
            self.model.load_state_dict(state["weights"])
