"""Scores: how many nats a model needs for each held-out note, and how often it is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.models.base import Batch, Model
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import Vocabularies
from tonerow.params import Evaluate
from tonerow.progress import progress
from tonerow.views import Pieces
from tonerow.windows import (
    Groups,
    Windows,
    batches,
    make_batch,
    scored_notes,
    scoring_windows,
)

NoteScores = Mapping[str, Tensor]
"""Of one field, each (n,): `nats` float, `hit` and `top5` bool, `confidence`, the probability of the
first choice, and `error` where it is measured."""


@torch.no_grad()
def score_batch(
    predictions: Predictions, batch: Batch, vocabularies: Vocabularies, errors: bool = False
) -> dict[str, NoteScores]:
    """Scores the scored notes of a batch, row by row.

    Args:
        predictions: of the batch, (B, L).
        batch: the notes.
        vocabularies: of the fields; where ids stand for numbers, errors can be measured.
        errors: whether to measure how far the answers' values lie from the true ones.

    Returns:
        By field, see `NoteScores`.
    """
    scores: dict[str, NoteScores] = {}
    for name, everywhere in predictions.items():
        prediction, target = everywhere.at((batch.scored,)), batch.now[name][batch.scored]
        logs = prediction.log_probabilities()  # (n, V); once: a density's take time
        classes = Categorical(logs)
        own = {
            "nats": classes.nll(target),
            "hit": classes.hits(target),
            "top5": classes.hits(target, 5),
            "confidence": logs.amax(-1).exp(),
        }
        if errors and vocabularies[name].values:
            values = torch.tensor(vocabularies[name].values, device=target.device)
            own["error"] = (values[prediction.best()] - values[target]).abs()
        scores[name] = own
    return scores


@dataclass
class Tally:
    """Sums over the scored notes of one field."""

    nats: float = 0.0
    hits: int = 0
    notes: int = 0


@dataclass
class Tallies:
    """One `Tally` a predicted field: what training shows of an epoch."""

    fields: dict[str, Tally] = field(default_factory=dict)

    def add(self, scores: Mapping[str, NoteScores]) -> None:
        """Adds what `score_batch` gives."""
        for name, own in scores.items():
            tally = self.fields.setdefault(name, Tally())
            tally.nats += float(own["nats"].double().sum())
            tally.hits += int(own["hit"].sum())
            tally.notes += len(own["nats"])

    @property
    def notes(self) -> int:
        """How many notes were scored."""
        return next(iter(self.fields.values())).notes

    def nll(self) -> float:
        """Nats a note (or character), summed over the fields."""
        return sum(tally.nats / max(tally.notes, 1) for tally in self.fields.values())

    def accuracy(self) -> dict[str, float]:
        """How often the most likely id is right (0-1), by field."""
        return {name: tally.hits / max(tally.notes, 1) for name, tally in self.fields.items()}


@dataclass(frozen=True)
class Scored:
    """The scores of every note of a split.

    Attributes:
        pieces: the notes.
        fields: by field, arrays (n_notes,) in the order of the notes, see `NoteScores`.
    """

    pieces: Pieces
    fields: Mapping[str, Mapping[str, NDArray[Any]]]

    def nll(self) -> float:
        """Nats a note (or character), summed over the fields."""
        return sum(mean(own["nats"]) for own in self.fields.values())

    def accuracy(self) -> dict[str, float]:
        """How often the most likely id is right (0-1), by field."""
        return {name: mean(own["hit"]) for name, own in self.fields.items()}


def mean(values: NDArray[Any]) -> float:
    """The mean of scores (n,), summed in float64; 0 of none."""
    return float(values.mean(dtype=np.float64)) if len(values) else 0.0


def windows_for(model: Model, pieces: Pieces, settings: Evaluate) -> tuple[Windows, int]:
    """The windows in which a model's notes are scored, and how long these are at most.

    A model that looks back a fixed number of notes has just these before each.
    """
    if model.reach is not None:
        return scoring_windows(pieces, model.reach, 1), model.reach
    return scoring_windows(pieces, settings.window, settings.stride), settings.window


def _scoring_groups(model: Model, pieces: Pieces, settings: Evaluate, max_notes: int) -> Groups:
    windows, longest = windows_for(model, pieces, settings)
    return batches(windows, max(1, max_notes // longest))


def _scored(
    model: Model, pieces: Pieces, groups: Groups, errors: bool
) -> Iterator[dict[str, NoteScores]]:
    """What `score_batch` gives for each of some groups of windows."""
    model.eval()
    for group in progress(groups, desc="score", unit="batches"):
        batch = make_batch(pieces, group)
        with torch.no_grad():
            predictions = model(batch)
        yield score_batch(predictions, batch, model.vocabularies, errors)


def tally(
    model: Model,
    pieces: Pieces,
    settings: Evaluate,
    share: slice = slice(None),
    max_notes: int = 8192,
) -> Tallies:
    """The sums over what `evaluate` scores, or over a share of it.

    Args:
        model: on the pieces' device; left in evaluation mode.
        pieces: held-out pieces.
        settings: window and stride (`tonerow.windows.scoring_windows`).
        share: of the batches.
        max_notes: notes in a batch.
    """
    tallies = Tallies()
    groups = _scoring_groups(model, pieces, settings, max_notes).some(share)
    for scores in _scored(model, pieces, groups, errors=False):
        tallies.add(scores)
    return tallies


def evaluate(model: Model, pieces: Pieces, settings: Evaluate, max_notes: int = 8192) -> Scored:
    """Scores every note once, with its context.

    Args:
        model: on the pieces' device; left in evaluation mode.
        pieces: held-out pieces.
        settings: window and stride (`tonerow.windows.scoring_windows`).
        max_notes: notes in a batch; bounds the memory and does not change the result.
    """
    groups = _scoring_groups(model, pieces, settings, max_notes)
    parts: dict[str, dict[str, list[NDArray[Any]]]] = {}
    for scores in _scored(model, pieces, groups, errors=True):
        for name, own in scores.items():
            for score, values in own.items():
                column = parts.setdefault(name, {}).setdefault(score, [])
                column.append(values.cpu().numpy())
    places = scored_notes(groups.windows.take(groups.order))
    order = np.argsort(places)  # every note is scored once
    fields = {
        name: {score: np.concatenate(column)[order] for score, column in own.items()}
        for name, own in parts.items()
    }
    return Scored(pieces, fields)
