"""`rnn_heads`: one RNN over events of any length, and a head for each of their fields."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.heads import ContinuousHead
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies

CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CLASSES = ("pitch", "instrument")


class RnnHeads(Model):
    """Events (pitch, duration, ...) predict the next event, one head a field, one joint loss.

    At t: [embeddings of the classes; normalised values] of the event before -> RNN over packed
    sequences -> Linear to the classes' logits (cross-entropy), Linear to the values (squared error
    in the write-up).

    Args:
        vocabularies: of the tokens.
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
    conditions_on = Sees.NOTES_BEFORE

    def __init__(
        self,
        vocabularies: Vocabularies,
        predicts: Sequence[str],
        cell: str,
        embedding: int,
        hidden_size: int,
        layers: int,
        dropout: float,
        density: str,
        components: int,
    ) -> None:
        super().__init__(vocabularies, predicts)
        self.classes = [name for name in predicts if name in CLASSES]
        self.values = [name for name in predicts if name not in CLASSES]
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(vocabularies[name].size, embedding) for name in self.classes}
        )
        width = embedding * len(self.classes) + len(self.values)
        between = dropout if layers > 1 else 0.0
        self.rnn = CELLS[cell](width, hidden_size, layers, dropout=between, batch_first=True)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden_size, vocabularies[name].size) for name in self.classes}
        )
        if self.values:
            values = {name: vocabularies[name] for name in self.values}
            self.continuous = ContinuousHead(hidden_size, values, density, components)

    def _embed(self, before: Notes) -> Tensor:
        parts = []
        for name, embedding in self.embeddings.items():
            assert isinstance(embedding, nn.Embedding)
            parts.append(embed(embedding, before[name]))
        parts += [before[f"{name}_norm"].unsqueeze(-1) for name in self.values]
        return torch.cat(parts, -1)  # (..., width)

    def _predict(self, hidden: Tensor) -> Predictions:
        classes: Predictions = {k: Categorical(head(hidden)) for k, head in self.heads.items()}
        return classes | (self.continuous(hidden) if self.values else {})

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the fields of the event before."""
        x = self._embed(batch.before)  # (B, L, width)
        packed = pack_padded_sequence(x, batch.length.cpu(), batch_first=True, enforce_sorted=False)
        out, _ = self.rnn(packed)
        hidden, _ = pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])  # (B, L, H)
        return self._predict(hidden)

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        return {"hidden": None}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`."""
        out, hidden = self.rnn(self._embed(before)[:, None], state["hidden"])  # (B, 1, H)
        return at_note(self._predict(out), 0), {"hidden": hidden}
