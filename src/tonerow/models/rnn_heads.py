"""`rnn_heads`: one RNN over events of any length, and a head for each of their fields."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tonerow.models.base import Batch, Model, State, embed
from tonerow.models.heads import ContinuousHead
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Fields

CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CLASSES = ("pitch", "instrument")


class RnnHeads(Model):
    """Events (pitch, duration, ...) predict the next event, one head a field, one joint loss.

    At t: [embeddings of the classes; normalised values] of the event before -> RNN over packed
    sequences -> Linear to the classes' logits (cross-entropy), Linear to the values (squared error
    in the write-up).

    Args:
        fields: the vocabularies.
        predicts: which fields an event has: "pitch" and any of "instrument" (classes), "offset",
            "duration" and "velocity" (values).
        cell: "rnn" (tanh), "lstm" or "gru".
        embedding: size of each class's embedding.
        hidden_size: units of each layer.
        layers: RNN layers.
        dropout: between the layers.
        density: of the continuous values, see `ContinuousHead`.
        components: of the mixture.
    """

    view = "events"
    conditions_on = "nothing but the notes before"

    def __init__(
        self,
        fields: Fields,
        predicts: Sequence[str],
        cell: str,
        embedding: int,
        hidden_size: int,
        layers: int,
        dropout: float,
        density: str,
        components: int,
    ) -> None:
        super().__init__()
        self.fields = tuple(predicts)
        self.classes = [name for name in predicts if name in CLASSES]
        self.values = [name for name in predicts if name not in CLASSES]
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(fields[name].size, embedding) for name in self.classes}
        )
        width = embedding * len(self.classes) + len(self.values)
        between = dropout if layers > 1 else 0.0
        self.rnn = CELLS[cell](width, hidden_size, layers, dropout=between, batch_first=True)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden_size, fields[name].size) for name in self.classes}
        )
        if self.values:
            values = {name: fields[name] for name in self.values}
            self.continuous = ContinuousHead(hidden_size, values, density, components)

    def _embed(self, notes: Batch) -> Tensor:
        parts = []
        for name, embedding in self.embeddings.items():
            assert isinstance(embedding, nn.Embedding)
            parts.append(embed(embedding, notes[f"previous_{name}"]))
        parts += [notes[f"previous_{name}_norm"].unsqueeze(-1) for name in self.values]
        return torch.cat(parts, -1)

    def _predict(self, hidden: Tensor) -> Predictions:
        found: Predictions = {k: Categorical(head(hidden)) for k, head in self.heads.items()}
        return found | (self.continuous(hidden) if self.values else {})

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the event before of each of its fields, and `length`."""
        x = self._embed(batch)
        packed = pack_padded_sequence(
            x, batch["length"].cpu(), batch_first=True, enforce_sorted=False
        )
        out, _ = self.rnn(packed)
        hidden, _ = pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
        return self._predict(hidden)

    def begin(self, batch: Batch) -> State:
        """See `Model.begin`."""
        return {"hidden": None}

    def step(self, previous: Batch, state: State) -> tuple[Predictions, State]:
        """See `Model.step`."""
        out, hidden = self.rnn(self._embed(previous)[:, None], state["hidden"])
        return self._predict(out[:, 0]), {"hidden": hidden}
