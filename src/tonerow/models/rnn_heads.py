"""`rnn_heads`: one RNN over events of any length, and a head for each of their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.event_context import TIMES, EventContext
from tonerow.models.heads import ContinuousHead
from tonerow.models.layers import Dropout, advance
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies

CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CLASSES = ("pitch", "instrument")


class RnnHeads(Model):
    """Events (pitch, duration, ...) predict the next event, one head a field, one joint loss.

    At t: [embeddings of the classes; normalised values] of the event before -> RNN over packed
    sequences -> Linear to the classes' logits (cross-entropy), Linear to the values (squared error
    in the write-up).

    Beyond the write-up, as options: dropout after the RNN; and what an `EventContext` tells it.

    Args:
        vocabularies: of the tokens.
        predicts: which fields an event has: "pitch" and any of "instrument" (classes), "offset",
            "duration" and "velocity" (values).
        cell: "rnn" (tanh), "lstm" or "gru".
        embedding: size of each class's embedding; 0: its id is read as one number.
        hidden_size: units of each layer.
        layers: RNN layers.
        dropout: between the layers.
        density: of the continuous values, see `ContinuousHead`.
        components: of the mixture.
        loss_weights: see `Model`.
        output_dropout: share of the RNN's outputs dropped in training; 0 as written up.
        context: options of `EventContext`; all 0 as written up. Times are copied unless they are
            trained by squared error.
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
        loss_weights: Mapping[str, float] | None = None,
        output_dropout: float = 0.0,
        **context: Any,
    ) -> None:
        super().__init__(vocabularies, predicts, loss_weights=loss_weights)
        self.classes = [name for name in predicts if name in CLASSES]
        self.values = [name for name in predicts if name not in CLASSES]
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(vocabularies[name].size, embedding) for name in self.classes}
            if embedding
            else {}
        )
        copied = [name for name in TIMES if name in predicts and density != "squared_error"]
        self.context = EventContext(hidden_size, vocabularies, predicts, copied, **context)
        width = max(embedding, 1) * len(self.classes) + len(self.values) + self.context.size
        between = dropout if layers > 1 else 0.0
        self.rnn = CELLS[cell](width, hidden_size, layers, dropout=between, batch_first=True)
        self.drop = Dropout(output_dropout)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden_size, vocabularies[name].size) for name in self.classes}
        )
        if self.values:
            values = {name: vocabularies[name] for name in self.values}
            self.continuous = ContinuousHead(hidden_size, values, density, components)

    def _embed(self, before: Notes) -> Tensor:
        parts = []
        for name in self.classes:
            if name in self.embeddings:
                embedding = self.embeddings[name]
                assert isinstance(embedding, nn.Embedding)
                parts.append(embed(embedding, before[name]))
            else:  # 0 before the first event
                parts.append(before[name].clamp(min=0).float().unsqueeze(-1))
        parts += [before[f"{name}_norm"].unsqueeze(-1) for name in self.values]
        return torch.cat(parts, -1)  # (..., width)

    def _predict(self, hidden: Tensor) -> Predictions:
        classes: Predictions = {k: Categorical(head(hidden)) for k, head in self.heads.items()}
        return classes | (self.continuous(hidden) if self.values else {})

    def _run(self, x: Tensor, length: Tensor) -> Tensor:
        """The RNN over packed rows (B, L, width); where less than half is padding, over whole rows.

        Up to a row's length both are the same, since the RNN reads forwards. On a CPU whole rows are
        two to five times as fast.
        """
        if 2 * int(length.sum()) > x.shape[0] * x.shape[1]:
            out, _ = self.rnn(x)
        else:
            packed = pack_padded_sequence(x, length.cpu(), batch_first=True, enforce_sorted=False)
            out, _ = pad_packed_sequence(self.rnn(packed)[0], True, total_length=x.shape[1])
        rows: Tensor = out
        return rows

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the fields of the event before."""
        told, heard = self.context.told(batch.before, self.context.begin(batch.length))
        x = torch.cat([self._embed(batch.before), told], -1)  # (B, L, width)
        out = self.drop(self._run(x, batch.length))  # (B, L, H)
        return self.context.mix_all(self._predict(out), out, batch.before["pitch"], heard)[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        return {"hidden": None, "heard": self.context.begin(length)}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`."""
        before = {name: values[:, None] for name, values in before.items()}  # (B, 1)
        told, heard = self.context.told(before, state["heard"])
        x = torch.cat([self._embed(before), told], -1)
        out, hidden = advance(self.rnn, x, state["hidden"])  # (B, 1, H)
        mixed, heard = self.context.mix_all(self._predict(out), out, before["pitch"], heard)
        return at_note(mixed, 0), {"hidden": hidden, "heard": heard}
