"""Copying any field from earlier in the piece: a time, or a character."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tonerow.models.copying import LEAST, Came
from tonerow.models.layers import zeroed
from tonerow.models.pairs import lookup, not_yet
from tonerow.models.predictions import Copied, Prediction


class FieldCopy(nn.Module):
    """Lets a head repeat what a field was earlier, by what speaks for each place.

    At t every earlier place s is scored by tables of learned numbers, each scaled by 1 + a linear map
    of the decoder's output. One softmax shares out the probability among a sentinel, which stands for
    the head's own distribution, and all s, each for the field's id that came there.

    Args:
        hidden_size: H, size of the decoder's output.
        size: V, ids of the field.
        tables: each (m,), before training.
    """

    def __init__(self, hidden_size: int, size: int, *tables: Tensor) -> None:
        super().__init__()
        self.size = size
        self.tables = nn.ParameterList([table.clone() for table in tables])
        self.gain = zeroed(nn.Linear(hidden_size, len(tables)))
        self.sentinel = zeroed(nn.Linear(hidden_size, 1))

    def guess(self, came: Tensor, index: Sequence[Tensor]) -> Tensor:
        """What the tables alone would copy: (B, n, V + 1), the sentinel's share last.

        Args:
            came: int64 (B, T), the id before each place.
            index: of each table, int (B, n, T), for the last n places and all T.
        """
        scores = torch.stack([lookup(*pair) for pair in zip(self.tables, index, strict=True)])
        sentinel, copied = self._shared_out(
            torch.zeros_like(scores[0, ..., :1]), scores.sum(0), came
        )
        return torch.cat([copied, sentinel.exp()], -1)

    def forward(
        self, own: Prediction, out: Tensor, came: Tensor, index: Sequence[Tensor]
    ) -> Copied:
        """Mixes copying into the predictions of n places.

        Args:
            own: (B, n), the head's.
            out: (B, n, H), the decoder's outputs.
            came: int64 (B, T), the id before each place.
            index: of each table, int (B, n, T), for the last n places and all T.
        """
        gain = (1 + self.gain(out))[..., None].unbind(-2)  # of each table (B, n, 1)
        scores = torch.zeros_like(index[0], dtype=out.dtype)
        for table, at, factor in zip(self.tables, index, gain, strict=True):
            scores = torch.addcmul(scores, factor, lookup(table, at))
        kept, copied = self._shared_out(self.sentinel(out), scores, came)
        return Copied(own, kept.squeeze(-1), copied.clamp(min=LEAST).log())

    def _shared_out(self, sentinel: Tensor, scores: Tensor, came: Tensor) -> tuple[Tensor, Tensor]:
        """One softmax over (B, n, 1) and (B, n, T): the sentinel's log-share, and shares by id."""
        scores = scores.masked_fill(not_yet(came, scores.shape[1]), float("-inf"))
        shares = torch.cat([sentinel, scores], -1).log_softmax(-1)
        which = Came.of(came.roll(-1, 1).clamp(min=0), self.size, scores.shape[1])
        return shares[..., :1], which.added_up(shares[..., 1:].exp())
