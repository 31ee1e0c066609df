"""Training: the same again gives the same, going on gives the same, and val decides."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from ruamel.yaml import YAML
from torch import Tensor

from stages import train as stage
from tests.tiny import melodies, model_of, settings
from tests.tokens.token_tables import random_piece, write_corpus
from tonerow import tracking
from tonerow.evaluation.scores import evaluate
from tonerow.notes.schema import TOKEN_NOTES
from tonerow.params import Params
from tonerow.tokens import corpus
from tonerow.training.checkpoint import Snapshots
from tonerow.training.loop import Progress, TrainingError, fit, learning_rate_factor

TRAIN, VAL = melodies([30, 20, 25, 9, 1]), melodies([15, 12], seed=1)
FEW: dict[str, Any] = {"training__epochs": 4, "training__batch_size": 3, "training__window": 12}


def chosen(model: str = "lstm_local_small", **changes: Any) -> Params:
    """A training that uses all there is: dropout, transposition, a schedule, random cuts."""
    everything = {**FEW, "training__transpose": 3, "training__schedule": "one_cycle"}
    return settings(model, **{**everything, **changes})


def trained(
    params: Params, on_epoch: Any = lambda row, snapshot: None, seed: int = 0, **more: Any
) -> Progress:
    return fit(model_of(params, seed=seed), TRAIN, VAL, params, on_epoch, **more)


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("model", ["rnn_vanilla", "lstm_local", "lstm_full", "lstm_local_small"])
def test_the_same_seed_gives_the_same_weights_bit_for_bit(model: str) -> None:
    first, again = trained(chosen(model)), trained(chosen(model))
    assert same(first.best_weights, again.best_weights)
    assert first.curves == again.curves
    other = trained(chosen(model, seed=2), seed=2)
    assert not same(first.best_weights, other.best_weights)


def test_the_order_of_batches_follows_the_seed() -> None:
    first, other = trained(chosen()), trained(chosen(seed=2))  # from the same weights
    assert not same(first.best_weights, other.best_weights)


@pytest.mark.parametrize("after", [1, 3])
@pytest.mark.parametrize("model", ["lstm_local_small", "lstm_full"])
def test_going_on_after_an_interruption_changes_nothing(
    tmp_path: Path, model: str, after: int
) -> None:
    params = chosen(model)
    whole, last = {}, {}
    done = trained(params, lambda row, snapshot: whole.update(snapshot["weights"]))
    snapshots = Snapshots(tmp_path, ["training"])

    def stop(row: dict[str, float], snapshot: dict[str, Any]) -> None:
        snapshots.save(snapshot)
        if row["epoch"] == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(params, stop)
    going_on = trained(
        params,
        lambda row, snapshot: last.update(snapshot["weights"]),
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
        "rnn_vanilla",
        train__patience=patience,
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
            "train_pitch_accuracy",
            "val_nll",
            "val_pitch_accuracy",
        ]
        assert row["learning_rate"] == chosen().selected.training.learning_rate


def test_a_constant_rate_is_constant() -> None:
    assert {learning_rate_factor(i / 9, "constant") for i in range(10)} == {1.0}


def test_one_cycle_rises_and_falls() -> None:
    factors = [learning_rate_factor(i / 1000, "one_cycle") for i in range(1001)]
    top = factors.index(max(factors))
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[top] == pytest.approx(1.0)
    assert top == pytest.approx(100, abs=1)
    assert factors[-1] == pytest.approx(1e-4)
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert factors[50] == pytest.approx((1 / 25 + 1) / 2)
    assert factors[550] == pytest.approx((1 + 1e-4) / 2)


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
        weights = {key: value.clone() for key, value in snapshot["weights"].items()}
        last[:] = [weights]

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


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Tokens of ten pieces on three sides."""
    names = [f"p{i}" for i in range(10)]
    sides = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    pieces = {name: random_piece(name, seed=i) for i, name in enumerate(names)}
    interim, splits = write_corpus(tmp_path, pieces, dict(zip(names, sides, strict=True)))
    corpus.tokenize(interim, splits, tmp_path / "tokens", settings().tokenize)
    return tmp_path / "tokens"


class NoRun:
    """A run that is logged nowhere, and that may be interrupted."""

    def __init__(self, until: float) -> None:
        self.until = until

    def log_epoch(self, epoch: int, values: dict[str, float]) -> None:
        if epoch > self.until:
            raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **more: None


@pytest.fixture
def run_stage(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., bytes]]:
    """Runs the train stage in a folder and returns the model file."""

    def run(out: Path, tokens: Path = tokens, until: float = math.inf) -> bytes:
        out.mkdir(exist_ok=True)
        tree = settings(**FEW, train__device="cpu", train__threads=1).model_dump()
        YAML(typ="safe", pure=True).dump(tree, out / "params.yaml")
        outputs = ["model/model.pt", "metrics/train.json", "metrics/curves.csv"]
        monkeypatch.chdir(out)
        monkeypatch.setenv("DVC_ROOT", str(out))
        monkeypatch.setattr(tracking, "start", lambda chosen: nullcontext(NoRun(until)))
        monkeypatch.setattr(sys, "argv", ["train", str(tokens), *outputs])
        stage.main()
        assert all((out / name).stat().st_size > 0 for name in outputs)
        return (out / "model/model.pt").read_bytes()

    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def with_pitches_changed(tokens: Path, splits: list[str]) -> Path:
    """A copy of the tokens in which all pitches of these splits are 1."""
    other = tokens.with_name("with changed " + " ".join(splits))
    shutil.copytree(tokens, other)
    notes = pq.read_table(tokens / "notes.parquet").to_pandas()
    notes.loc[notes["split"].isin(splits), "pitch"] = np.uint8(1)
    table = pa.Table.from_pandas(notes, TOKEN_NOTES, preserve_index=False)
    pq.write_table(table, other / "notes.parquet")
    return other


def test_the_stage_never_looks_at_test(
    tokens: Path, tmp_path: Path, run_stage: Callable[..., bytes]
) -> None:
    model = run_stage(tmp_path / "a")
    assert run_stage(tmp_path / "b", with_pitches_changed(tokens, ["test"])) == model
    assert run_stage(tmp_path / "c", with_pitches_changed(tokens, ["train"])) != model


def test_an_interrupted_stage_goes_on_where_it_stopped(
    tmp_path: Path, run_stage: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    model = run_stage(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path / "b", until=2)
    assert not (tmp_path / "b" / "model").exists()
    capsys.readouterr()
    assert run_stage(tmp_path / "b") == model
    assert "going on after epoch 2" in capsys.readouterr().err
    for name in ("metrics/train.json", "metrics/curves.csv"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()
    assert not any((tmp_path / "b" / ".checkpoints").iterdir())
