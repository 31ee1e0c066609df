"""`lstm_local`: a BiLSTM reads the line's whole rhythm; the decoder sees its output at its own note."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.layers import CopyHead, RhythmEncoder
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies


class LstmLocal(Model):
    """Encoder-decoder with local attention: rhythm in, pitches out.

    Encoder: Linear 2 -> H, BiLSTM H. Decoder at t: [embedding of the pitch before (E); encoder
    output at t (2H)] -> Linear H, ReLU, dropout -> LSTM H, started from the encoder's final forward
    state -> Linear -> 128 pitch logits. With E = H = 512: 7,223,424 parameters.

    Beyond the write-up, as options: an encoder of another size, whose final state a Linear then fits
    to the decoder, and a `CopyHead`, which lets the model take up what the piece has played before.

    Args:
        vocabularies: of the tokens; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, units of the decoder.
        dropout: share of decoder inputs dropped in training.
        encoder_size: units of the encoder, each way; 0: H, as written up.
        copy_size: size of the copy head's queries and keys; 0: no copy head, as written up.
    """

    view = "melody"
    conditions_on = Sees.WHOLE_RHYTHM

    def __init__(
        self,
        vocabularies: Vocabularies,
        pitch_embedding: int,
        hidden_size: int,
        dropout: float,
        encoder_size: int = 0,
        copy_size: int = 0,
    ) -> None:
        super().__init__(vocabularies, predicts=("pitch",))
        n_pitches = vocabularies["pitch"].size
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
        """See `Model.forward`; reads the given `rhythm` and the `pitch` before."""
        return self._decode(batch.before["pitch"], self.begin(batch.given, batch.length))[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`; reads `rhythm` (B, L, 2)."""
        encoded, final = self.encoder(given["rhythm"], length)  # (B, L, 2 encoder_size)
        hidden, cell = self.fit(torch.cat(final, -1)).chunk(2, -1)
        hidden = (hidden.contiguous()[None], cell.contiguous()[None])
        return {"encoded": encoded, "t": 0, "hidden": hidden, "memory": None}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `pitch` (B,)."""
        predictions, state = self._decode(before["pitch"][:, None], state)
        return at_note(predictions, 0), state

    def _decode(self, before: Tensor, state: State) -> tuple[Predictions, State]:
        """Decodes the next n notes, from the pitches before each, (B, n)."""
        until = state["t"] + before.shape[1]
        encoded, memory = state["encoded"][:, state["t"] : until], state["memory"]
        x = self.mix(torch.cat([embed(self.embedding, before), encoded], -1))  # (B, n, H)
        out, hidden = self.decoder(x, state["hidden"])  # (B, n, H)
        logits = self.head(out)  # (B, n, 128)
        if self.copy is not None:
            logits, memory = self.copy(logits, out, before, memory)
        state = {**state, "t": until, "hidden": hidden, "memory": memory}
        return {"pitch": Categorical(logits)}, state
