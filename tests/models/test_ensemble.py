"""Tests of an ensemble beside its networks; what it shares with every model is in test_contract.py."""

import pytest
import torch

from tests.models.test_contract import VOCABULARIES, batch_for, small
from tonerow.models.ensemble import Ensemble
from tonerow.params import Training
from tonerow.training.loop import clip

NAMES = ["lstm_local small", "lstm_window published", "lstm_fields published", "lstm_char small"]


def two(name: str) -> Ensemble:
    model = small(name, networks=2)
    assert isinstance(model, Ensemble)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_answers_with_the_mean_of_the_probabilities(name: str) -> None:
    model = two(name).eval()
    batch = batch_for(model)
    each = [network(batch) for network in model.networks]
    for field, prediction in model(batch).items():
        one, other = (said[field].log_probabilities().exp() for said in each)
        assert not torch.allclose(one, other)
        torch.testing.assert_close(prediction.log_probabilities().exp(), (one + other) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_each_network_learns_as_if_it_were_alone(name: str) -> None:
    model = two(name).eval()  # without dropout
    batch = batch_for(model)
    settings = Training.model_construct(clip_norm=0.01, clip_value=0.0)
    model.loss(model(batch), batch).backward()  # type: ignore[no-untyped-call]
    clip(model, settings)
    for network in model.learners():
        together = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        network.zero_grad()
        network.loss(network(batch), batch).backward()  # type: ignore[no-untyped-call]
        clip(network, settings)
        alone = [p.grad for p in network.parameters() if p.grad is not None]
        assert torch.stack([gradient.norm() for gradient in alone]).norm() > 0.009
        torch.testing.assert_close(together, alone)


def test_follows_the_errors_of_each_network() -> None:
    model = two("lstm_window published").train()
    batch = batch_for(model)
    model.observe(model(batch), batch)
    one, other = (dict(network.named_buffers())["values.squares"] for network in model.networks)
    assert (one != 1).all()
    assert not torch.equal(one, other)


def test_as_many_networks_as_asked_for() -> None:
    one, three = small("rnn_vanilla published"), small("rnn_vanilla published", networks=3)
    assert not isinstance(one, Ensemble)
    assert three.n_parameters() == 3 * one.n_parameters()
    assert three.vocabularies == VOCABULARIES
    assert (three.view, three.conditions_on, three.reach) == (
        one.view,
        one.conditions_on,
        one.reach,
    )
