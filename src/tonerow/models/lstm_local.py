"""`lstm_local`: a BiLSTM reads the line's whole rhythm; the decoder sees its output at its own note."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import (
    Batch,
    CopyHead,
    Model,
    RhythmEncoder,
    State,
    embed,
)
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Fields


class LstmLocal(Model):
    """Encoder-decoder with local attention: rhythm in, pitches out.

    Encoder: Linear 2 -> H, BiLSTM H. Decoder at t: [embedding of the pitch before (E); encoder
    output at t (2H)] -> Linear H, ReLU, dropout -> LSTM H, started from the encoder's final forward
    state -> Linear -> 128 pitch logits. With E = H = 512: 7,223,424 parameters.

    Beyond the write-up, as options: an encoder of another size, whose final state a Linear then fits
    to the decoder, and a `CopyHead`, which lets the model take up what the piece has played before.

    Args:
        fields: the vocabularies; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, units of the decoder.
        dropout: share of decoder inputs dropped in training.
        encoder_size: units of the encoder, each way; 0: H, as written up.
        copy_size: size of the copy head's queries and keys; 0: no copy head, as written up.
    """

    view = "melody"
    fields = ("pitch",)
    conditions_on = "the rhythm of the whole line"

    def __init__(
        self,
        fields: Fields,
        pitch_embedding: int,
        hidden_size: int,
        dropout: float,
        encoder_size: int = 0,
        copy_size: int = 0,
    ) -> None:
        super().__init__()
        n_pitches = fields["pitch"].size
        encoder_size = encoder_size or hidden_size
        self.encoder = RhythmEncoder(encoder_size)
        same = encoder_size == hidden_size
        self.fit = nn.Identity() if same else nn.Linear(2 * encoder_size, 2 * hidden_size)
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.mix = nn.Sequential(
            nn.Linear(pitch_embedding + 2 * encoder_size, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.decoder = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, n_pitches)
        self.copy = CopyHead(hidden_size, copy_size) if copy_size else None

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads `rhythm`, `previous_pitch` and `length`."""
        return self._decode(batch["previous_pitch"], self.begin(batch))[0]

    def begin(self, batch: Batch) -> State:
        """See `Model.begin`; reads `rhythm` (B, L, 2) and `length` (B,)."""
        encoded, final = self.encoder(batch["rhythm"], batch["length"])
        hidden, cell = self.fit(torch.cat(final, -1)).chunk(2, -1)
        hidden = (hidden.contiguous()[None], cell.contiguous()[None])
        return {"encoded": encoded, "t": 0, "hidden": hidden, "memory": None}

    def step(self, previous: Batch, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `previous_pitch` (B,)."""
        predictions, state = self._decode(previous["previous_pitch"][:, None], state)
        return {k: prediction.at((slice(None), 0)) for k, prediction in predictions.items()}, state

    def _decode(self, previous: Tensor, state: State) -> tuple[Predictions, State]:
        """Decodes the next notes, whose previous pitches are (B, n)."""
        until = state["t"] + previous.shape[1]
        encoded, memory = state["encoded"][:, state["t"] : until], state["memory"]
        x = self.mix(torch.cat([embed(self.embedding, previous), encoded], -1))
        out, hidden = self.decoder(x, state["hidden"])
        logits = self.head(out)
        if self.copy is not None:
            logits, memory = self.copy(logits, out, previous, memory)
        return {"pitch": Categorical(logits)}, {
            **state,
            "t": until,
            "hidden": hidden,
            "memory": memory,
        }
