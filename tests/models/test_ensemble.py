"""Tests of an ensemble beside its networks; what it shares with every model is in test_contract.py."""

import pytest
import torch

from tests.models.test_contract import VOCABULARIES, batch_for, small
from tonerow.models.ensemble import Ensemble

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
