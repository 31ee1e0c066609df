"""`rnn_vanilla`: a decoder-only tanh RNN that sees the rhythm of the note it is to predict."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies


class RnnVanilla(Model):
    """Decoder-only RNN: rhythm in, pitches out.

    At t: x = [rhythm (2); embedding of the pitch before (E)], then
    LeakyReLU(Linear(x)) + x -> tanh RNN -> Linear -> 128 pitch logits.
    With E = 32, hidden 256 and 2 layers: 244,518 parameters.

    Args:
        vocabularies: of the tokens; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, units of each RNN layer.
        layers: RNN layers.
    """

    view = "melody"
    conditions_on = Sees.RHYTHM_SO_FAR

    def __init__(
        self, vocabularies: Vocabularies, pitch_embedding: int, hidden_size: int, layers: int
    ) -> None:
        super().__init__(vocabularies, predicts=("pitch",))
        n_pitches = vocabularies["pitch"].size
        width = 2 + pitch_embedding
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.mix = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU())
        self.rnn = nn.RNN(width, hidden_size, layers, nonlinearity="tanh", batch_first=True)
        self.head = nn.Linear(hidden_size, n_pitches)

    def _run(
        self, rhythm: Tensor, before: Tensor, hidden: Tensor | None
    ) -> tuple[Predictions, Tensor]:
        x = torch.cat([rhythm, embed(self.embedding, before)], -1)  # (B, L, 2 + E)
        out, hidden = self.rnn(self.mix(x) + x, hidden)  # (B, L, H)
        return {"pitch": Categorical(self.head(out))}, hidden  # (B, L, 128)

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the given `rhythm` (B, L, 2) and the `pitch` before."""
        return self._run(batch.given["rhythm"], batch.before["pitch"], None)[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`; reads `rhythm` (B, L, 2)."""
        return {"rhythm": given["rhythm"], "t": 0, "hidden": None}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `pitch` (B,)."""
        t = state["t"]
        rhythm = state["rhythm"][:, t : t + 1]  # (B, 1, 2)
        predictions, hidden = self._run(rhythm, before["pitch"][:, None], state["hidden"])
        return at_note(predictions, 0), {**state, "t": t + 1, "hidden": hidden}
