"""Scores: every note once, with its context, whatever fits into a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tonerow.evaluation import Tally, evaluate, report
from tonerow.models import build
from tonerow.models.base import Model
from tonerow.windows import Pieces, Window, make_batch

VANILLA = {"architecture": "rnn_vanilla", "pitch_embedding": 4, "hidden_size": 8, "layers": 1}


def model_of(settings: dict[str, Any] = VANILLA) -> Model:
    torch.manual_seed(0)
    return build(settings)


def pieces_of(sizes: list[int], seed: int = 0) -> Pieces:
    """Random melodies of these lengths."""
    generator = np.random.default_rng(seed)
    n = sum(sizes)
    values = {
        "pitch": torch.from_numpy(generator.integers(55, 75, n)),
        "rhythm": torch.from_numpy(generator.normal(size=(n, 2)).astype(np.float32)),
    }
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Pieces([str(i) for i in range(len(sizes))], first, values)


def says_always(probabilities: torch.Tensor) -> Model:
    """A model that gives the same distribution for every note."""
    model = model_of()
    head = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(probabilities.log())
    return model


def nats_by_hand(model: Model, pieces: Pieces) -> float:
    """Each piece as one whole sequence, by itself."""
    total = 0.0
    for begin, end in zip(pieces.first[:-1].tolist(), pieces.first[1:].tolist(), strict=True):
        batch = make_batch(pieces, [Window(begin, end - begin)])
        with torch.no_grad():
            p = model.eval()(batch)["pitch"].logits[0].double().softmax(-1)
        for row, pitch in zip(p, pieces.values["pitch"][begin:end], strict=True):
            total -= math.log(row[pitch])
    return total


sizes = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@given(sizes, st.integers(1, 40), st.data(), st.integers(1, 200))
@settings(max_examples=40)
def test_every_note_is_scored_once(
    lengths: list[int], window: int, data: st.DataObject, max_notes: int
) -> None:
    stride = data.draw(st.integers(1, window))
    found = evaluate(model_of(), pieces_of(lengths), window, stride, max_notes)
    assert set(found) == {"pitch"}
    assert found["pitch"].notes == sum(lengths)


def test_a_fixed_distribution_by_hand() -> None:
    p = torch.full((128,), 0.4 / 126)
    p[60], p[62] = 0.5, 0.1
    pieces = pieces_of([3, 1])
    pieces.values["pitch"] = torch.tensor([60, 62, 64, 60])
    found = evaluate(says_always(p), pieces, 2, 1)["pitch"].scores()
    nll = -(2 * math.log(0.5) + math.log(0.1) + math.log(0.4 / 126)) / 4
    assert found["nll"] == pytest.approx(nll, rel=1e-6)
    assert found["bits_per_note"] == pytest.approx(nll / math.log(2), rel=1e-6)
    assert found["accuracy"] == 0.5
    assert found["top5_accuracy"] == 0.75  # 64 comes after 60, 62 and the lower ones


def test_a_uniform_model_needs_seven_bits() -> None:
    found = evaluate(says_always(torch.full((128,), 1 / 128)), pieces_of([9, 4]), 4, 2)
    assert found["pitch"].scores()["bits_per_note"] == pytest.approx(7)


def test_a_window_as_long_as_the_piece_gives_the_whole_sequence() -> None:
    model, pieces = model_of(), pieces_of([17, 1, 40, 5])
    found = evaluate(model, pieces, 40, 20)["pitch"]
    assert found.nats == pytest.approx(nats_by_hand(model, pieces), rel=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        VANILLA,
        {"architecture": "lstm_local", "pitch_embedding": 4, "hidden_size": 8, "dropout": 0.5},
        {"architecture": "lstm_full", "pitch_embedding": 4, "hidden_size": 8, "dropout": 0.5},
    ],
    ids=lambda settings: settings["architecture"],
)
def test_the_batch_size_changes_nothing(settings: dict[str, Any]) -> None:
    model, pieces = model_of(settings), pieces_of([30, 7, 12, 1, 25, 25])
    one, few, all_ = (evaluate(model, pieces, 10, 4, n)["pitch"] for n in (1, 33, 16384))
    assert one.nats == pytest.approx(all_.nats, rel=1e-5)
    assert few.nats == pytest.approx(all_.nats, rel=1e-5)
    assert (one.hits, one.top5, one.notes) == (all_.hits, all_.top5, all_.notes)


def test_scoring_switches_dropout_off_and_changes_no_weight() -> None:
    model = model_of(
        {"architecture": "lstm_local", "pitch_embedding": 4, "hidden_size": 8, "dropout": 0.5}
    ).train()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    first, again = (evaluate(model, pieces_of([20]), 8, 4)["pitch"].nats for _ in range(2))
    assert first == again
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_tally_adds_up() -> None:
    whole, parts = Tally(), Tally()
    nats, hits = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([True, False, True])
    whole.add(nats, hits, hits | True)
    for i in range(3):
        parts.add(nats[i : i + 1], hits[i : i + 1], torch.tensor([True]))
    assert whole == parts
    assert whole.scores()["nll"] == 3.0
    assert whole.scores()["accuracy"] == pytest.approx(2 / 3)
    assert whole.scores()["top5_accuracy"] == 1.0


def test_the_report_names_each_score_by_field() -> None:
    model = model_of()
    held_out = {"val": pieces_of([9, 5]), "test": pieces_of([30], seed=1)}
    found = report(model, held_out, 8, 4)
    assert list(found) == ["val", "test"]
    assert found["test"]["notes"] == 30
    scores = evaluate(model, held_out["test"], 8, 4)["pitch"].scores()
    for name in ("nll", "bits_per_note", "accuracy", "top5_accuracy"):
        assert found["test"][f"pitch_{name}"] == scores[name]
