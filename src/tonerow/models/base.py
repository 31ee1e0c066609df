"""The contract that every architecture keeps.

A model reads a `Batch`, built by `tonerow.windows` for the model's `view`. It answers with one
*prediction* per field, a distribution over the note at t given what the model may know of it:
everything before t, and what it is conditioned on by design (`conditions_on`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn

from tonerow.models.heads import ContinuousHead
from tonerow.models.predictions import Predictions
from tonerow.models.vocabulary import Vocabularies

START = -1
"""The id "before the first note": a symbol without a row in the embedding (see `embed`)."""

State = dict[str, Any]
Notes = Mapping[str, Tensor]
"""Fields of notes: ids by the field's name, normalised values as ``<field>_norm``."""


class Sees(Enum):
    """What a model knows of a note when it predicts it; stated wherever its numbers are.

    The value is the label that people read. The contract test holds every model to its tag.
    """

    NOTES_BEFORE = "the notes before"
    WINDOW_BEFORE = "the notes of the window before"
    CHARACTERS_BEFORE = "the characters before, the tune's header among them"
    RHYTHM_SO_FAR = "the notes before, and the rhythm of the line up to and including the note"
    WHOLE_RHYTHM = "the notes before, and the rhythm of the whole line"

    @property
    def tag(self) -> str:
        """The name as it stands in metrics: lower case."""
        return self.name.lower()


@dataclass(frozen=True)
class Batch:
    """Windows of sequences, padded at the end to the same length L.

    Attributes:
        now: the notes to predict, (B, L): ids of each field, normalised values where a field has
            them, and what else is known of a note (`body`); a model never reads it.
        before: of each note the one before it, under the same names, (B, L); before a piece's first
            note ids are `START` and values 0.
        given: what a model may know of the notes themselves: `rhythm` float (B, L, 2), normalised
            rest before the note and duration; in ticks, int64, 24 a beat: `ticks` (B, L, 2), the
            same two, `onset` (B, L), since the line's first note, and `remaining` (B, L), from the
            onset to the line's end.
        length: int64 (B,), how many notes of each row are real.
        scored: bool (B, L), the real notes that count.
    """

    now: Notes
    before: Notes
    given: Notes
    length: Tensor
    scored: Tensor


class Counting(nn.Module, ABC):
    """A part of a model that counts something in the training pieces before it learns."""

    @abstractmethod
    def count(self, pieces: Iterable[Batch]) -> None:
        """Counts once and for all; what is counted is saved with the weights.

        Args:
            pieces: each a batch of one row; for this, `now` is read.
        """


class Model(nn.Module, ABC):
    """A sequence model over notes, or over characters.

    Args:
        vocabularies: of all fields of the tokens; kept in the model file.
        predicts: names of the fields that the model predicts.
        loss_weights: by which the losses of fields are multiplied; 1 where nothing is said.
    """

    view: str
    """Which sequences it reads: a key of `tonerow.views.VIEWS`."""
    conditions_on: Sees
    """What it knows when it predicts a note."""
    reach: int | None = None
    """How many notes back it looks by design; None: as far as its state carries."""

    def __init__(
        self,
        vocabularies: Vocabularies,
        predicts: Iterable[str],
        loss_weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.loss_weights = dict(loss_weights or {})
        self.vocabularies = dict(vocabularies)
        self.predicts = tuple(predicts)

    @abstractmethod
    def forward(self, batch: Batch) -> Predictions:
        """Predicts every note of whole sequences.

        Args:
            batch: of this model's view; `now` is not read.

        Returns:
            For each of `predicts` a prediction of shape (B, L); at padding it means nothing.
        """

    @abstractmethod
    def begin(self, given: Notes, length: Tensor) -> State:
        """The state before the first note, given what the model is conditioned on.

        Args:
            given: as in `Batch`.
            length: int64 (B,).
        """

    @abstractmethod
    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """Predicts the next note from the one before.

        Args:
            before: the note before, (B,); ids are `START` and values 0 before the first note.
            state: from `begin` or the step before; not changed.

        Returns:
            For each of `predicts` a prediction of shape (B,), and the state after the step.
            Stepping through a sequence gives what `forward` gives for it.
        """

    def loss(self, predictions: Predictions, batch: Batch) -> Tensor:
        """What training minimises: the weighted sum of the fields' mean losses over the scored notes."""
        losses = [
            predictions[name].loss(batch.now[name], batch.now.get(f"{name}_norm"))
            for name in self.predicts
        ]
        weights = [self.loss_weights.get(name, 1.0) for name in self.predicts]
        means = [loss[batch.scored].mean() for loss in losses]
        return torch.stack([w * mean for w, mean in zip(weights, means, strict=True)]).sum()

    def prepare(self, pieces: Callable[[], Iterable[Batch]]) -> None:
        """Lets its parts count the training pieces, see `Counting`; called before training."""
        for module in self.modules():
            if isinstance(module, Counting):
                module.count(pieces())

    def observe(self, predictions: Predictions, batch: Batch) -> None:
        """Follows what training shows of the errors, see `ContinuousHead.observe`."""
        for module in self.modules():
            if isinstance(module, ContinuousHead):
                module.observe(predictions, batch.now, batch.scored)

    def learners(self) -> list[Model]:
        """The parts whose gradients have nothing to do with each other: itself, or its networks."""
        return [self]

    def n_parameters(self) -> int:
        """How many numbers training adjusts."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def embed(embedding: nn.Embedding, ids: Tensor, hidden_share: float = 0.0) -> Tensor:
    """Embeds ids (...) to (..., E); `START` becomes the zero vector and needs no row.

    Args:
        embedding: of the field.
        ids: int64.
        hidden_share: so many of the ids, chosen at random, count as `START` while the embedding is
            in training: word dropout (Bowman et al., 2016).
    """
    if hidden_share and embedding.training:
        ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < hidden_share, START)
    known = (ids != START).unsqueeze(-1)  # (..., 1)
    embedded: Tensor = embedding(ids.clamp(min=0)) * known  # (..., E)
    return embedded
