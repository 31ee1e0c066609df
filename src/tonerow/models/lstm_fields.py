"""`lstm_fields`: offset, duration, pitch and instrument, each through an LSTM of its own first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.event_context import TIMES, EventContext
from tonerow.models.heads import TimeHead
from tonerow.models.layers import Dropout, advance
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies

FIELDS = ("offset", "duration", "pitch", "instrument")


class LstmFields(Model):
    """Four fields of the notes before predict those of the next.

    Each field's id -> its own embedding -> its own LSTM; the four outputs, joined -> dropout -> a
    large LSTM -> four Linear heads, four cross-entropies.

    Beyond the write-up, as an option: what an `EventContext` tells the large LSTM.

    Args:
        vocabularies: of the tokens.
        embedding: size of each embedding.
        field_size: units of each field's own LSTM.
        hidden_size: units of the large LSTM.
        dropout: share of the joined outputs, and of the large LSTM's, dropped in training.
        time_head: what offset and duration are predicted as: "classify" (the write-up), "regress"
            (the normalised value) or "poisson" (the number of grid ticks).
        density: of a regressed value, see `ContinuousHead`.
        components: of the mixture.
        loss_weights: see `Model`.
        context: options of `EventContext`; all 0 as written up. Times are copied where they are
            trained by likelihood.
    """

    view = "events"
    conditions_on = Sees.NOTES_BEFORE

    def __init__(
        self,
        vocabularies: Vocabularies,
        embedding: int,
        field_size: int,
        hidden_size: int,
        dropout: float,
        time_head: str,
        density: str,
        components: int,
        loss_weights: Mapping[str, float] | None = None,
        **context: Any,
    ) -> None:
        super().__init__(vocabularies, predicts=FIELDS, loss_weights=loss_weights)
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(vocabularies[name].size, embedding) for name in FIELDS}
        )
        self.lstms = nn.ModuleDict(
            {name: nn.LSTM(embedding, field_size, batch_first=True) for name in FIELDS}
        )
        self.drop = Dropout(dropout)
        likelihood = time_head == "classify" or (
            time_head == "regress" and density != "squared_error"
        )
        copied = TIMES if likelihood else ()
        self.context = EventContext(hidden_size, vocabularies, FIELDS, copied, **context)
        width = field_size * len(FIELDS) + self.context.size
        self.join = nn.LSTM(width, hidden_size, batch_first=True)
        self.times = nn.ModuleDict(
            {
                name: TimeHead(
                    hidden_size, name, vocabularies[name], time_head, density, components
                )
                for name in TIMES
            }
        )
        self.pitch = nn.Linear(hidden_size, vocabularies["pitch"].size)
        self.instrument = nn.Linear(hidden_size, vocabularies["instrument"].size)

    def _run(self, before: Notes, state: State) -> tuple[Predictions, State]:
        told, heard = self.context.told(before, state["heard"])
        outputs: list[Tensor] = []
        after: State = {}
        for name, lstm in self.lstms.items():
            embedding = self.embeddings[name]
            assert isinstance(embedding, nn.Embedding) and isinstance(lstm, nn.LSTM)
            x = embed(embedding, before[name])  # (B, L) -> (B, L, E)
            out, after[name] = advance(lstm, x, state.get(name))  # (B, L, field_size)
            outputs.append(out)
        x = torch.cat([self.drop(torch.cat(outputs, -1)), told], -1)  # (B, L, 4 field_size + told)
        joined, after["join"] = advance(self.join, x, state.get("join"))  # (B, L, H)
        hidden = self.drop(joined)
        times = {name: head(hidden) for name, head in self.times.items()}
        pitch, instrument = Categorical(self.pitch(hidden)), Categorical(self.instrument(hidden))
        own = {**times, "pitch": pitch, "instrument": instrument}
        mixed, after["heard"] = self.context.mix_all(own, hidden, before["pitch"], heard)
        return mixed, after

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the ids of the four fields of the note before."""
        return self._run(batch.before, self.begin({}, batch.length))[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        return {"heard": self.context.begin(length)}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`."""
        predictions, state = self._run({k: ids[:, None] for k, ids in before.items()}, state)
        return at_note(predictions, 0), state
