"""`lstm_window`: a window of notes predicts the next one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.heads import ContinuousHead
from tonerow.models.layers import Dropout, advance
from tonerow.models.predictions import Categorical, Predictions
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
        self.drop = Dropout(embedding_dropout)
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

    def _predict(self, out: Tensor) -> Predictions:
        hidden = self.norm(out)  # (..., H)
        return {"pitch": Categorical(self.pitch(hidden)), **self.values(hidden)}

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads pitch, offset, duration and velocity of the notes before."""
        return self._predict(self.lstm(self._embed(batch.before))[0])  # (B, L, E + 3) -> (B, L, H)

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        none = next(self.parameters()).new_zeros(
            self.lstm.num_layers, len(length), 0, self.lstm.hidden_size
        )
        return {"hidden": none, "cell": none}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads all windows that begin up to here by one note more, side by side.

        The one that began first is full and predicts: that takes as many products as to read the last
        window anew, but all at once.
        """
        full = int(state["hidden"].shape[2] == self.reach)  # the first has predicted its note
        hidden, cell = (
            F.pad(state[name][:, :, full:], (0, 0, 0, 1))  # (layers, B, windows, H)
            for name in ("hidden", "cell")
        )
        shape = hidden.shape
        x = self._embed(before)[:, None].expand(-1, shape[2], -1)  # (B, windows, E + 3)
        rows = hidden.flatten(1, 2), cell.flatten(1, 2)
        out, (hidden, cell) = advance(self.lstm, x.flatten(0, 1)[:, None], rows)
        state = {"hidden": hidden.view(shape), "cell": cell.view(shape)}
        return self._predict(out.view(shape[1:])[:, 0]), state
