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

from tonerow.models.vocabulary import Vocabulary

Index = tuple[slice | int | Tensor, ...]

LEAST_SCALE = 1e-2
"""Of a density, in standard deviations of the field: a spike narrower than this is no better."""
UNIFORM_SHARE = 1e-4
"""Of a density's probability that is spread over all ids, so that no id is impossible."""
BEYOND = 1e6
"""Where the outermost cells end, in normalised units: no value lies there."""
FAR = 12.0
"""Standard deviations from a density's mean beyond which only the uniform share counts."""


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
        rate = self.log_rate.unsqueeze(-1)  # (..., 1)
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
        vocabulary: of the field, whose cells get the density's mass.
        squared_error: train by squared error, as the write-ups do, and not by likelihood.

    The likelihood that is trained is the one that is scored: of the cell, not of the point. A point's
    density has no bound where values repeat, and they do: times lie on a grid, a velocity may never
    change. The gradients of such spikes drown those of every other head.

    Source: discretised mixtures as in PixelCNN++ (Salimans, Karpathy, Chen and Kingma, 2017), with
    Gaussians in place of logistic distributions.
    """

    weight: Tensor
    mean: Tensor
    log_scale: Tensor
    vocabulary: Vocabulary
    squared_error: bool = False

    def _scale(self) -> Tensor:
        return self.log_scale.exp().clamp(min=LEAST_SCALE)

    def log_probabilities(self) -> Tensor:
        """The mass of each id's cell, mixed with a little of the uniform distribution."""
        edges = self.mean.new_tensor(self.vocabulary.edges)
        mean, scale = self.mean.unsqueeze(-1), self._scale().unsqueeze(-1)  # (..., K, 1)
        below = torch.special.ndtr((edges - mean) / scale)  # (..., K, V - 1)
        below = F.pad(F.pad(below, (1, 0), value=0.0), (0, 1), value=1.0)  # (..., K, V + 1)
        mass = (self.weight.softmax(-1).unsqueeze(-1) * below.diff(dim=-1)).sum(-2)  # (..., V)
        size = self.vocabulary.size
        return ((1 - UNIFORM_SHARE) * mass.clamp(min=0) + UNIFORM_SHARE / size).log()

    def loss(self, ids: Tensor, values: Tensor | None) -> Tensor:
        """Squared error of the normalised values, or the cells' negative log-likelihood in nats."""
        if self.squared_error:
            assert values is not None
            return (values - self.mean[..., 0]) ** 2
        density = self._log_mass(ids) + math.log1p(-UNIFORM_SHARE)
        floor = torch.full_like(density, math.log(UNIFORM_SHARE / self.vocabulary.size))
        return -torch.logaddexp(density, floor)

    def _log_mass(self, ids: Tensor) -> Tensor:
        """The logarithm of the mass in the cells of ids (...), with digits in the tails too."""
        edges = self.mean.new_tensor((-BEYOND, *self.vocabulary.edges, BEYOND))
        scale = self._scale()
        low = ((edges[ids].unsqueeze(-1) - self.mean) / scale).clamp(-FAR, FAR)
        high = ((edges[ids + 1].unsqueeze(-1) - self.mean) / scale).clamp(-FAR, FAR)  # (..., K)
        right = low > 0  # there both are mirrored: a difference of numbers near one has no digits
        low, high = torch.where(right, -high, low), torch.where(right, -low, high)
        low, high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
        mass: Tensor = high + torch.log1p(-(low - high).exp().clamp(max=1 - 1e-6))
        return (self.weight.log_softmax(-1) + mass).logsumexp(-1)

    def at(self, index: Index) -> Density:
        """See `Prediction.at`."""
        parts = (self.weight[index], self.mean[index], self.log_scale[index])
        return Density(*parts, self.vocabulary, self.squared_error)

    def best(self) -> Tensor:
        """The id whose cell holds the mean."""
        edges = self.mean.new_tensor(self.vocabulary.edges)
        mean = (self.weight.softmax(-1) * self.mean).sum(-1)
        return torch.bucketize(mean.detach(), edges)


@dataclass(frozen=True)
class Copied(Prediction):
    """A prediction that leaves a share of the probability to copies of what came before.

    Attributes:
        own: (...), the prediction without copies; one that is trained by its likelihood.
        kept: float, (...), logarithm of the share that it keeps.
        copied: float, (..., V), log-probabilities of the copies, which have the other share.
    """

    own: Prediction
    kept: Tensor
    copied: Tensor

    def log_probabilities(self) -> Tensor:
        """See `Prediction.log_probabilities`."""
        return torch.logaddexp(self.own.log_probabilities() + self.kept.unsqueeze(-1), self.copied)

    def loss(self, ids: Tensor, values: Tensor | None) -> Tensor:
        """Negative log-likelihood in nats."""
        copied = self.copied.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
        return -torch.logaddexp(self.kept - self.own.loss(ids, values), copied)

    def at(self, index: Index) -> Copied:
        """See `Prediction.at`."""
        return Copied(self.own.at(index), self.kept[index], self.copied[index])


@dataclass(frozen=True)
class Mean(Prediction):
    """The mean of the probabilities of several predictions.

    Attributes:
        of: each (...), of one field.
    """

    of: tuple[Prediction, ...]

    def log_probabilities(self) -> Tensor:
        """See `Prediction.log_probabilities`."""
        each = torch.stack([prediction.log_probabilities() for prediction in self.of])
        return each.logsumexp(0) - math.log(len(self.of))

    def loss(self, ids: Tensor, values: Tensor | None) -> Tensor:
        """Nats of the mean. The networks of an `Ensemble` learn from their own losses, one by one."""
        return self.nll(ids)

    def at(self, index: Index) -> Mean:
        """See `Prediction.at`."""
        return Mean(tuple(prediction.at(index) for prediction in self.of))


Predictions = dict[str, Prediction]
"""By the name of the field."""


def at_note(predictions: Predictions, t: int) -> Predictions:
    """Of predictions (B, L) those of one note of each row, (B,)."""
    return {name: prediction.at((slice(None), t)) for name, prediction in predictions.items()}
