"""The training loop: knows no architecture and no path."""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tonerow.evaluation.scores import Tallies, Tally, score_batch, tally
from tonerow.models.base import Model
from tonerow.models.ensemble import joined
from tonerow.params import Params, Training
from tonerow.progress import progress
from tonerow.training.learner import Learner
from tonerow.training.lessons import Lessons
from tonerow.training.team import Team
from tonerow.views import Pieces
from tonerow.windows import whole_pieces

EpochRow = dict[str, float]


class TrainingError(RuntimeError):
    """Training cannot go on; the message says what to change."""


@dataclass
class Progress:
    """Everything that a training needs to go on where it stopped.

    Attributes:
        epoch: epochs finished.
        curves: one row a finished epoch.
        best_nll: lowest val nats a note so far, summed over fields.
        best_epoch: the epoch that reached it; 0 before the first.
        best_weights: the weights then.
        notes: how many notes (or characters) were learned from, each epoch anew.
        seconds: spent on learning from them; val, snapshots and logging are not in it.
    """

    epoch: int = 0
    curves: list[EpochRow] = field(default_factory=list)
    best_nll: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    notes: int = 0
    seconds: float = 0.0

    def summary(self) -> EpochRow:
        """The best epoch's row of the curves, and how many epochs there were."""
        return {**self.curves[self.best_epoch - 1], "epochs": self.epoch}

    def speed(self) -> EpochRow:
        """Seconds spent on learning, and notes (or characters) learned from in one of them."""
        return {
            "training_seconds": self.seconds,
            "notes_per_second": self.notes / self.seconds,
        }


def learning_rate_factor(done: float, settings: Training) -> float:
    """The factor on the learning rate after the share `done` (0-1) of training.

    "constant" is 1. "one_cycle" rises from 1/25 to 1 over the first tenth and falls to `final_rate`,
    both along a cosine (Smith and Topin, 2018, as in torch's OneCycleLR; the rise is shorter here).
    """
    if settings.schedule == "constant":
        return 1.0

    def cosine(low: float, high: float, at: float) -> float:
        return low + (high - low) * (1 - math.cos(math.pi * min(max(at, 0.0), 1.0))) / 2

    rise = 0.1
    if done < rise:
        return cosine(1 / 25, 1.0, done / rise)
    return cosine(1.0, settings.final_rate, (done - rise) / (1 - rise))


def fit(
    model: Model,
    train: Pieces,
    val: Pieces,
    params: Params,
    on_epoch: Callable[[EpochRow, dict[str, Any]], None],
    resume: dict[str, Any] | None = None,
    team: Team = Team(),  # noqa: B008 (a constant)
) -> Progress:
    """Trains until the epochs are over or val stops improving.

    Args:
        model: on the pieces' device; trained in place. Use `Progress.best_weights` afterwards.
        train: what to learn from.
        val: what decides when to stop and which weights are kept.
        params: the settings; val is scored as in the evaluation. Windows, batches and
            transpositions depend on the seed and the epoch, dropout on the place in the team too.
        on_epoch: called after each epoch with its row of the curves (nats a note and accuracy on
            train, of several networks their mean, and on val, of the model that they are) and with a
            snapshot from which `resume` goes on.
        resume: such a snapshot; that of the team's first process counts.
        team: the processes that share the work, each of which calls this with the same model.

    Returns:
        The curves and the best weights.

    Raises:
        TrainingError: the loss is no longer a number, or there is nothing to learn from.
    """
    if train.n_notes == 0 or val.n_notes == 0:
        raise TrainingError("train or val has no notes for this model; see metrics/split.json")
    settings, scoring = params.selected.training, params.evaluate
    done = Progress()
    model.prepare(partial(whole_pieces, train))
    mine, beside = team.networks(len(model.learners()))
    learners = [Learner.of(i, own, settings, beside) for i, own in enumerate(model.learners())]
    scored = joined([learner.average.model for learner in learners])
    lessons = Lessons.of(train, settings)
    resume = team.of_first(resume)
    if resume is not None:
        done = _restore(resume, learners)
    patience = settings.patience or settings.epochs
    while done.epoch < settings.epochs and done.epoch - done.best_epoch < patience:
        started = time.monotonic()
        own = [_train_epoch(of, lessons, done.epoch, params.train.seed) for of in learners[mine]]
        tallies = _added_up(scored, own, team)
        done.seconds += time.monotonic() - started
        for learner in learners if beside.size < team.size else []:
            learner.load_state_dict(team.said_by(learner.number % team.size, learner.state_dict()))
        rate = learners[0].optimizer.param_groups[0]["lr"]
        row = {"epoch": done.epoch + 1, "learning_rate": rate}
        row |= _rows("train", tallies)
        row |= _rows("val", _added_up(scored, [tally(scored, val, scoring, team.own)], team))
        if not math.isfinite(row["train_nll"] + row["val_nll"]):
            raise TrainingError(
                f"the loss is no longer a number in epoch {done.epoch + 1}; lower learning_rate "
                f"(now {settings.learning_rate}) or clip_norm (now {settings.clip_norm})"
            )
        done.epoch += 1
        done.curves.append(row)
        done.notes += tallies.notes // len(learners)
        if row["val_nll"] < done.best_nll:
            done.best_nll, done.best_epoch = row["val_nll"], done.epoch
            done.best_weights = copy.deepcopy(scored.state_dict())
        on_epoch(row, _snapshot(done, learners))
    return done


