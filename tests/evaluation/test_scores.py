"""Scores: every note once, with its context, whatever fits into a batch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch import nn

from tests.tiny import melodies, model_of, settings
from tonerow.evaluation.scores import Tallies, Tally, evaluate, report
from tonerow.models.base import Model
from tonerow.windows import Pieces, Window, make_batch


def scored(
    model: Model, pieces: Pieces, window: int, stride: int, max_notes: int = 16384
) -> Tallies:
    chosen = settings(evaluate__window=window, evaluate__stride=stride).evaluate
    return evaluate(model, pieces, chosen, max_notes)


def says_always(probabilities: torch.Tensor) -> Model:
    """A model that gives the same distribution for every note."""
    model = model_of(settings("rnn_vanilla"))
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
            p = model.eval()(batch)["pitch"].log_probabilities()[0].double()
        for row, pitch in zip(p, pieces.values["pitch"][begin:end], strict=True):
            total -= float(row[pitch])
    return total


lengths = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@given(lengths, st.integers(1, 40), st.data(), st.integers(1, 200))
@examples(max_examples=30)
def test_every_note_is_scored_once(
    sizes: list[int], window: int, data: st.DataObject, max_notes: int
) -> None:
    stride = data.draw(st.integers(1, window))
    found = scored(model_of(settings()), melodies(sizes), window, stride, max_notes)
    assert set(found.fields) == {"pitch"}
    assert found.fields["pitch"].notes == sum(sizes)


def test_a_fixed_distribution_by_hand() -> None:
    p = torch.full((128,), 0.4 / 126)
    p[60], p[62] = 0.5, 0.1
    pieces = melodies([3, 1])
    pieces.values["pitch"] = torch.tensor([60, 62, 64, 60])
    found = scored(says_always(p), pieces, 2, 1).fields["pitch"].scores()
    nll = -(2 * math.log(0.5) + math.log(0.1) + math.log(0.4 / 126)) / 4
    assert found["nll"] == pytest.approx(nll, rel=1e-6)
    assert found["bits_per_note"] == pytest.approx(nll / math.log(2), rel=1e-6)
    assert found["accuracy"] == 0.5
    assert found["top5_accuracy"] == 0.75  # 64 comes after 60, 62 and the lower ones


def test_a_uniform_model_needs_seven_bits() -> None:
    found = scored(says_always(torch.full((128,), 1 / 128)), melodies([9, 4]), 4, 2)
    assert found.fields["pitch"].scores()["bits_per_note"] == pytest.approx(7)


def test_a_window_as_long_as_the_piece_gives_the_whole_sequence() -> None:
    model, pieces = model_of(settings()), melodies([17, 1, 40, 5])
    found = scored(model, pieces, 40, 20).fields["pitch"]
    assert found.nats == pytest.approx(nats_by_hand(model, pieces), rel=1e-5)


@pytest.mark.parametrize("name", ["rnn_vanilla", "lstm_local", "lstm_full", "lstm_local_small"])
def test_the_batch_size_changes_nothing(name: str) -> None:
    model, pieces = model_of(settings(name)), melodies([30, 7, 12, 1, 25, 25])
    one, few, whole = (scored(model, pieces, 10, 4, n).fields["pitch"] for n in (1, 33, 16384))
    assert one.nats == pytest.approx(whole.nats, rel=1e-5)
    assert few.nats == pytest.approx(whole.nats, rel=1e-5)
    assert (one.hits, one.top5, one.notes) == (whole.hits, whole.top5, whole.notes)


def test_scoring_switches_dropout_off_and_changes_no_weight() -> None:
    model = model_of(settings("lstm_local")).train()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    first, again = (scored(model, melodies([20]), 8, 4).nll() for _ in range(2))
    assert first == again
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_tally_adds_up() -> None:
    whole, parts = Tally(), Tally()
    nats, hits = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([True, False, True])
    whole.add(nats, hits, torch.ones_like(hits))
    for i in range(3):
        parts.add(nats[i : i + 1], hits[i : i + 1], torch.tensor([True]))
    assert whole == parts
    assert whole.scores()["nll"] == 3.0
    assert whole.scores()["accuracy"] == pytest.approx(2 / 3)
    assert whole.scores()["top5_accuracy"] == 1.0


def test_the_report_names_each_score_by_field() -> None:
    model, chosen = model_of(settings()), settings().evaluate
    held_out = {"val": melodies([9, 5]), "test": melodies([30], seed=1)}
    found = report(model, held_out, chosen)
    assert list(found) == ["val", "test"]
    assert found["test"]["notes"] == 30
    scores = evaluate(model, held_out["test"], chosen).fields["pitch"].scores()
    for name in ("nll", "bits_per_note", "accuracy", "top5_accuracy"):
        assert found["test"][f"pitch_{name}"] == scores[name]
