"""`rnn_vanilla`: a decoder-only tanh RNN that sees the rhythm of the note it is to predict."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, State, embed
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Fields


class RnnVanilla(Model):
    """Decoder-only RNN: rhythm in, pitches out.

    At t: x = [rhythm (2); embedding of the pitch before (E)], then
    LeakyReLU(Linear(x)) + x -> tanh RNN -> Linear -> 128 pitch logits.
    With E = 32, hidden 256 and 2 layers: 244,518 parameters.

    Args:
        fields: the vocabularies; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: units of each RNN layer.
        layers: RNN layers.
    """

    view = "melody"
    fields = ("pitch",)
    conditions_on = "the rhythm of the line up to and including the note"

    def __init__(self, fields: Fields, pitch_embedding: int, hidden_size: int, layers: int) -> None:
        super().__init__()
        n_pitches = fields["pitch"].size
        width = 2 + pitch_embedding
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.mix = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU())
        self.rnn = nn.RNN(width, hidden_size, layers, nonlinearity="tanh", batch_first=True)
        self.head = nn.Linear(hidden_size, n_pitches)

    def _run(
        self, rhythm: Tensor, previous: Tensor, hidden: Tensor | None
    ) -> tuple[Predictions, Tensor]:
        x = torch.cat([rhythm, embed(self.embedding, previous)], -1)
        out, hidden = self.rnn(self.mix(x) + x, hidden)
        return {"pitch": Categorical(self.head(out))}, hidden

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads `rhythm` (B, L, 2) and `previous_pitch` (B, L)."""
        return self._run(batch["rhythm"], batch["previous_pitch"], None)[0]

    def begin(self, batch: Batch) -> State:
        """See `Model.begin`; reads `rhythm` (B, L, 2)."""
        return {"rhythm": batch["rhythm"], "t": 0, "hidden": None}

    def step(self, previous: Batch, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `previous_pitch` (B,)."""
        rhythm = state["rhythm"][:, state["t"], None]
        out, hidden = self._run(rhythm, previous["previous_pitch"][:, None], state["hidden"])
        now = {name: prediction.at((slice(None), 0)) for name, prediction in out.items()}
        return now, {**state, "t": state["t"] + 1, "hidden": hidden}
