"""`lstm_window`: a window of notes predicts the next one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.heads import ContinuousHead
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies

VALUES = ("offset", "duration", "velocity")


class LstmWindow(Model):
    """Pitch and (step, duration, velocity) of the notes before predict those of the next.

    Pitch embedding 128 x 96, dropout 0.15, joined with the three normalised values to 99 -> LSTM
    320, 3 layers, dropout 0.35 between them -> LayerNorm 320 -> Linear 128 (pitch logits) and
    Linear 3 (continuous, no activation): 2,237,379 parameters. (The write-up gives its LSTM layers
    171,520 and 410,880 parameters; such layers have 538,880, 821,760 and 821,760.)

    The write-up reads windows of 32 notes and predicts from the last time step alone: that is
    `training.window: 32` with `training.predict: last`. With `predict: all` every time step learns
    to predict what follows it.

    Args:
        vocabularies: of the tokens.
        pitch_embedding: size of the pitch embedding.
        hidden_size: units of each LSTM layer.
        layers: LSTM layers.
        embedding_dropout: share of embedded pitches' entries dropped in training.
        dropout: the same between LSTM layers.
        window: how many notes back the model looks.
        density: of the continuous values, see `ContinuousHead`.
        components: of the mixture.
        loss_weights: see `Model`.
    """

    view = "events"
    conditions_on = Sees.WINDOW_BEFORE

    def __init__(
        self,
        vocabularies: Vocabularies,
        pitch_embedding: int,
        hidden_size: int,
        layers: int,
        embedding_dropout: float,
        dropout: float,
        window: int,
        density: str,
        components: int,
        loss_weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(vocabularies, predicts=("pitch", *VALUES), loss_weights=loss_weights)
        self.reach = window
        n_pitches = vocabularies["pitch"].size
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.drop = nn.Dropout(embedding_dropout)
        width = pitch_embedding + len(VALUES)
        self.lstm = nn.LSTM(
            width, hidden_size, layers, dropout=dropout if layers > 1 else 0.0, batch_first=True
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.pitch = nn.Linear(hidden_size, n_pitches)
        values = {name: vocabularies[name] for name in VALUES}
        self.values = ContinuousHead(hidden_size, values, density, components)

    def _embed(self, before: Notes) -> Tensor:
        pitch = self.drop(embed(self.embedding, before["pitch"]))  # (..., E)
        values = [before[f"{name}_norm"].unsqueeze(-1) for name in VALUES]  # 3 of (..., 1)
        return torch.cat([pitch, *values], -1)  # (..., E + 3)

    def _predict(self, x: Tensor) -> Predictions:
        hidden = self.norm(self.lstm(x)[0])  # (B, L, E + 3) -> (B, L, H)
        return {"pitch": Categorical(self.pitch(hidden)), **self.values(hidden)}

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads pitch, offset, duration and velocity of the notes before."""
        return self._predict(self._embed(batch.before))

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        return {"seen": []}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads again what it has seen, up to the window."""
        seen = [*state["seen"], self._embed(before)][-(self.reach or 0) :]
        return at_note(self._predict(torch.stack(seen, 1)), -1), {"seen": seen}
