"""`lstm_char`: the characters of ABC notation, one after the other."""

from __future__ import annotations

from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies


class LstmChar(Model):
    """Embedding -> LSTM -> Linear to the characters.

    As written up: embedding 256, LSTM 1024, windows of 100 characters, Adam 5e-3.

    Args:
        vocabularies: of the tokens.
        embedding: size of the embedding.
        hidden_size: units of the LSTM.
        layers: LSTM layers.
        dropout: share of the LSTM's outputs dropped in training.
    """

    view = "chars"
    conditions_on = Sees.CHARACTERS_BEFORE

    def __init__(
        self,
        vocabularies: Vocabularies,
        embedding: int,
        hidden_size: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__(vocabularies, predicts=("char",))
        size = vocabularies["char"].size
        self.embedding = nn.Embedding(size, embedding)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(embedding, hidden_size, layers, dropout=between, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, size)

    def _run(
        self, before: Tensor, hidden: tuple[Tensor, Tensor] | None
    ) -> tuple[Predictions, tuple[Tensor, Tensor]]:
        x = embed(self.embedding, before)  # (B, L) -> (B, L, E)
        out, hidden = self.lstm(x, hidden)  # (B, L, H)
        return {"char": Categorical(self.head(self.drop(out)))}, hidden  # (B, L, V)

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the `char` before."""
        return self._run(batch.before["char"], None)[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        return {"hidden": None}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `char` (B,)."""
        predictions, hidden = self._run(before["char"][:, None], state["hidden"])
        return at_note(predictions, 0), {"hidden": hidden}
