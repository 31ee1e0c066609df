"""Output layers: from a hidden state to the predictions of one or more fields."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tonerow.models.predictions import Categorical, Density, Poisson, Prediction, Predictions
from tonerow.models.vocabulary import Vocabularies, Vocabulary

MEMORY = 0.99
"""Of the running mean of squared errors, a batch."""


class ContinuousHead(nn.Module):
    """One Linear to the normalised values of several fields.

    Args:
        hidden_size: units of what it reads.
        vocabularies: of the fields that it predicts.
        density: "squared_error": one Linear output a field, trained by squared error as in the
            write-ups; its likelihood is that of a Gaussian whose scale is fitted to the training
            errors. "gaussian": the scale is predicted too. "mixture": of `components` Gaussians.
        components: of the mixture.
    """

    squares: Tensor

    def __init__(
        self, hidden_size: int, vocabularies: Vocabularies, density: str, components: int = 1
    ) -> None:
        super().__init__()
        self.vocabularies = dict(vocabularies)
        self.density = density
        self.components = components if density == "mixture" else 1
        outputs = {"squared_error": 1, "gaussian": 2, "mixture": 3 * components}[density]
        self.linear = nn.Linear(hidden_size, outputs * len(vocabularies))
        if density == "squared_error":
            self.register_buffer("squares", torch.ones(len(vocabularies)))

    def forward(self, hidden: Tensor) -> Predictions:
        """From hidden (..., H) to a prediction (...) of each field."""
        outputs = self.linear(hidden).unflatten(
            -1, (len(self.vocabularies), -1)
        )  # (..., F, outputs)
        predictions: Predictions = {}
        for i, (name, vocabulary) in enumerate(self.vocabularies.items()):
            own = outputs[..., i, :]  # (..., outputs)
            if self.density == "squared_error":
                log_scale = (0.5 * self.squares[i].log()).expand_as(own)
                weight = torch.zeros_like(own)
                predictions[name] = Density(weight, own, log_scale, vocabulary, True)
            else:
                parts = own.unflatten(-1, (-1, self.components)).unbind(-2)  # 2 or 3 of (..., K)
                weight = parts[2] if self.density == "mixture" else torch.zeros_like(parts[0])
                predictions[name] = Density(weight, parts[0], parts[1], vocabulary)
        return predictions

    @torch.no_grad()
    def observe(
        self, predictions: Predictions, notes: Mapping[str, Tensor], scored: Tensor
    ) -> None:
        """Follows the squared errors of training, from which the fitted scale comes."""
        if self.density != "squared_error" or not self.training:
            return
        for i, name in enumerate(self.vocabularies):
            errors = predictions[name].loss(notes[name], notes[f"{name}_norm"])[scored]
            self.squares[i].lerp_(errors.mean(), 1 - MEMORY)


class TimeHead(nn.Module):
    """One time field as classes, as a continuous value or as a Poisson count.

    Args:
        hidden_size: units of what it reads.
        name: of the field.
        vocabulary: of the field.
        kind: "classify" | "regress" | "poisson".
        density: of the continuous value, as in `ContinuousHead`.
        components: of the mixture.
    """

    ticks: Tensor

    def __init__(
        self,
        hidden_size: int,
        name: str,
        vocabulary: Vocabulary,
        kind: str,
        density: str,
        components: int,
    ) -> None:
        super().__init__()
        self.name = name
        self.kind = kind
        if kind == "regress":
            self.out: nn.Module = ContinuousHead(
                hidden_size, {name: vocabulary}, density, components
            )
        else:
            self.out = nn.Linear(hidden_size, vocabulary.size if kind == "classify" else 1)
        if kind == "poisson":
            ticks = torch.tensor(vocabulary.values) * vocabulary.resolution
            self.register_buffer("ticks", ticks, persistent=False)

    def forward(self, hidden: Tensor) -> Prediction:
        """From hidden (..., H) to a prediction (...)."""
        out = self.out(hidden)  # classes (..., V), a count (..., 1), or a dict of densities
        if self.kind == "regress":
            prediction: Prediction = out[self.name]
            return prediction
        if self.kind == "classify":
            return Categorical(out)
        return Poisson(out.squeeze(-1).clamp(-12.0, 12.0), self.ticks)
