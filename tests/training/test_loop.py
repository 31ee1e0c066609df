"""Training: the same again gives the same, going on gives the same, and val decides."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tiny import melodies, model_of, pieces_for, settings
from tonerow.evaluation.scores import evaluate
from tonerow.params import Params, Training
from tonerow.training.checkpoint import Snapshots
from tonerow.training.loop import Progress, TrainingError, fit, learning_rate_factor

TRAIN, VAL = melodies([30, 20, 25, 9, 1]), melodies([15, 12], seed=1)
FEW: dict[str, Any] = {"training__epochs": 4, "training__batch_size": 3, "training__window": 12}


def chosen(model: str = "lstm_local small", **changes: Any) -> Params:
    """A training that uses all there is: dropout, transposition, a schedule, random cuts, a mean.

    It skips repeats, of which these melodies have none.
    """
    everything = {**FEW, "training__transpose": 3, "training__schedule": "one_cycle"}
    everything |= {"training__average": 5, "training__skip_repeats": 0.5}
    return settings(model, **{**everything, **changes})


def trained(
    params: Params, on_epoch: Any = lambda row, snapshot: None, seed: int = 0, **more: Any
) -> Progress:
    return fit(model_of(params, seed=seed), TRAIN, VAL, params, on_epoch, **more)


def copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in weights.items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(
    "model", ["rnn_vanilla small", "lstm_local published", "lstm_full small", "lstm_local small"]
)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(model: str) -> None:
    first, again = trained(chosen(model)), trained(chosen(model))
    assert same(first.best_weights, again.best_weights)
    assert first.curves == again.curves
    other = trained(chosen(model, train__seed=2), seed=2)
    assert not same(first.best_weights, other.best_weights)


@pytest.mark.parametrize("model", ["lstm_local small", "lstm_window published"])
def test_each_network_learns_as_if_it_were_alone(model: str) -> None:
    networks = f"models__{model.replace(' ', '__')}__networks"
    alone, both = (chosen(model, **{networks: n}) for n in (1, 2))
    weights: list[dict[str, Tensor]] = []
    last: list[dict[str, Any]] = [{}]

    def keep(row: dict[str, float], snapshot: dict[str, Any]) -> None:
        last[0] = snapshot

    for params in (alone, both):
        built = model_of(params)
        train, val = pieces_for(built, (30, 20, 9, 1)), pieces_for(built, (15, 12), seed=1)
        done = fit(built, train, val, params, keep)
        weights += [copied(learner["weights"]) for learner in last[0]["learners"]]
        assert done.notes == params.selected.training.epochs * train.n_notes
    assert same(weights[0], weights[1])
    assert not same(weights[0], weights[2])


def test_the_order_of_batches_follows_the_seed() -> None:
    first, other = trained(chosen()), trained(chosen(train__seed=2))  # from the same weights
    assert not same(first.best_weights, other.best_weights)


def weights_of(snapshot: dict[str, Any]) -> dict[str, Tensor]:
    """Of all networks, by their names in the model."""
    learners = snapshot["learners"]
    several = len(learners) > 1
    return {
        f"networks.{i}.{name}" if several else name: weights
        for i, learner in enumerate(learners)
        for name, weights in learner["weights"].items()
    }


@pytest.mark.parametrize("after", [1, 3])
@pytest.mark.parametrize("model", ["lstm_local small", "lstm_full small"])
def test_going_on_after_an_interruption_changes_nothing(
    tmp_path: Path, model: str, after: int
) -> None:
    params = chosen(model)
    whole, last = {}, {}
    done = trained(params, lambda row, snapshot: whole.update(weights_of(snapshot)))
    snapshots = Snapshots(tmp_path, ["training"])

    def stop(row: dict[str, float], snapshot: dict[str, Any]) -> None:
        snapshots.save(snapshot)
        if row["epoch"] == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(params, stop)
    going_on = trained(
        params,
        lambda row, snapshot: last.update(weights_of(snapshot)),
        seed=77,
        resume=snapshots.load(),
    )
    assert going_on.curves == done.curves
    assert (going_on.best_epoch, going_on.best_nll) == (done.best_epoch, done.best_nll)
    assert same(going_on.best_weights, done.best_weights)
    assert same(last, whole)


def test_a_finished_training_is_not_trained_further(tmp_path: Path) -> None:
    params, snapshots = chosen(), Snapshots(tmp_path, ["training"])
    done = trained(params, lambda row, snapshot: snapshots.save(snapshot))
    again = trained(params, lambda row, snapshot: pytest.fail("an epoch"), resume=snapshots.load())
    assert again.curves == done.curves
    assert same(again.best_weights, done.best_weights)


def overfitting(patience: int) -> tuple[Params, Progress]:
    """Noise learnt by heart: val gets worse sooner or later."""
    params = settings(
        "rnn_vanilla published",
        training__patience=patience,
        training__epochs=60,
        training__learning_rate=0.03,
        training__batch_size=8,
    )
    return params, trained(params)


@pytest.mark.parametrize("patience", [1, 3])
def test_training_stops_when_val_stops_improving_and_keeps_the_best(patience: int) -> None:
    params, done = overfitting(patience)
    nlls = [row["val_nll"] for row in done.curves]
    assert done.epoch == len(nlls) == done.best_epoch + patience < 60
    assert done.best_nll == min(nlls) == nlls[done.best_epoch - 1]
    model = model_of(params, seed=5)
    model.load_state_dict(done.best_weights)
    assert evaluate(model, VAL, params.evaluate).nll() == done.best_nll
    assert done.summary() == {**done.curves[done.best_epoch - 1], "epochs": done.epoch}


def test_training_learns() -> None:
    _, done = overfitting(patience=60)
    first, last = done.curves[0], done.curves[-1]
    assert last["train_nll"] < 0.6 * first["train_nll"]
    assert last["train_pitch_accuracy"] > first["train_pitch_accuracy"] + 0.1
    assert last["val_nll"] > min(row["val_nll"] for row in done.curves)


def test_a_row_of_the_curves_for_each_epoch() -> None:
    rows: list[dict[str, float]] = []
    done = trained(chosen(training__schedule="constant"), lambda row, snapshot: rows.append(row))
    assert rows == done.curves
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    for row in rows:
        assert list(row) == [
            "epoch",
            "learning_rate",
            "train_nll",
            "train_accuracy",
            "train_pitch_accuracy",
            "val_nll",
            "val_accuracy",
            "val_pitch_accuracy",
        ]
        assert row["learning_rate"] == chosen().selected.training.learning_rate


def factors(schedule: str, final_rate: float, n: int) -> list[float]:
    own = Training.model_construct(schedule=schedule, final_rate=final_rate)
    return [learning_rate_factor(i / n, own) for i in range(n + 1)]


def test_a_constant_rate_is_constant() -> None:
    assert set(factors("constant", 0.5, 9)) == {1.0}


@pytest.mark.parametrize("final", [0.0, 0.0001, 0.25, 1.0])
def test_one_cycle_rises_and_falls(final: float) -> None:
    found = factors("one_cycle", final, 1000)
    assert found[0] == pytest.approx(1 / 25)
    assert found[100] == pytest.approx(1.0) == max(found)
    assert found[-1] == pytest.approx(final)
    assert found[:101] == sorted(found[:101])
    assert found[100:] == sorted(found[100:], reverse=True)
    assert found[50] == pytest.approx((1 / 25 + 1) / 2)
    assert found[550] == pytest.approx((1 + final) / 2)


def test_the_rate_of_the_optimiser_follows_the_schedule() -> None:
    params = chosen(training__epochs=3)
    rates = [row["learning_rate"] for row in trained(params).curves]
    full = params.selected.training.learning_rate
    assert rates == sorted(rates, reverse=True)
    assert full > rates[0] > rates[-1] > 0


@pytest.mark.parametrize("epochs", [1, 5])
def test_a_loss_that_is_no_number_names_the_learning_rate(epochs: int) -> None:
    params = settings(
        training__learning_rate=1e37, training__epochs=epochs, training__batch_size=64
    )
    with pytest.raises(TrainingError, match=r"no longer a number.*learning_rate.*1e\+37"):
        trained(params)


@pytest.mark.parametrize(("train", "val"), [([], [3]), ([3], [])])
def test_nothing_to_learn_from_is_said(train: list[int], val: list[int]) -> None:
    params = chosen()
    with pytest.raises(TrainingError, match=r"no notes for this model; see metrics/split.json"):
        fit(model_of(params), melodies(train), melodies(val), params, lambda row, snapshot: None)


def test_val_is_not_learnt_from() -> None:
    params = chosen(training__epochs=2)
    last: list[dict[str, Tensor]] = []

    def keep(row: dict[str, float], snapshot: dict[str, Any]) -> None:
        last[:] = [copied(weights_of(snapshot))]

    fit(model_of(params), TRAIN, VAL, params, keep)
    first = last[0]
    fit(model_of(params), TRAIN, melodies([40], seed=9), params, keep)
    assert same(first, last[0])


def weight_decay_pulls(optimizer: str) -> float:
    params = chosen(training__optimizer=optimizer, training__weight_decay=0.9)
    weights = trained(params).best_weights.values()
    return math.sqrt(sum(float((value**2).sum()) for value in weights))


def test_the_optimiser_is_the_one_asked_for() -> None:
    assert weight_decay_pulls("adam") != weight_decay_pulls("adamw")


def test_the_mean_of_the_weights_is_scored_and_kept() -> None:
    params = chosen()
    weights: list[dict[str, Tensor]] = [{}]
    done = trained(params, lambda row, snapshot: weights.append(copied(weights_of(snapshot))))
    assert done.best_weights.keys() == weights[done.best_epoch].keys()
    assert not same(done.best_weights, weights[done.best_epoch])
    model = model_of(params)
    model.load_state_dict(done.best_weights)
    assert evaluate(model, VAL, params.evaluate).nll() == done.best_nll
