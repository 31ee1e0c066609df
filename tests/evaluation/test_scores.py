"""Scores: every note once, with its context, whatever fits into a batch."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch import nn

from tests.tiny import melodies, model_of, names, pieces_for, settings
from tonerow.evaluation.scores import Scored, Tallies, evaluate
from tonerow.evaluation.summary import summarise
from tonerow.models.base import Model
from tonerow.views import Pieces
from tonerow.windows import Window, make_batch


def scored(
    model: Model, pieces: Pieces, window: int, stride: int, max_notes: int = 16384
) -> Scored:
    chosen = settings(evaluate__window=window, evaluate__stride=stride).evaluate
    return evaluate(model, pieces, chosen, max_notes)


def says_always(probabilities: torch.Tensor) -> Model:
    """A model that gives the same distribution for every note."""
    model = model_of(settings("rnn_vanilla published"))
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
        for row, pitch in zip(p, pieces.notes["pitch"][begin:end], strict=True):
            total -= float(row[pitch])
    return total


lengths = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@given(lengths, st.integers(1, 40), st.data(), st.integers(1, 200))
@examples(max_examples=30)
def test_every_note_is_scored_once(
    sizes: list[int], window: int, data: st.DataObject, max_notes: int
) -> None:
    stride = data.draw(st.integers(1, window))
    model, pieces = model_of(settings()), melodies(sizes)
    own = scored(model, pieces, window, stride, max_notes)
    assert set(own.fields) == {"pitch"}
    for values in own.fields["pitch"].values():
        assert len(values) == sum(sizes)


def test_scores_stand_in_the_order_of_the_notes() -> None:
    model, pieces = model_of(settings()), melodies([5, 17, 1, 9])
    own = scored(model, pieces, 40, 20).fields["pitch"]
    for begin, end in itertools.pairwise(pieces.first.tolist()):
        batch = make_batch(pieces, [Window(begin, end - begin)])
        with torch.no_grad():
            nll = model(batch)["pitch"].nll(batch.now["pitch"])[0].numpy()
        assert own["nats"][begin:end] == pytest.approx(nll, rel=1e-4)


def test_a_fixed_distribution_by_hand() -> None:
    p = torch.full((128,), 0.4 / 126)
    p[60], p[62] = 0.5, 0.1
    pieces = melodies([3, 1])
    pieces = replace(pieces, notes={"pitch": torch.tensor([60, 62, 64, 60])})
    summary = summarise(scored(says_always(p), pieces, 2, 1), {"0": "a", "1": "b"})
    nll = -(2 * math.log(0.5) + math.log(0.1) + math.log(0.4 / 126)) / 4
    assert summary["pitch_nll"] == pytest.approx(nll, rel=1e-6)
    assert summary["pitch_bits_per_note"] == pytest.approx(nll / math.log(2), rel=1e-6)
    assert summary["pitch_accuracy"] == 0.5
    assert summary["pitch_top5_accuracy"] == 0.75  # 64 comes after 60, 62 and the lower ones


def test_a_uniform_model_needs_seven_bits() -> None:
    found = scored(says_always(torch.full((128,), 1 / 128)), melodies([9, 4]), 4, 2)
    assert summarise(found, {"0": "a", "1": "b"})["pitch_bits_per_note"] == pytest.approx(7)


def test_a_window_as_long_as_the_piece_gives_the_whole_sequence() -> None:
    model, pieces = model_of(settings()), melodies([17, 1, 40, 5])
    nats = scored(model, pieces, 40, 20).fields["pitch"]["nats"].sum()
    assert nats == pytest.approx(nats_by_hand(model, pieces), rel=1e-5)


@pytest.mark.parametrize("name", list(names()))
def test_the_batch_size_changes_nothing(name: str) -> None:
    model = model_of(settings(name))
    pieces = pieces_for(model, (30, 7, 12, 1, 25, 25))
    one, few, whole = (scored(model, pieces, 10, 4, n) for n in (1, 33, 16384))
    for field, own in whole.fields.items():
        assert one.fields[field]["nats"] == pytest.approx(own["nats"], rel=1e-4, abs=1e-5)
        assert few.fields[field]["nats"] == pytest.approx(own["nats"], rel=1e-4, abs=1e-5)


def test_scoring_switches_dropout_off_and_changes_no_weight() -> None:
    model = model_of(settings("lstm_local published")).train()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    first, again = (scored(model, melodies([20]), 8, 4).nll() for _ in range(2))
    assert first == again
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_tally_adds_up() -> None:
    whole, parts = Tallies(), Tallies()
    nats, hit = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([True, False, True])
    whole.add({"pitch": {"nats": nats, "hit": hit}})
    for i in range(3):
        parts.add({"pitch": {"nats": nats[i : i + 1], "hit": hit[i : i + 1]}})
    assert whole == parts
    assert whole.nll() == 3.0
    assert whole.accuracy() == {"pitch": pytest.approx(2 / 3)}
    assert whole.notes == 3
