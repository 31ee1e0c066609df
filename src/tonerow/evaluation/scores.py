"""Scores: how many nats a model needs for each held-out note, and how often it is right."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tonerow.models.base import Batch, Model
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Fields
from tonerow.params import Evaluate
from tonerow.windows import Pieces, Window, batches, make_batch, scoring_windows

ERROR_UNITS = {"offset": "offset_error_beats", "duration": "duration_error_beats"}
"""What the error of a field is called where it has a unit; else ``<field>_error``."""


@dataclass
class Tally:
    """Sums over scored notes, of one field."""

    nats: float = 0.0
    hits: int = 0
    top5: int = 0
    notes: int = 0
    error: float = 0.0
    exact: int = 0

    def add(self, nats: Tensor, hits: Tensor, top5: Tensor) -> None:
        """Adds the nats (float) and hits (bool) of scored notes, each (n,)."""
        self.nats += float(nats.double().sum())
        self.hits += int(hits.sum())
        self.top5 += int(top5.sum())
        self.notes += len(nats)

    def add_errors(self, error: Tensor) -> None:
        """Adds how far the answers' values lie from the true ones, (n,)."""
        self.error += float(error.double().sum())
        self.exact += int((error == 0).sum())

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
    """One `Tally` a predicted field.

    Attributes:
        vocabularies: of the fields; where ids stand for numbers, errors are measured.
        fields: the tallies.
        errors: whether to measure them.
        body_nats: nats of characters after the header, where the notes are characters.
    """

    vocabularies: Fields
    errors: bool = False
    fields: dict[str, Tally] = field(default_factory=dict)
    body_nats: float = 0.0

    def add(self, predictions: Predictions, batch: Batch) -> None:
        """Adds the scored notes of a batch."""
        scored = batch["scored"]
        for name, everywhere in predictions.items():
            prediction, target = everywhere.at((scored,)), batch[name][scored]
            known = Categorical(prediction.log_probabilities())  # once: a density's take time
            nats = known.nll(target)
            tally = self.fields.setdefault(name, Tally())
            tally.add(nats, known.hits(target), known.hits(target, 5))
            if self.errors and self.vocabularies[name].values:
                values = torch.tensor(self.vocabularies[name].values, device=target.device)
                tally.add_errors((values[prediction.best()] - values[target]).abs())
            if "body" in batch:
                self.body_nats += float(nats[batch["body"][scored]].double().sum())

    def nll(self) -> float:
        """Nats a note (or character), summed over the fields."""
        return sum(tally.scores()["nll"] for tally in self.fields.values())

    def report(self, written_notes: int = 0) -> dict[str, float]:
        """All scores by name, as they stand in ``metrics/evaluate.json``.

        Args:
            written_notes: notes of the ABC tunes scored, repeats not played out; 0 otherwise.

        Returns:
            For each field ``<field>_nll``, ``_bits_per_note``, ``_accuracy``, ``_top5_accuracy``
            (of the most likely ids); where its ids stand for numbers, ``_error``, the mean absolute
            error of the model's answer (the most likely class, a density's mean, a Poisson's rate),
            and ``_exact_score``, how often that answer is right; for several fields `nll` and
            `bits_per_note` of the whole note; for characters `bits_per_written_note`: all nats of
            the tunes' bodies over their notes as written. Per character for the field `char`.
        """
        found: dict[str, float] = {}
        for name, tally in self.fields.items():
            found |= {f"{name}_{score}": value for score, value in tally.scores().items()}
            if self.vocabularies[name].values:
                key = ERROR_UNITS.get(name, f"{name}_error")
                found[key] = tally.error / max(tally.notes, 1)
                found[f"{name}_exact_score"] = tally.exact / max(tally.notes, 1)
        if "char" in self.fields:
            found["char_bits"] = found.pop("char_bits_per_note")
            found["bits_per_written_note"] = self.body_nats / max(written_notes, 1) / math.log(2)
        if len(self.fields) > 1:
            found |= {"nll": self.nll(), "bits_per_note": self.nll() / math.log(2)}
        return found


def windows_for(model: Model, pieces: Pieces, settings: Evaluate) -> tuple[list[Window], int]:
    """The windows in which a model's notes are scored, and how long these are at most.

    A model that looks back a fixed number of notes has just these before each.
    """
    if model.reach is not None:
        return scoring_windows(pieces, model.reach, 1), model.reach
    return scoring_windows(pieces, settings.window, settings.stride), settings.window


@torch.no_grad()
def evaluate(model: Model, pieces: Pieces, settings: Evaluate, max_notes: int = 16384) -> Tallies:
    """Scores every note once, with its context.

    Args:
        model: on the pieces' device; left in evaluation mode.
        pieces: held-out pieces.
        settings: window and stride (`tonerow.windows.scoring_windows`).
        max_notes: notes in a batch; bounds the memory and does not change the result.

    Returns:
        The sums of each predicted field.
    """
    model.eval()
    tallies = Tallies(model.vocabularies, errors=True)
    windows, longest = windows_for(model, pieces, settings)
    for group in batches(windows, max(1, max_notes // longest)):
        batch = make_batch(pieces, group)
        tallies.add(model(batch), batch)
    return tallies


def report(model: Model, held_out: dict[str, Pieces], settings: Evaluate) -> dict[str, Any]:
    """Scores by split, see `Tallies.report`; and `notes`, how many were scored."""
    return {
        split: {
            **evaluate(model, pieces, settings).report(pieces.written_notes),
            "notes": pieces.written_notes or pieces.n_notes,
        }
        for split, pieces in held_out.items()
    }
