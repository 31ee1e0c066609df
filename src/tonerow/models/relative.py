"""Pitches as seen from other pitches: from the one before, and from the tonic that is heard."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import START, embed
from tonerow.models.layers import interval

CLASSES = 12
"""Of pitches, an octave apart."""
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
"""How well each degree fits a major key (Krumhansl and Kessler, 1982)."""
SHARPNESS = 4.0


@dataclass(frozen=True)
class Pitches:
    """What has been heard of lines.

    Attributes:
        last: int64 (B,), the pitch before the note predicted last; `START` if there is none.
        counts: (B, 12), how often each pitch class has come.
    """

    last: Tensor
    counts: Tensor


class Relative(nn.Module):
    """Tells a decoder intervals and degrees, and lets it answer in them.

    The tonic is heard as in Krumhansl and Schmuckler's key finding: the pitch classes so far are
    compared with a profile, once from each class. The profile is learned, and begins as Krumhansl
    and Kessler's of major; what comes out is a distribution over twelve tonics.

    Args:
        hidden_size: H, size of the decoder's output.
        n_pitches: V.
        size: of the embeddings of the interval before and of the degree of the pitch before.
    """

    def __init__(self, hidden_size: int, n_pitches: int, size: int) -> None:
        super().__init__()
        self.n_pitches = n_pitches
        self.intervals = nn.Embedding(2 * n_pitches, size)
        self.degrees = nn.Linear(CLASSES, size, bias=False)
        self.profile = nn.Parameter(torch.tensor(MAJOR) - sum(MAJOR) / CLASSES)
        self.by_interval = nn.Linear(hidden_size, 2 * n_pitches)
        self.by_degree = nn.Linear(hidden_size, CLASSES)
        self.size = 2 * size + 3 * CLASSES
        """Of what is told."""

    def begin(self, length: Tensor) -> Pitches:
        """Before the first note of lines; length (B,)."""
        counts = self.profile.new_zeros(len(length), CLASSES)
        return Pitches(torch.full_like(length, START), counts)

    def told(self, before: Tensor, heard: Pitches) -> tuple[Tensor, Tensor, Pitches]:
        """What is told of n notes, from the pitches before each.

        Args:
            before: int64 (B, n).
            heard: of the notes before these.

        Returns:
            Inputs (B, n, self.size): the interval before, the degree of the pitch before, and the
            shares of the pitch classes from C, from the pitch before and from the tonic; how likely
            each tonic is, (B, n, 12); and what has been heard then.
        """
        earlier = torch.cat([heard.last[:, None], before[:, :-1]], 1)  # (B, n)
        pitch = before.clamp(min=0)[..., None]  # (B, n, 1)
        known = (before != START)[..., None]
        one = F.one_hot(pitch.squeeze(-1) % CLASSES, CLASSES) * known  # (B, n, 12)
        counts = heard.counts[:, None] + one.cumsum(1)
        shares = counts / counts.sum(-1, keepdim=True).clamp(min=1)
        tonic = (SHARPNESS * shares @ rolled(self.profile)).softmax(-1)
        at = torch.arange(CLASSES, device=before.device)
        degree = tonic.gather(-1, (pitch - at) % CLASSES) * known
        loud = CLASSES**0.5 * shares  # of unit norm where all classes are alike
        from_pitch = loud.gather(-1, (pitch + at) % CLASSES)
        from_tonic = (loud[..., None, :] @ rolled(tonic)).squeeze(-2)
        came_by = interval(earlier, before, START - self.n_pitches) + self.n_pitches
        told = [embed(self.intervals, came_by), self.degrees(degree), loud, from_pitch, from_tonic]
        return torch.cat(told, -1), tonic, Pitches(before[:, -1], counts[:, -1])

    def forward(self, out: Tensor, before: Tensor, tonic: Tensor) -> Tensor:
        """Logits of pitches: of the interval from the pitch before, and of the degree.

        Args:
            out: (B, n, H), the decoder's outputs.
            before: int64 (B, n).
            tonic: (B, n, 12), as `told` returned it.

        Returns:
            (B, n, V).
        """
        pitches = torch.arange(self.n_pitches, device=before.device)
        intervals = pitches + self.n_pitches - before.clamp(min=0)[..., None]  # (B, n, V)
        by_interval = self.by_interval(out).gather(-1, intervals) * (before != START)[..., None]
        by_class = (rolled(self.by_degree(out)) @ tonic[..., None]).squeeze(-1)  # (B, n, 12)
        octaves = -(-self.n_pitches // CLASSES)
        logits: Tensor = by_interval + by_class.repeat(1, 1, octaves)[..., : self.n_pitches]
        return logits


def rolled(values: Tensor) -> Tensor:
    """Of values (..., 12) by pitch class the matrix (..., 12, 12) whose column k is turned k up."""
    if torch.is_grad_enabled():  # the gradient of the other is slower
        return torch.stack([values.roll(k, -1) for k in range(CLASSES)], -1)
    at = torch.arange(CLASSES, device=values.device)
    return values[..., (at[:, None] - at) % CLASSES]
