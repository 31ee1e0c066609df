"""What a model says of one field of the next note: a distribution over the field's vocabulary.

Every field is scored as ids of its vocabulary, whatever the head: a density over a continuous value
gives each id the probability of its cell. So a regression and a classification of one field compare
in nats, and both can be sampled from.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.fields import Field

Index = tuple[slice | int | Tensor, ...]

LEAST_SCALE = 1e-2
"""Of a density, in standard deviations of the field: a spike narrower than this is no better."""
UNIFORM_SHARE = 1e-4
"""Of a density's probability that is spread over all ids, so that no id is impossible."""


class Prediction(ABC):
    """A distribution over the V ids of a field, for each place of a batch (...)."""

    @abstractmethod
    def log_probabilities(self) -> Tensor:
        """Natural logarithms of the ids' probabilities, (..., V); they sum to one."""

    @abstractmethod
    def loss(self, ids: Tensor, values: Tensor | None) -> Tensor:
        """What training minimises, (...), from ids (...) and normalised values (...)."""

    @abstractmethod
    def at(self, index: Index) -> Prediction:
        """The prediction at some of the places."""

    def nll(self, ids: Tensor) -> Tensor:
        """Negative log-likelihood in nats of `ids` (...), of the same shape."""
        return -self.log_probabilities().gather(-1, ids.unsqueeze(-1)).squeeze(-1)

    def hits(self, ids: Tensor, k: int = 1) -> Tensor:
        """Bool (...): whether the id is among the k most likely; ties go to the lower id."""
        scores = self.log_probabilities()
        at_target = scores.gather(-1, ids.unsqueeze(-1))
        lower = torch.arange(scores.shape[-1], device=ids.device) < ids.unsqueeze(-1)
        better = (scores > at_target) | ((scores == at_target) & lower)
        return better.sum(-1) < k

    def best(self) -> Tensor:
        """The id (...) that is the model's answer where one is asked for."""
        return self.log_probabilities().argmax(-1)


@dataclass(frozen=True)
class Categorical(Prediction):
    """Class probabilities, trained by cross-entropy.

    Attributes:
        logits: float, (..., V), unnormalised log-probabilities.
    """

    logits: Tensor

    def log_probabilities(self) -> Tensor:
        """See `Prediction.log_probabilities`."""
        return self.logits.log_softmax(-1)

    def loss(self, ids: Tensor, values: Tensor | None = None) -> Tensor:
        """Cross-entropy in nats."""
        flat = self.logits.reshape(-1, self.logits.shape[-1])
        return F.cross_entropy(flat, ids.reshape(-1), reduction="none").view(ids.shape)

    def at(self, index: Index) -> Categorical:
        """See `Prediction.at`."""
        return Categorical(self.logits[index])


@dataclass(frozen=True)
class Poisson(Prediction):
    """A Poisson count of grid ticks; over the vocabulary, its probabilities there, normalised.

    Attributes:
        log_rate: float, (...), natural logarithm of the expected number of ticks.
        ticks: float, (V,), the vocabulary in ticks of the grid.
    """

    log_rate: Tensor
    ticks: Tensor

    def log_probabilities(self) -> Tensor:
        """See `Prediction.log_probabilities`."""
        rate = self.log_rate.unsqueeze(-1)
        return (self.ticks * rate - rate.exp() - torch.lgamma(self.ticks + 1)).log_softmax(-1)

    def loss(self, ids: Tensor, values: Tensor | None = None) -> Tensor:
        """The Poisson loss: rate - ticks * log rate."""
        return self.log_rate.exp() - self.ticks[ids] * self.log_rate

    def at(self, index: Index) -> Poisson:
        """See `Prediction.at`."""
        return Poisson(self.log_rate[index], self.ticks)

    def best(self) -> Tensor:
        """The id next to the expected number of ticks."""
        return (self.ticks - self.log_rate.exp().unsqueeze(-1)).abs().argmin(-1)


@dataclass(frozen=True)
class Density(Prediction):
    """A mixture of K Gaussians over the field's normalised value.

    Attributes:
        weight: float, (..., K), unnormalised log-weights.
        mean: float, (..., K).
        log_scale: float, (..., K).
        field: the vocabulary, whose cells get the density's mass.
        squared_error: train by squared error, as the write-ups do, and not by likelihood.
    """

    weight: Tensor
    mean: Tensor
    log_scale: Tensor
    field: Field
    squared_error: bool = False

    def _scale(self) -> Tensor:
        return self.log_scale.exp().clamp(min=LEAST_SCALE)

    def log_probabilities(self) -> Tensor:
        """The mass of each id's cell, mixed with a little of the uniform distribution."""
        edges = torch.tensor(self.field.edges, device=self.mean.device, dtype=self.mean.dtype)
        mean, scale = self.mean.unsqueeze(-1), self._scale().unsqueeze(-1)
        below = torch.special.ndtr((edges - mean) / scale)
        below = F.pad(F.pad(below, (1, 0), value=0.0), (0, 1), value=1.0)
        mass = (self.weight.softmax(-1).unsqueeze(-1) * below.diff(dim=-1)).sum(-2)
        size = self.field.size
        return ((1 - UNIFORM_SHARE) * mass.clamp(min=0) + UNIFORM_SHARE / size).log()

    def loss(self, ids: Tensor, values: Tensor | None) -> Tensor:
        """Squared error, or negative log-density, of the normalised values."""
        assert values is not None
        if self.squared_error:
            return (values - self.mean[..., 0]) ** 2
        z = (values.unsqueeze(-1) - self.mean) / self._scale()
        log_density = -0.5 * z**2 - self._scale().log() - 0.5 * math.log(2 * math.pi)
        return -(self.weight.log_softmax(-1) + log_density).logsumexp(-1)

    def at(self, index: Index) -> Density:
        """See `Prediction.at`."""
        parts = (self.weight[index], self.mean[index], self.log_scale[index])
        return Density(*parts, self.field, self.squared_error)

    def best(self) -> Tensor:
        """The id whose cell holds the mean."""
        edges = torch.tensor(self.field.edges, device=self.mean.device, dtype=self.mean.dtype)
        mean = (self.weight.softmax(-1) * self.mean).sum(-1)
        return torch.bucketize(mean.detach(), edges)


Predictions = dict[str, Prediction]
