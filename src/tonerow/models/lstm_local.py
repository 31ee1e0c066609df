"""`lstm_local`: a BiLSTM reads the line's whole rhythm; the decoder sees its output at its own note."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import (
    N_PITCHES,
    Batch,
    Categorical,
    Model,
    Predictions,
    RhythmEncoder,
    State,
    embed_pitch,
)


class LstmLocal(Model):
    """Encoder-decoder with local attention: rhythm in, pitches out.

    Encoder: Linear 2 -> H, BiLSTM H. Decoder at t: [embedding of the pitch before (E); encoder
    output at t (2H)] -> Linear H, ReLU, dropout -> LSTM H, started from the encoder's final forward
    state -> Linear -> 128 pitch logits. With E = H = 512: 7,223,424 parameters.

    Args:
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, units of the encoder (each way) and of the decoder.
        dropout: share of decoder inputs dropped in training.
    """

    view = "melody"
    fields = ("pitch",)
    conditions_on = "the rhythm of the whole line"

    def __init__(self, pitch_embedding: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.encoder = RhythmEncoder(hidden_size)
        self.embedding = nn.Embedding(N_PITCHES, pitch_embedding)
        self.mix = nn.Sequential(
            nn.Linear(pitch_embedding + 2 * hidden_size, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.decoder = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, N_PITCHES)

    def _decode(
        self, encoded: Tensor, previous: Tensor, hidden: tuple[Tensor, Tensor]
    ) -> tuple[Predictions, tuple[Tensor, Tensor]]:
        x = self.mix(torch.cat([embed_pitch(self.embedding, previous), encoded], -1))
        out, hidden = self.decoder(x, hidden)
        return {"pitch": Categorical(self.head(out))}, hidden

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads `rhythm` (B, L, 2), `previous` (B, L) and `length` (B,)."""
        encoded, (hidden, cell) = self.encoder(batch["rhythm"], batch["length"])
        return self._decode(encoded, batch["previous"], (hidden[None], cell[None]))[0]

    def begin(self, batch: Batch) -> State:
        """See `Model.begin`; reads `rhythm` (B, L, 2) and `length` (B,)."""
        encoded, (hidden, cell) = self.encoder(batch["rhythm"], batch["length"])
        return {"encoded": encoded, "t": 0, "hidden": (hidden[None], cell[None])}

    def step(self, previous: Batch, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `pitch` (B,)."""
        encoded = state["encoded"][:, state["t"], None]
        out, hidden = self._decode(encoded, previous["pitch"][:, None], state["hidden"])
        logits = out["pitch"].logits[:, 0]
        return {"pitch": Categorical(logits)}, {**state, "t": state["t"] + 1, "hidden": hidden}
