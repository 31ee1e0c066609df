"""`lstm_full`: a BiLSTM reads the line's whole rhythm; the decoder attends to all of its outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.context import Context
from tonerow.models.layers import Dropout, RhythmEncoder
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies


class LstmFull(Model):
    """Encoder-decoder with full additive attention: rhythm in, pitches out.

    Encoder: Linear 2 -> H/2, BiLSTM H/2, whose outputs are the keys k_1..k_L (H). Decoder at t, with
    the hidden state q of the step before (zero before the first) as query:
    score_i = Linear_1(LeakyReLU(Linear_H([q; k_i]))), softmax over i, attended = weighted sum of k;
    [embedding of the pitch before (E); attended] -> Linear H, ReLU, dropout -> LSTM H -> Linear ->
    128 pitch logits. With E = 32 and H = 1024: 15,917,697 parameters.

    Beyond the write-up, as options: an encoder of another size, with keys and scores as wide as its
    two ways together in place of H; dropout after the decoder; and what a `Context` tells it.

    The additive score is that of Bahdanau, Cho and Bengio (2015), with LeakyReLU in place of tanh.

    Args:
        vocabularies: of the tokens; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, even: units of the decoder.
        dropout: share of decoder inputs dropped in training.
        encoder_size: units of the encoder, each way; 0: H/2, as written up.
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
        width = 2 * encoder_size or hidden_size  # K, of the keys
        self.encoder = RhythmEncoder(width // 2)
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.pitch_dropout = pitch_dropout
        self.align = nn.Linear(hidden_size + width, width)
        self.score = nn.Linear(width, 1)
        self.context = Context(hidden_size, n_pitches, whole_rhythm=True, **context)
        inputs = pitch_embedding + self.context.size + width
        self.mix = nn.Sequential(nn.Linear(inputs, hidden_size), nn.ReLU(), Dropout(dropout))
        self.decoder = nn.LSTMCell(hidden_size, hidden_size)
        self.drop = Dropout(output_dropout)
        self.head = nn.Linear(hidden_size, n_pitches)

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads what is given of the rhythm and the `pitch` before."""
        return self._decode(batch.before["pitch"], self.begin(batch.given, batch.length))[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`; reads all that is given of the rhythm."""
        keys, _ = self.encoder(given["rhythm"], length)  # (B, L, K)
        size = self.decoder.hidden_size
        at = torch.arange(keys.shape[1], device=keys.device)
        zero = keys.new_zeros(len(keys), size)  # (B, H)
        return {
            "keys": keys,
            # the halves of Linear([q; k]): the keys' half is the same at every step
            "aligned": F.linear(keys, self.align.weight[:, size:], self.align.bias),  # (B, L, K)
            "to_query": self.align.weight[:, :size],  # once: each slice costs a gradient of its own
            "padding": at >= length[:, None],  # (B, L)
            "hidden": (zero, zero),
            "heard": self.context.begin(given, length),
        }

    def _decode(self, before: Tensor, state: State) -> tuple[Predictions, State]:
        """Decodes the next n notes, from the pitches before each, (B, n)."""
        told, heard = self.context.told(before, state["heard"])
        inputs = torch.cat(
            [embed(self.embedding, before, self.pitch_dropout), told], -1
        )  # (B, n, E + told)
        outputs, state = [], {**state}
        for t in range(before.shape[1]):
            state["hidden"] = self._advance(inputs[:, t], state)
            outputs.append(state["hidden"][0])  # (B, H)
        out = self.drop(torch.stack(outputs, 1))  # (B, n, H)
        logits, heard = self.context.mix(self.head(out), out, before, heard)  # (B, n, 128)
        return {"pitch": Categorical(logits)}, {**state, "heard": heard}

    def _advance(self, inputs: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """One decoder step from inputs (B, E + told): the next (hidden, cell), each (B, H)."""
        query = F.linear(state["hidden"][0], state["to_query"])  # (B, K)
        # in place: (B, L, K) is by far the largest tensor
        heard = F.leaky_relu(state["aligned"] + query[:, None], inplace=True)
        energy = self.score(heard).squeeze(-1)  # (B, L)
        weights = energy.masked_fill(state["padding"], float("-inf")).softmax(-1)  # (B, L)
        attended = torch.bmm(weights[:, None], state["keys"]).squeeze(1)  # (B,1,L)x(B,L,K) -> (B,K)
        x = self.mix(torch.cat([inputs, attended], -1))  # (B, E + told + K) -> (B, H)
        hidden, cell = self.decoder(x, state["hidden"])
        return hidden, cell

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `pitch` (B,)."""
        predictions, state = self._decode(before["pitch"][:, None], state)
        return at_note(predictions, 0), state
