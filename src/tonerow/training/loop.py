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
from torch import Tensor, nn
from torch.optim import Optimizer

from tonerow.evaluation.scores import Tallies, Tally, score_batch, tally
from tonerow.models.base import Model
from tonerow.params import Params, Training
from tonerow.progress import progress
from tonerow.training.averaging import Average
from tonerow.training.lessons import Lessons
from tonerow.training.team import Team
from tonerow.views import Pieces
from tonerow.windows import whole_pieces

EpochRow = dict[str, float]

BETA1 = 0.9
"""Of Adam: gradients are averaged over about 10 updates."""


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


@dataclass(frozen=True)
class Learner:
    """A model that learns.

    Attributes:
        model: whose weights the updates change.
        forward: the model, as it is called while it learns.
        optimizer: of these weights.
        average: with the weights that are scored and kept.
        team: the processes that share the batches.
    """

    model: Model
    forward: nn.Module
    optimizer: Optimizer
    average: Average
    team: Team


def make_optimizer(model: Model, settings: Training) -> Optimizer:
    """Adam, or AdamW with its decoupled weight decay (Loshchilov and Hutter, 2019)."""
    adamw = settings.optimizer == "adamw"
    kind: type[torch.optim.Adam] = torch.optim.AdamW if adamw else torch.optim.Adam
    betas, decay = (BETA1, settings.beta2), settings.weight_decay
    rate = settings.learning_rate
    return kind(model.parameters(), rate, betas, weight_decay=decay, fused=True)


def clip(model: Model, settings: Training) -> None:
    """Bounds the gradients as the settings say, of each network by itself."""
    for learner in model.learners():
        if settings.clip_value:
            torch.nn.utils.clip_grad_value_(learner.parameters(), settings.clip_value)
        if settings.clip_norm:
            torch.nn.utils.clip_grad_norm_(learner.parameters(), settings.clip_norm)


def learning_rate_factor(done: float, schedule: str) -> float:
    """The factor on the learning rate after the share `done` (0-1) of training.

    "constant" is 1. "one_cycle" rises from 1/25 to 1 over the first tenth and falls to 1/10,000,
    both along a cosine (Smith and Topin, 2018, as in torch's OneCycleLR; the rise is shorter here).
    """
    if schedule == "constant":
        return 1.0

    def cosine(low: float, high: float, at: float) -> float:
        return low + (high - low) * (1 - math.cos(math.pi * min(max(at, 0.0), 1.0))) / 2

    rise = 0.1
    if done < rise:
        return cosine(1 / 25, 1.0, done / rise)
    return cosine(1.0, 1e-4, (done - rise) / (1 - rise))


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
            train and val) and with a snapshot from which `resume` goes on.
        resume: such a snapshot; that of the team's first process counts.
        team: the processes that share the batches, each of which calls this with the same model.

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
    optimizer, average = make_optimizer(model, settings), Average(model, settings.average)
    learner = Learner(model, team.forward_of(model), optimizer, average, team)
    lessons = Lessons.of(train, settings)
    resume = team.of_first(resume)
    if resume is not None:
        done = _restore(resume, learner)
    patience = settings.patience or settings.epochs
    while done.epoch < settings.epochs and done.epoch - done.best_epoch < patience:
        started = time.monotonic()
        tallies = _train_epoch(learner, lessons, done.epoch, params.train.seed)
        done.seconds += time.monotonic() - started
        row = {"epoch": done.epoch + 1, "learning_rate": learner.optimizer.param_groups[0]["lr"]}
        row |= _rows("train", tallies)
        row |= _rows(
            "val", _added_up(learner, tally(learner.average.model, val, scoring, team.own))
        )
        if not math.isfinite(row["train_nll"] + row["val_nll"]):
            raise TrainingError(
                f"the loss is no longer a number in epoch {done.epoch + 1}; lower learning_rate "
                f"(now {settings.learning_rate}) or clip_norm (now {settings.clip_norm})"
            )
        done.epoch += 1
        done.curves.append(row)
        done.notes += tallies.notes
        if row["val_nll"] < done.best_nll:
            done.best_nll, done.best_epoch = row["val_nll"], done.epoch
            done.best_weights = copy.deepcopy(learner.average.model.state_dict())
        on_epoch(row, _snapshot(done, learner))
    return done


def _train_epoch(learner: Learner, lessons: Lessons, epoch: int, seed: int) -> Tallies:
    """One pass over the epoch's windows."""
    model, optimizer, team = learner.model.train(), learner.optimizer, learner.team
    settings = lessons.settings
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch, team.place]).generate_state(1)[0]))
    tallies = Tallies()
    n, made = lessons.epoch(epoch, seed)
    bar = progress(made, total=n, desc=f"epoch {epoch + 1}/{settings.epochs}", unit="batch")
    for i, whole in enumerate(bar):
        factor = learning_rate_factor((epoch + i / n) / settings.epochs, settings.schedule)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        batch, share = team.share(whole)
        predictions = learner.forward(batch)
        loss = team.size * share * model.loss(predictions, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip(model, settings)
        optimizer.step()
        model.observe(predictions, batch)
        team.agree(model, share)
        learner.average.follow(model)
        if share:
            tallies.add(score_batch(predictions, batch, model.vocabularies))
    return _added_up(learner, tallies)


def _added_up(learner: Learner, own: Tallies) -> Tallies:
    """The sums of all processes."""
    names = learner.model.predicts
    rows = [[*vars(own.fields.get(name, Tally())).values()] for name in names]
    device = next(learner.model.parameters()).device
    sums = learner.team.add_up(torch.tensor(rows, dtype=torch.float64, device=device)).tolist()
    fields = zip(names, sums, strict=True)
    return Tallies(
        {name: Tally(nats, int(hits), int(notes)) for name, (nats, hits, notes) in fields}
    )


def _rows(split: str, scores: Tallies) -> EpochRow:
    """Nats a note, summed over the fields; the accuracy of each field, and their mean."""
    accuracy = scores.accuracy()
    each = {f"{split}_{name}_accuracy": own for name, own in accuracy.items()}
    return {f"{split}_nll": scores.nll(), f"{split}_accuracy": fmean(accuracy.values()), **each}


def _snapshot(done: Progress, learner: Learner) -> dict[str, Any]:
    return {
        "progress": vars(done),
        "weights": learner.model.state_dict(),
        "average": learner.average.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
    }


def _restore(snapshot: dict[str, Any], learner: Learner) -> Progress:
    learner.model.load_state_dict(snapshot["weights"])
    learner.average.load_state_dict(snapshot["average"])
    learner.optimizer.load_state_dict(snapshot["optimizer"])
    print(f"going on after epoch {snapshot['progress']['epoch']}", file=sys.stderr)
    return Progress(**snapshot["progress"])
