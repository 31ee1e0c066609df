"""What is told of two places in a line: how far their surroundings agree, and how far apart they are."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import START
from tonerow.models.layers import interval
from tonerow.models.vocabulary import TICKS_PER_BEAT

NEAR = 160
"""Distances below so many half beats have a class each."""
DIVISORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96)
"""Of 96 beats, which are 32 bars of 3 and 24 of 4: classes of distances farther than that."""
DISTANCES = NEAR + 2 + len(DIVISORS)
"""Classes of distances, see `distance_class`."""
_NEAR_TICKS = NEAR * TICKS_PER_BEAT // 2
_PERIOD = DIVISORS[-1] * TICKS_PER_BEAT


def matches(equal: Tensor, rows: int, longest: int, forwards: bool = False) -> Tensor:
    """How many elements agree, counted from each pair of places on.

    Args:
        equal: bool (B, L, T), whether two elements agree.
        rows: of the first places t, the last so many are wanted, with all T places s.
        longest: more than so many count as this many; below 256.
        forwards: count t, t + 1, ... beside s, s + 1, ...; else t, t - 1, ... beside s, s - 1, ...

    Returns:
        uint8 (B, rows, T), 0 to `longest`; nothing agrees with what lies outside.
    """
    total = equal.shape[2]
    pad = (0, longest, 0, longest) if forwards else (longest, 0, longest, 0)
    equal = F.pad(equal, pad)  # (B, L + longest, T + longest)
    top = equal.shape[1] - rows - (longest if forwards else 0)
    left = 0 if forwards else longest
    alive = equal[:, top : top + rows, left : left + total].clone()
    matched = alive.to(torch.uint8)
    for away in range(1, longest):
        move = away if forwards else -away
        alive &= equal[:, top + move : top + move + rows, left + move : left + move + total]
        matched += alive
    return matched


def matched_back(key: Tensor, n: int, longest: int) -> Tensor:
    """How far a key (B, T) agrees backwards from the last n places and all T, see `matches`."""
    first = max(key.shape[1] - n - longest, 0)
    return matches(key[:, first:, None] == key[:, None], n, longest)


def matched_next(key: Tensor, run: Tensor, longest: int) -> Tensor:
    """What `matched_back` tells of one place more.

    Args:
        key: (B, T), the new place last.
        run: uint8 (B, T - 1), what `matched_back` told of the place before.
        longest: as there.

    Returns:
        uint8 (B, 1, T).
    """
    longer = F.pad(run, (1, 0)).clamp(max=longest - 1) + 1
    return (longer * (key == key[:, -1:]))[:, None]


def distance_class(ticks: Tensor) -> Tensor:
    """A class of a distance in time: its half beats, or if it is far its divisor of 96 beats.

    Args:
        ticks: int64 (...), not negative, `TICKS_PER_BEAT` a beat.

    Returns:
        int64 (...), below `DISTANCES`; `NEAR` off the half beats, `NEAR` + 1 far and off the beats.
    """
    half = TICKS_PER_BEAT // 2
    common = torch.gcd(ticks // TICKS_PER_BEAT, torch.full_like(ticks, DIVISORS[-1]))
    far = NEAR + 2 + torch.searchsorted(torch.tensor(DIVISORS, device=ticks.device), common)
    far = torch.where(ticks % TICKS_PER_BEAT == 0, far, NEAR + 1)
    on_grid = torch.where(ticks < NEAR * half, ticks // half, far)
    return torch.where(ticks % half == 0, on_grid, NEAR)


def not_yet(before: Tensor, n: int) -> Tensor:
    """Of the last n of T places (B, T), which of all have not come yet, their own among them: (n, T)."""
    at = torch.arange(before.shape[1], device=before.device)
    return at >= at[-n:, None]


def distance_classes() -> Tensor:
    """Of each folded distance its class: int64 (`_NEAR_TICKS` + `_PERIOD`,)."""
    return distance_class(torch.arange(_NEAR_TICKS + _PERIOD))


def folded(ticks: Tensor) -> Tensor:
    """Distances (...), all below `_NEAR_TICKS` + `_PERIOD`, of the same classes as `ticks` (...)."""
    far = _NEAR_TICKS + (ticks - _NEAR_TICKS) % _PERIOD
    return torch.where(ticks < _NEAR_TICKS, ticks, far)


def summed_by(index: Tensor, values: Tensor, size: int) -> Tensor:
    """The sum of the values (n,) at each index (n,) below `size`, as a product of two one-hot matrices.

    On a GPU this is repeatable and fast: a weighted count there is not repeatable, and torch's
    repeatable ways to add go through equal indices one by one.
    """
    low = math.isqrt(size - 1) + 1  # index = high * low + the rest
    high = torch.arange(-(-size // low), device=index.device)
    rest = torch.arange(low, device=index.device)
    by_high = (index[:, None] // low == high).to(values.dtype)
    by_rest = (index[:, None] % low == rest) * values[:, None]
    return (by_high.T @ by_rest).flatten()[:size]


class _Lookup(torch.autograd.Function):
    """table[index]; the gradient is a weighted count, three times as fast as the usual one on a CPU."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.size = len(table)
        return table.index_select(0, index.flatten()).view(index.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        if gradient.is_cuda:
            return summed_by(index.flatten(), gradient.flatten(), ctx.size), None
        return torch.bincount(index.flatten(), gradient.flatten(), ctx.size), None


def lookup(table: Tensor, index: Tensor) -> Tensor:
    """The numbers of a table (n,) at int32 or int64 index (...)."""
    numbers: Tensor = _Lookup.apply(table, index)  # type: ignore[no-untyped-call]
    return numbers


def intervals(before: Tensor) -> Tensor:
    """The interval that leads to each pitch (B, T), in semitones; a key of its own for none."""
    earlier = F.pad(before, (1, 0), value=START)[:, :-1]
    return interval(earlier, before, 256 + torch.arange(before.shape[1], device=before.device))
