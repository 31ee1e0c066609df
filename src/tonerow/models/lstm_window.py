"""`lstm_window`: a window of notes predicts the next one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, State, embed
from tonerow.models.heads import ContinuousHead
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Fields

TIMES = ("offset", "duration", "velocity")


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
        fields: the vocabularies.
        pitch_embedding: size of the pitch embedding.
        hidden_size: units of each LSTM layer.
        layers: LSTM layers.
        embedding_dropout: share of embedded pitches' entries dropped in training.
        dropout: the same between LSTM layers.
        window: how many notes back the model looks.
        density: of the continuous values, see `ContinuousHead`.
        components: of the mixture.
    """

    view = "events"
    fields = ("pitch", *TIMES)
    conditions_on = "nothing but the notes of the window before"

    def __init__(
        self,
        fields: Fields,
        pitch_embedding: int,
        hidden_size: int,
        layers: int,
        embedding_dropout: float,
        dropout: float,
        window: int,
        density: str,
        components: int,
    ) -> None:
        super().__init__()
        self.reach = window
        n_pitches = fields["pitch"].size
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.drop = nn.Dropout(embedding_dropout)
        width = pitch_embedding + len(TIMES)
        self.lstm = nn.LSTM(
            width, hidden_size, layers, dropout=dropout if layers > 1 else 0.0, batch_first=True
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.pitch = nn.Linear(hidden_size, n_pitches)
        values = {name: fields[name] for name in TIMES}
        self.values = ContinuousHead(hidden_size, values, density, components)

    def _embed(self, notes: Batch) -> Tensor:
        pitch = self.drop(embed(self.embedding, notes["previous_pitch"]))
        values = [notes[f"previous_{name}_norm"].unsqueeze(-1) for name in TIMES]
        return torch.cat([pitch, *values], -1)

    def _predict(self, x: Tensor) -> Predictions:
        hidden = self.norm(self.lstm(x)[0])
        return {"pitch": Categorical(self.pitch(hidden)), **self.values(hidden)}

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads pitch, offset, duration and velocity of the notes before."""
        return self._predict(self._embed(batch))

    def begin(self, batch: Batch) -> State:
        """See `Model.begin`."""
        return {"seen": []}

    def step(self, previous: Batch, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads again what it has seen, up to the window."""
        seen = [*state["seen"], self._embed(previous)][-(self.reach or 0) :]
        predictions = self._predict(torch.stack(seen, 1))
        return {k: p.at((slice(None), -1)) for k, p in predictions.items()}, {"seen": seen}
