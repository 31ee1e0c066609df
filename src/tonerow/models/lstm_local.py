"""`lstm_local`: a BiLSTM reads the line's whole rhythm; the decoder sees its output at its own note."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.context import Context
from tonerow.models.layers import Dropout, RhythmEncoder, advance
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies


class LstmLocal(Model):
    """Encoder-decoder with local attention: rhythm in, pitches out.

    Encoder: Linear 2 -> H, BiLSTM H. Decoder at t: [embedding of the pitch before (E); encoder
    output at t (2H)] -> Linear H, ReLU, dropout -> LSTM H, started from the encoder's final forward
    state -> Linear -> 128 pitch logits. With E = H = 512: 7,223,424 parameters.

    Beyond the write-up, as options: an encoder of another size, whose final state a Linear then fits
    to the decoder; dropout after the decoder; and what a `Context` tells it.

    Args:
        vocabularies: of the tokens; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, units of the decoder.
        dropout: share of decoder inputs dropped in training.
        encoder_size: units of the encoder, each way; 0: H, as written up.
        output_dropout: share of decoder outputs dropped in training; 0 as written up.
        pitch_dropout: share of the pitches before that are hidden from the embedding in training; 0
            as written up.
        context: options of `Context`; all 0 as written up.
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
        output_dropout: float = 0.0,
        pitch_dropout: float = 0.0,
        **context: Any,
    ) -> None:
        super().__init__(vocabularies, predicts=("pitch",))
        n_pitches = vocabularies["pitch"].size
        encoder_size = encoder_size or hidden_size
        self.encoder = RhythmEncoder(encoder_size)
        same = encoder_size == hidden_size
        self.fit = nn.Identity() if same else nn.Linear(2 * encoder_size, 2 * hidden_size)
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.pitch_dropout = pitch_dropout
        self.context = Context(hidden_size, n_pitches, whole_rhythm=True, **context)
        inputs = pitch_embedding + 2 * encoder_size + self.context.size
        self.mix = nn.Sequential(nn.Linear(inputs, hidden_size), nn.ReLU(), Dropout(dropout))
        self.decoder = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.drop = Dropout(output_dropout)
        self.head = nn.Linear(hidden_size, n_pitches)

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads what is given of the rhythm and the `pitch` before."""
        return self._decode(batch.before["pitch"], self.begin(batch.given, batch.length))[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`; reads all that is given of the rhythm."""
        encoded, final = self.encoder(given["rhythm"], length)  # (B, L, 2 encoder_size)
        hidden, cell = self.fit(torch.cat(final, -1)).chunk(2, -1)
        hidden = (hidden.contiguous()[None], cell.contiguous()[None])
        return {"encoded": encoded, "hidden": hidden, "heard": self.context.begin(given, length)}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `pitch` (B,)."""
        predictions, state = self._decode(before["pitch"][:, None], state)
        return at_note(predictions, 0), state

    def _decode(self, before: Tensor, state: State) -> tuple[Predictions, State]:
        """Decodes the next n notes, from the pitches before each, (B, n)."""
        told, heard = self.context.told(before, state["heard"])
        encoded = state["encoded"][:, heard.t - before.shape[1] : heard.t]
        x = self.mix(
            torch.cat([embed(self.embedding, before, self.pitch_dropout), encoded, told], -1)
        )  # (B, n, H)
        out, hidden = advance(self.decoder, x, state["hidden"])  # (B, n, H)
        out = self.drop(out)
        logits, heard = self.context.mix(self.head(out), out, before, heard)  # (B, n, 128)
        return {"pitch": Categorical(logits)}, {**state, "hidden": hidden, "heard": heard}
