"""`lstm_char`: the characters of ABC notation, one after the other."""

from __future__ import annotations

import torch
from torch import nn

from tonerow.models.base import Batch, Model, State, embed
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Fields


class LstmChar(Model):
    """Embedding -> LSTM -> Linear to the characters.

    As written up: embedding 256, LSTM 1024, windows of 100 characters, Adam 5e-3.

    Args:
        fields: the vocabularies.
        embedding: size of the embedding.
        hidden_size: units of the LSTM.
        layers: LSTM layers.
        dropout: share of the LSTM's outputs dropped in training.
    """

    view = "chars"
    fields = ("char",)
    conditions_on = "nothing but the characters before, the tune's header among them"

    def __init__(
        self, fields: Fields, embedding: int, hidden_size: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        size = fields["char"].size
        self.embedding = nn.Embedding(size, embedding)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(embedding, hidden_size, layers, dropout=between, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, size)

    def _run(
        self, ids: torch.Tensor, hidden: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[Predictions, tuple[torch.Tensor, torch.Tensor]]:
        out, hidden = self.lstm(embed(self.embedding, ids), hidden)
        return {"char": Categorical(self.head(self.drop(out)))}, hidden

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads `previous_char` (B, L)."""
        return self._run(batch["previous_char"], None)[0]

    def begin(self, batch: Batch) -> State:
        """See `Model.begin`."""
        return {"hidden": None}

    def step(self, previous: Batch, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `previous_char` (B,)."""
        out, hidden = self._run(previous["previous_char"][:, None], state["hidden"])
        return {k: p.at((slice(None), 0)) for k, p in out.items()}, {"hidden": hidden}
