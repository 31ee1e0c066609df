"""`transformer`: attention to all notes before, by what they are and by how far away they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tonerow.models.base import Batch, Model, Notes, Sees, State, embed
from tonerow.models.context import Context
from tonerow.models.layers import Dropout
from tonerow.models.pairs import DISTANCES, DIVISORS, NEAR, distance_class, folded, lookup
from tonerow.models.predictions import Categorical, Predictions, at_note
from tonerow.models.vocabulary import TICKS_PER_BEAT, Vocabularies

FAR = 128
"""Classes of distances in notes: 0, 1, ... and the last for all that are farther."""


class RelativePositions(nn.Module):
    """Scores for attention by how far apart two notes are, in notes and in beats; learned.

    A bias for each distance and head, shared by all layers, as in T5 (Raffel et al., 2020); that
    distances in music are of time as well as of notes is after Huang et al. (2018).

    Args:
        heads: of the attention.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.by_notes = nn.Parameter(torch.zeros(heads, FAR))
        self.by_time = nn.Parameter(torch.zeros(heads, DISTANCES))
        ticks = torch.arange((NEAR // 2 + DIVISORS[-1]) * TICKS_PER_BEAT)  # what `folded` returns
        self.register_buffer("classes", distance_class(ticks), persistent=False)

    classes: Tensor

    def forward(self, onset: Tensor, n: int) -> Tensor:
        """From onsets (B, T) in ticks: (B, heads, n, T), of the last n notes and all; -inf: later."""
        total = onset.shape[1]
        at = torch.arange(total, device=onset.device)
        back = at[total - n :, None] - at  # (n, T)
        notes = back.clamp(0, FAR - 1)
        ticks = folded((onset[:, total - n :, None] - onset[:, None]).clamp(min=0))  # (B, n, T)
        by_notes = torch.stack([lookup(table, notes) for table in self.by_notes])  # (heads, n, T)
        tables = self.by_time[:, self.classes]
        by_time = torch.stack([lookup(table, ticks) for table in tables], 1)  # (B, heads, n, T)
        return (by_notes + by_time).masked_fill(back < 0, float("-inf"))


Past = tuple[Tensor, Tensor]
"""Keys and values of the notes before, (B, heads, T, H / heads) each."""


class Block(nn.Module):
    """One layer: attention, then two Linear with GELU, each on a normed input and added to it.

    Args:
        size: H.
        heads: of the attention.
        dropout: share of what is added that is dropped in training.
    """

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.to_attention, self.to_feed = nn.LayerNorm(size), nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.attended = nn.Sequential(nn.Linear(size, size), Dropout(dropout))
        self.feed = nn.Sequential(
            *(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size)),
            Dropout(dropout),
        )

    def forward(self, x: Tensor, positions: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Adds to n notes (B, n, H) what they find among all T up to them.

        Args:
            x: (B, n, H).
            positions: (B, heads, n, T), see `RelativePositions`.
            past: of the T - n notes before.
        """
        parts = self.query_key_value(self.to_attention(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, n, H / heads) each
        key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        scores = query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5  # (B, heads, n, T)
        found = (scores + positions).softmax(-1) @ value  # (B, heads, n, H / heads)
        x = x + self.attended(found.transpose(1, 2).flatten(2))  # (B, n, H)
        return x + self.feed(self.to_feed(x)), (key, value)


class Transformer(Model):
    """Decoder-only transformer with relative positions: rhythm in, pitches out.

    At t: [rhythm (2); embedding of the pitch before (E); what a `Context` tells] -> Linear H ->
    layers of self-attention (Vaswani et al., 2017; normed first) over all notes up to t -> LayerNorm
    -> Linear -> 128 pitch logits. Where a note stands is told by `RelativePositions` alone.

    It is none of the write-ups' designs. everybody-compose has a transformer too, of an encoder and a
    decoder.

    Args:
        vocabularies: of the tokens; 128 pitches.
        pitch_embedding: E, size of the pitch embedding.
        hidden_size: H, a multiple of heads.
        layers: how many.
        heads: of each layer's attention.
        dropout: share of what each layer adds that is dropped in training.
        pitch_dropout: share of the pitches before that are hidden from the embedding in training.
        context: options of `Context`.
    """

    view = "melody"
    conditions_on = Sees.RHYTHM_SO_FAR

    def __init__(
        self,
        vocabularies: Vocabularies,
        pitch_embedding: int,
        hidden_size: int,
        layers: int,
        heads: int,
        dropout: float,
        pitch_dropout: float = 0.0,
        **context: Any,
    ) -> None:
        super().__init__(vocabularies, predicts=("pitch",))
        n_pitches = vocabularies["pitch"].size
        self.context = Context(hidden_size, n_pitches, whole_rhythm=False, **context)
        self.embedding = nn.Embedding(n_pitches, pitch_embedding)
        self.pitch_dropout = pitch_dropout
        self.mix = nn.Linear(2 + pitch_embedding + self.context.size, hidden_size)
        self.positions = RelativePositions(heads)
        self.blocks = nn.ModuleList([Block(hidden_size, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(hidden_size)
        self.drop = Dropout(dropout)
        self.head = nn.Linear(hidden_size, n_pitches)

    def forward(self, batch: Batch) -> Predictions:
        """See `Model.forward`; reads what is given of the rhythm and the `pitch` before."""
        return self._decode(batch.before["pitch"], self.begin(batch.given, batch.length))[0]

    def begin(self, given: Notes, length: Tensor) -> State:
        """See `Model.begin`; of each note reads the rhythm up to it."""
        heads = self.positions.by_notes.shape[0]
        none = self.mix.weight.new_zeros(len(length), heads, 0, self.norm.bias.numel() // heads)
        return {
            "rhythm": given["rhythm"],
            "onset": given["onset"],
            "past": [(none, none) for _ in self.blocks],
            "heard": self.context.begin(given, length),
        }

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
        x, past = self.drop(self.mix(x)), []  # (B, n, H)
        positions = self.positions(state["onset"][:, : heard.t], before.shape[1])
        for block, own in zip(self.blocks, state["past"], strict=True):
            x, longer = block(x, positions, own)
            past.append(longer)
        out = self.norm(x)  # (B, n, H)
        logits, heard = self.context.mix(self.head(out), out, before, heard)  # (B, n, 128)
        return {"pitch": Categorical(logits)}, {**state, "past": past, "heard": heard}
