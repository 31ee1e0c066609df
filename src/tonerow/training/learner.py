"""A network while it learns: its weights, its optimizer, the mean of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from tonerow.models.base import Model
from tonerow.params import Training
from tonerow.training.averaging import Average
from tonerow.training.team import Team

BETA1 = 0.9
"""Of Adam: gradients are averaged over about 10 updates."""


def make_optimizer(network: Model, settings: Training) -> Optimizer:
    """Adam, or AdamW with its decoupled weight decay (Loshchilov and Hutter, 2019)."""
    adamw = settings.optimizer == "adamw"
    kind: type[torch.optim.Adam] = torch.optim.AdamW if adamw else torch.optim.Adam
    betas, decay = (BETA1, settings.beta2), settings.weight_decay
    rate = settings.learning_rate
    return kind(network.parameters(), rate, betas, weight_decay=decay, fused=True)


@dataclass(frozen=True)
class Learner:
    """A network that learns.

    Attributes:
        number: of the network among those of its model, from 0.
        network: whose weights the updates change.
        forward: the network, as it is called while it learns.
        optimizer: of these weights.
        average: with the weights that are scored and kept.
        team: the processes that share its batches.
    """

    number: int
    network: Model
    forward: nn.Module
    optimizer: Optimizer
    average: Average
    team: Team

    @classmethod
    def of(cls, number: int, network: Model, settings: Training, team: Team) -> Learner:
        """A network that has learned nothing yet."""
        optimizer, average = make_optimizer(network, settings), Average(network, settings.average)
        return cls(number, network, team.forward_of(network), optimizer, average, team)

    def update(self, learning_rate: float, settings: Training) -> None:
        """One step along the gradients, which are bounded as the settings say and forgotten then."""
        clip(self.network, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` goes on from."""
        return {
            "weights": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.network.load_state_dict(state["weights"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def clip(network: Model, settings: Training) -> None:
    """Bounds a network's gradients as the settings say."""
    if settings.clip_value:
        torch.nn.utils.clip_grad_value_(network.parameters(), settings.clip_value)
    if settings.clip_norm:
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