def _train_epoch(learner: Learner, lessons: Lessons, epoch: int, seed: int) -> Tallies:
    """One pass of a network over the epoch's windows."""
    network, number, team = learner.network.train(), learner.number, learner.team
    settings, numbers = lessons.settings, np.random.SeedSequence([seed, epoch, team.place, number])
    torch.manual_seed(int(numbers.generate_state(1)[0]))
    tallies = Tallies()
    n, made = lessons.epoch(epoch, seed, number)
    which = f", network {number + 1}" if number else ""
    title = f"epoch {epoch + 1}/{settings.epochs}{which}"
    bar = progress(made, total=n, desc=title, unit="batch")
    for i, whole in enumerate(bar):
        factor = learning_rate_factor((epoch + i / n) / settings.epochs, settings)
        batch, share = team.share(whole)
        predictions = learner.forward(batch)
        loss = team.size * share * network.loss(predictions, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        learner.update(settings.learning_rate * factor, settings)
        network.observe(predictions, batch)
        team.agree(network, share)
        learner.average.follow(network)
        if share:
            tallies.add(score_batch(predictions, batch, network.vocabularies))
    return tallies


def _added_up(model: Model, own: list[Tallies], team: Team) -> Tallies:
    """The sums of all that all processes have."""
    names = model.predicts
    rows = [[[*vars(of.fields.get(name, Tally())).values()] for name in names] for of in own]
    device = next(model.parameters()).device
    sums = torch.tensor(rows, dtype=torch.float64, device=device).sum(0)
    fields = zip(names, team.add_up(sums).tolist(), strict=True)
    return Tallies(
        {name: Tally(nats, int(hits), int(notes)) for name, (nats, hits, notes) in fields}
    )


def _rows(split: str, scores: Tallies) -> EpochRow:
    """Nats a note, summed over the fields; the accuracy of each field, and their mean."""
    accuracy = scores.accuracy()
    each = {f"{split}_{name}_accuracy": own for name, own in accuracy.items()}
    return {f"{split}_nll": scores.nll(), f"{split}_accuracy": fmean(accuracy.values()), **each}


def _snapshot(done: Progress, learners: list[Learner]) -> dict[str, Any]:
    return {"progress": vars(done), "learners": [learner.state_dict() for learner in learners]}


def _restore(snapshot: dict[str, Any], learners: list[Learner]) -> Progress:
    for learner, state in zip(learners, snapshot["learners"], strict=True):
        learner.load_state_dict(state)
    print(f"going on after epoch {snapshot['progress']['epoch']}", file=sys.stderr)
    return Progress(**snapshot["progress"])
