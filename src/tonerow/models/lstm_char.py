"""`lstm_char`: the characters of ABC notation, one after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.copying import rising_with
from tonerow.models.field_copying import FieldCopy
from tonerow.models.layers import Dropout, advance
from tonerow.models.pairs import matched_back, matched_next
from tonerow.models.predictions import Categorical, Prediction, Predictions, at_note
from tonerow.models.vocabulary import Vocabularies


class LstmChar(Model):
    """Embedding -> LSTM -> Linear to the characters.

    As written up: embedding 256, LSTM 1024, windows of 100 characters, Adam 5e-3.

    Beyond the write-up, as an option: it copies from earlier in the tune, by how many characters
    before two places agree; what the matches alone would copy joins the LSTM's input.

    Args:
        vocabularies: of the tokens.
        embedding: size of the embedding.
        hidden_size: units of the LSTM.
        layers: LSTM layers.
        dropout: share of the LSTM's outputs dropped in training.
        copy_matches: longest match that the copying is told; 0: it does not copy, as written up.
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
        copy_matches: int = 0,
    ) -> None:
        super().__init__(vocabularies, predicts=("char",))
        size = vocabularies["char"].size
        self.embedding = nn.Embedding(size, embedding)
        self.copy_matches = copy_matches
        self.copy = (
            FieldCopy(hidden_size, size, rising_with(copy_matches)) if copy_matches else None
        )
        inputs = embedding + (size + 1 if self.copy else 0)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(inputs, hidden_size, layers, dropout=between, batch_first=True)
        self.drop = Dropout(dropout)
        self.head = nn.Linear(hidden_size, size)

    def _run(self, before: Tensor, state: State) -> tuple[Predictions, State]:
        x = embed(self.embedding, before)  # (B, n) -> (B, n, E)
        came, run, n = state["came"], state["run"], before.shape[1]
        if self.copy is not None:
            came = torch.cat([came, before], 1)  # (B, T)
            if n == 1 and came.shape[1] > 1:
                matched = matched_next(came, run, self.copy_matches)
            else:
                matched = matched_back(came, n, self.copy_matches)
            index, run = [matched.int()], matched[:, -1]
            x = torch.cat([x, self.copy.guess(came, index)], -1)
        out, hidden = advance(self.lstm, x, state["hidden"])  # (B, n, H)
        out = self.drop(out)
        predicted: Prediction = Categorical(self.head(out))  # (B, n, V)
        if self.copy is not None:
            predicted = self.copy(predicted, out, came, index)
        return {"char": predicted}, {"hidden": hidden, "came": came, "run": run}

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads the `char` before."""
        return self._run(batch.before["char"], self.begin({}, batch.length))[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`."""
        none = length.new_empty(len(length), 0)
        return {"hidden": None, "came": none, "run": none.to(torch.uint8)}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        """See `Model.step`; reads `char` (B,)."""
        predictions, state = self._run(before["char"][:, None], state)
        return at_note(predictions, 0), state
