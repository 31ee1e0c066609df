"""`lstm_fields`: offset, duration, pitch and instrument, each through an LSTM of its own first."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, State, embed
from tonerow.models.heads import TimeHead
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Fields

FIELDS = ("offset", "duration", "pitch", "instrument")
TIMES = ("offset", "duration")


class LstmFields(Model):
    """Four fields of the notes before predict those of the next.

    Each field's id -> its own embedding -> its own LSTM; the four outputs, joined -> dropout -> a
    large LSTM -> four Linear heads, four cross-entropies.

    Args:
        fields: the vocabularies.
        embedding: size of each embedding.
        field_size: units of each field's own LSTM.
        hidden_size: units of the large LSTM.
        dropout: share of the joined outputs, and of the large LSTM's, dropped in training.
        time_head: what offset and duration are predicted as: "classify" (the write-up), "regress"
            (the normalised value) or "poisson" (the number of grid ticks).
        density: of a regressed value, see `ContinuousHead`.
        components: of the mixture.
    """

    view = "events"
    fields = FIELDS
    conditions_on = "nothing but the notes before"

    def __init__(
        self,
        fields: Fields,
        embedding: int,
        field_size: int,
        hidden_size: int,
        dropout: float,
        time_head: str,
        density: str,
        components: int,
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(fields[name].size, embedding) for name in FIELDS}
        )
        self.lstms = nn.ModuleDict(
            {name: nn.LSTM(embedding, field_size, batch_first=True) for name in FIELDS}
        )
        self.drop = nn.Dropout(dropout)
        self.join = nn.LSTM(field_size * len(FIELDS), hidden_size, batch_first=True)
        self.times = nn.ModuleDict(
            {
                name: TimeHead(hidden_size, name, fields[name], time_head, density, components)
                for name in TIMES
            }
        )
        self.pitch = nn.Linear(hidden_size, fields["pitch"].size)
        self.instrument = nn.Linear(hidden_size, fields["instrument"].size)

    def _run(self, notes: Batch, state: State) -> tuple[Predictions, State]:
        outputs: list[Tensor] = []
        after: State = {}
        for name, lstm in self.lstms.items():
            embedding = self.embeddings[name]
            assert isinstance(embedding, nn.Embedding)
            out, after[name] = lstm(embed(embedding, notes[f"previous_{name}"]), state.get(name))
            outputs.append(out)
        joined, after["join"] = self.join(self.drop(torch.cat(outputs, -1)), state.get("join"))
        hidden = self.drop(joined)
        times = {name: head(hidden) for name, head in self.times.items()}
        pitch, instrument = Categorical(self.pitch(hidden)), Categorical(self.instrument(hidden))
        return {**times, "pitch": pitch, "instrument": instrument}, after

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the ids of the four fields of the note before."""
        return self._run(batch, {})[0]

    def begin(self, batch: Batch) -> State:
        """See `Model.begin`."""
        return {}

    def step(self, previous: Batch, state: State) -> tuple[Predictions, State]:
        """See `Model.step`."""
        notes = {key: value[:, None] for key, value in previous.items()}
        predictions, state = self._run(notes, state)
        return {k: p.at((slice(None), 0)) for k, p in predictions.items()}, state
