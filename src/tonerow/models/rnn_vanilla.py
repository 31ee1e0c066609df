"""`rnn_vanilla`: a decoder-only tanh RNN that sees the rhythm of the note it is to predict."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.context import Context
from tonerow.models.layers import advance
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies


class RnnVanilla(Model):
    """Decoder-only RNN: rhythm in, pitches out.

    At t: x = [rhythm (2); embedding of the pitch before (E)], then
    LeakyReLU(Linear(x)) + x -> tanh RNN -> Linear -> 128 pitch logits.
    With E = 32, hidden 256 and 2 layers: 244,518 parameters.

    Beyond the write-up, as an option: what a `Context` tells it joins x.

    Args:
        vocabularies: of the tokens; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, units of each RNN layer.
        layers: RNN layers.
        initial_weights: of Linear layers: "default" (PyTorch's own) or "xavier" (Glorot and Bengio,
            2010, uniform; bias 0), as in the code behind the write-up.
        pitch_dropout: share of the pitches before that are hidden from the embedding in training; 0
            as written up.
        context: options of `Context`; all 0 as written up.
    """

    view = "melody"
    conditions_on = Sees.RHYTHM_SO_FAR

    def __init__(
        self,
        vocabularies: Vocabularies,
        pitch_embedding: int,
        hidden_size: int,
        layers: int,
        initial_weights: str = "default",
        pitch_dropout: float = 0.0,
        **context: Any,
    ) -> None:
        super().__init__(vocabularies, predicts=("pitch",))
        n_pitches = vocabularies["pitch"].size
        self.context = Context(hidden_size, n_pitches, whole_rhythm=False, **context)
        width = 2 + pitch_embedding + self.context.size
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.pitch_dropout = pitch_dropout
        self.mix = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU())
        self.rnn = nn.RNN(width, hidden_size, layers, nonlinearity="tanh", batch_first=True)
        self.head = nn.Linear(hidden_size, n_pitches)
        if initial_weights == "xavier":
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_uniform_(layer.weight)
                    nn.init.zeros_(layer.bias)

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads what is given of the rhythm and the `pitch` before."""
        return self._decode(batch.before["pitch"], self.begin(batch.given, batch.length))[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`; of each note reads the rhythm up to it."""
        heard = self.context.begin(given, length)
        return {"rhythm": given["rhythm"], "hidden": None, "heard": heard}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `pitch` (B,)."""
        predictions, state = self._decode(before["pitch"][:, None], state)
        return at_note(predictions, 0), state

    def _decode(self, before: Tensor, state: State) -> tuple[Predictions, State]:
        """Decodes the next n notes, from the pitches before each, (B, n)."""
        told, heard = self.context.told(before, state["heard"])
        rhythm = state["rhythm"][:, heard.t - before.shape[1] : heard.t]  # (B, n, 2)
        x = torch.cat(
            [rhythm, embed(self.embedding, before, self.pitch_dropout), told], -1
        )  # (B, n, 2 + E + told)
        out, hidden = advance(self.rnn, self.mix(x) + x, state["hidden"])  # (B, n, H)
        logits, heard = self.context.mix(self.head(out), out, before, heard)  # (B, n, 128)
        return {"pitch": Categorical(logits)}, {**state, "hidden": hidden, "heard": heard}
