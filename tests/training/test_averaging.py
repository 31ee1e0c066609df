"""The mean of weights follows them, forgets where it began, and goes on from what was saved."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.tiny import model_of, settings
from tonerow.models.base import Model
from tonerow.training.averaging import Average


def moved(model: Model, to: float) -> Model:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(to)
    return model


def mean_of(average: Average) -> float:
    return float(next(average.model.parameters()).detach().mean())


def test_without_updates_it_is_the_model_itself() -> None:
    model = model_of(settings())
    average = Average(model, 0)
    average.follow(moved(model, 3))
    assert average.model is model
    assert not average.state_dict()["weights"]


def test_it_forgets_where_training_began_and_then_what_is_long_past() -> None:
    model = moved(model_of(settings()), -1000)
    average = Average(model, 50)
    for i in range(40):  # while it is young it looks back less far than 50 updates
        average.follow(moved(model, i))
    assert 30 < mean_of(average) < 39
    for i in range(40, 1000):
        average.follow(moved(model, i))
    assert mean_of(average) == pytest.approx(999 - 49, abs=1)
    assert float(next(model.parameters()).detach().mean()) == 999


def test_it_goes_on_from_what_was_saved() -> None:
    model = model_of(settings())
    whole, saved = Average(model, 8), {}
    for i in range(30):
        whole.follow(moved(model, i))
        if i == 11:
            saved = copy.deepcopy(whole.state_dict())
    again = Average(model, 8)
    again.load_state_dict(saved)
    for i in range(12, 30):
        again.follow(moved(model, i))
    assert mean_of(again) == mean_of(whole)
