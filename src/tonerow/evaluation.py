"""Scores: how many nats a model needs for each held-out note, and how often it is right."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tonerow.models.base import Batch, Model, Predictions
from tonerow.windows import Pieces, batches, make_batch, scoring_windows


@dataclass
class Tally:
    """Sums over scored notes, of one field."""

    nats: float = 0.0
    hits: int = 0
    top5: int = 0
    notes: int = 0

    def add(self, nats: Tensor, hits: Tensor, top5: Tensor) -> None:
        """Adds the nats (float) and hits (bool) of scored notes, each of shape (n,)."""
        self.nats += float(nats.double().sum())
        self.hits += int(hits.sum())
        self.top5 += int(top5.sum())
        self.notes += len(nats)

    def scores(self) -> dict[str, float]:
        """`nll` in nats a note, `bits_per_note`, `accuracy` and `top5_accuracy` (0-1)."""
        n = max(self.notes, 1)
        return {
            "nll": self.nats / n,
            "bits_per_note": self.nats / n / math.log(2),
            "accuracy": self.hits / n,
            "top5_accuracy": self.top5 / n,
        }


@dataclass
class Tallies:
    """One `Tally` a predicted field."""

    fields: dict[str, Tally] = field(default_factory=dict)

    def add(self, predictions: Predictions, batch: Batch) -> None:
        """Adds the scored notes of a batch."""
        scored = batch["scored"]
        for name, prediction in predictions.items():
            target = batch[name]
            self.fields.setdefault(name, Tally()).add(
                prediction.nll(target)[scored],
                prediction.hits(target)[scored],
                prediction.hits(target, 5)[scored],
            )


@torch.no_grad()
def evaluate(
    model: Model, pieces: Pieces, window: int, stride: int, max_notes: int = 16384
) -> dict[str, Tally]:
    """Scores every note once, with its context.

    Args:
        model: on the pieces' device; left in evaluation mode.
        pieces: held-out pieces.
        window: notes a model sees at once (`tonerow.windows.scoring_windows`).
        stride: how far the window moves.
        max_notes: notes in a batch; bounds the memory and does not change the result.

    Returns:
        One tally a predicted field.
    """
    model.eval()
    tallies = Tallies()
    windows = scoring_windows(pieces, window, stride)
    for group in batches(windows, max(1, max_notes // window)):
        batch = make_batch(pieces, group)
        tallies.add(model(batch), batch)
    return tallies.fields


def report(model: Model, held_out: dict[str, Pieces], window: int, stride: int) -> dict[str, Any]:
    """Scores by split, as they stand in ``metrics/evaluate.json``.

    Returns:
        {split: {"<field>_nll", "<field>_bits_per_note", "<field>_accuracy",
        "<field>_top5_accuracy", "notes"}}.
    """
    found: dict[str, Any] = {}
    for split, pieces in held_out.items():
        tallies = evaluate(model, pieces, window, stride)
        found[split] = {
            f"{name}_{score}": value
            for name, tally in tallies.items()
            for score, value in tally.scores().items()
        }
        found[split]["notes"] = pieces.n_notes
    return found
