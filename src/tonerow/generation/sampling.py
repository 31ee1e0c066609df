"""Choosing from logits: temperature, top-k, top-p, min-p, range, repeat decay, beam; pure, batched."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def decay_repeats(logits: Tensor, previous: Tensor, run: Tensor, decay: float) -> Tensor:
    """Makes sounding the same class again less likely, the more so the longer it has gone on.

    Args:
        logits: float (B, V).
        previous: int64 (B,), the class chosen last; negative: none yet.
        run: int64 (B,), how many times in a row it has been chosen.
        decay: 0-1; the odds of `previous` are multiplied by (1 - decay) ** run.

    Returns:
        Logits (B, V).
    """
    if decay == 0:
        return logits
    penalty = run * (math.log1p(-decay) if decay < 1 else -1e9)
    penalty = torch.where(previous >= 0, penalty.to(logits.dtype), torch.zeros_like(logits[:, 0]))
    return logits.scatter_add(-1, previous.clamp(min=0)[:, None], penalty[:, None])


def within(logits: Tensor, lowest: int, highest: int) -> Tensor:
    """Leaves the classes from `lowest` to `highest` possible, both among them.

    Args:
        logits: float (B, V).
        lowest: 0 to V - 1.
        highest: `lowest` or more.

    Returns:
        Logits (B, V), -inf for what is outside.
    """
    if lowest <= 0 and highest >= logits.shape[-1] - 1:
        return logits
    classes = torch.arange(logits.shape[-1], device=logits.device)
    return logits.masked_fill((classes < lowest) | (classes > highest), float("-inf"))


def restrict(
    logits: Tensor, temperature: float, top_k: int, top_p: float, min_p: float = 0.0
) -> Tensor:
    """Sharpens or flattens a distribution and cuts its tail off.

    Args:
        logits: float (B, V).
        temperature: > 0; below 1 sharpens.
        top_k: keep the k most likely classes; 0 keeps all.
        top_p: keep the most likely classes whose probabilities, together, just reach this mass
            (nucleus sampling; Holtzman et al., 2020); 1 keeps all. At least one class stays.
        min_p: keep the classes at least so many times as likely as the likeliest, 0-1 (Nguyen et
            al., 2024); 0 keeps all.

    Returns:
        Logits (B, V), -inf for what is cut off.
    """
    logits = logits / temperature
    if top_p >= 1 and not top_k and min_p <= 0:
        return logits
    ordered, index = logits.sort(dim=-1, descending=True, stable=True)
    own = ordered.softmax(-1)
    cut = (own.cumsum(-1) - own >= top_p) & (top_p < 1)  # rounding would cut a tail off at 1
    if top_k:
        cut[..., top_k:] = True
    if min_p > 0:
        cut |= ordered < ordered[..., :1] + math.log(min_p)
    cut[..., 0] = False
    return logits.scatter(-1, index, ordered.masked_fill_(cut, float("-inf")))


def draw(logits: Tensor, generators: Sequence[np.random.Generator]) -> Tensor:
    """Draws one class (B,) from logits (B, V), each row with a generator of its own."""
    own = logits.double().cpu().numpy()  # (B, V); numpy costs less than torch on small arrays
    reached = np.exp(own - own.max(-1, keepdims=True)).cumsum(-1)
    points = np.array([generator.random() for generator in generators])[:, None] * reached[:, -1:]
    drawn = (reached <= points).sum(-1)  # the first class that reaches beyond
    return torch.from_numpy(np.minimum(drawn, own.shape[-1] - 1)).to(logits.device)


def go_on(scores: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of all that may follow K beginnings, the K likeliest: one step of a beam search.

    Args:
        scores: float (B, K), log-probabilities of the beginnings; -inf: there is none.
        logits: float (B, K, V), log-probabilities of what follows each; -inf: cannot follow.

    Returns:
        Scores (B, K), descending; int64 (B, K), which beginning each goes on from, and the class.
    """
    classes = logits.shape[-1]
    best, at = (scores[..., None] + logits).flatten(1).topk(scores.shape[1])  # (B, K V) -> (B, K)
    return best, at // classes, at % classes
