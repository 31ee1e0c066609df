"""Distributions over a field's vocabulary."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tonerow.models.heads import ContinuousHead, TimeHead
from tonerow.models.predictions import UNIFORM_SHARE, Categorical, Copied, Density, Poisson
from tonerow.models.vocabulary import Vocabulary, from_plain, to_plain

DURATION = Vocabulary(4, (-1.0, 0.0, 1.0), (0.0, 1.0, 2.0, 3.0), (-1.5, -0.5, 0.5, 1.5), 1.0)
numbers = st.floats(-50, 50, allow_nan=False, width=32)


def gaussian(mean: float, log_scale: float, squared_error: bool = False) -> Density:
    parts = [torch.tensor([[value]]) for value in (0.0, mean, log_scale)]
    return Density(parts[0], parts[1], parts[2], DURATION, squared_error)


def test_categorical_scores() -> None:
    prediction = Categorical(torch.tensor([[0.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]]))
    target = torch.tensor([2, 0])
    expected = -prediction.logits.log_softmax(-1)[[0, 1], target]
    torch.testing.assert_close(prediction.nll(target), expected)
    torch.testing.assert_close(prediction.loss(target), expected)
    assert prediction.hits(target).tolist() == [False, True]  # of equals, the lower id
    assert prediction.hits(target, 2).tolist() == [True, True]
    assert prediction.best().tolist() == [1, 0]


@given(numbers, numbers)
def test_a_density_is_a_distribution_over_ids(mean: float, log_scale: float) -> None:
    scores = gaussian(mean, log_scale).log_probabilities()
    assert torch.isfinite(scores).all()
    torch.testing.assert_close(scores.exp().sum(), torch.tensor(1.0))


def test_a_cell_has_the_mass_of_its_interval() -> None:
    found = gaussian(0.0, 0.0).log_probabilities().exp()[0]
    inner = 0.5 * math.erf(1 / math.sqrt(2))
    expected = torch.tensor([0.5 - inner, inner, inner, 0.5 - inner])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_squared_error_is_what_its_name_says() -> None:
    loss = gaussian(0.5, 3.0, squared_error=True).loss(torch.tensor([3]), torch.tensor([1.5]))
    assert loss.item() == pytest.approx(1.0)


def test_copies_have_the_share_that_is_not_kept() -> None:
    kept = torch.tensor([0.75])
    copied = torch.tensor([[1e-30, 0.25, 1e-30, 1e-30]])
    prediction = Copied(gaussian(0.0, 0.0), kept.log(), copied.log())
    own = gaussian(0.0, 0.0).log_probabilities().exp()
    expected = (0.75 * own + copied)[0]
    torch.testing.assert_close(prediction.log_probabilities().exp()[0], expected)
    for target in range(4):
        ids = torch.tensor([target])
        torch.testing.assert_close(
            prediction.loss(ids, None), prediction.nll(ids), atol=1e-3, rtol=1e-3
        )
    assert prediction.at((0,)).log_probabilities().shape == (4,)


@given(st.floats(-8, 8), st.floats(-4, 3), st.integers(0, 3))
def test_a_density_is_trained_on_what_is_scored(mean: float, log_scale: float, target: int) -> None:
    prediction, ids = gaussian(mean, log_scale), torch.tensor([target])
    torch.testing.assert_close(
        prediction.loss(ids, None), prediction.nll(ids), atol=5e-3, rtol=1e-3
    )


@pytest.mark.parametrize("mean", [-1e5, -30.0, 0.0, 30.0, 1e5])
@pytest.mark.parametrize("log_scale", [-20.0, 0.0, 20.0])
def test_loss_and_gradients_of_a_wild_density_stay_finite(mean: float, log_scale: float) -> None:
    parts = [torch.full((4, 1), v, requires_grad=True) for v in (0.0, mean, log_scale)]
    loss = Density(parts[0], parts[1], parts[2], DURATION).loss(torch.arange(4), None)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss).all()
    assert (loss < math.log(DURATION.size / UNIFORM_SHARE) + 1e-3).all()
    for part in parts:
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()


@given(st.floats(-5, 5))
def test_the_best_id_of_a_density_holds_its_mean(mean: float) -> None:
    best = int(gaussian(mean, 0.0).best())
    low, high = (-math.inf, *DURATION.edges)[best], (*DURATION.edges, math.inf)[best]
    assert low - 1e-6 <= mean <= high + 1e-6


@given(st.floats(-5, 5))
def test_a_poisson_is_a_distribution_over_ids(log_rate: float) -> None:
    prediction = Poisson(torch.tensor([log_rate]), torch.tensor([0.0, 1.0, 2.0, 3.0]))
    torch.testing.assert_close(prediction.log_probabilities().exp().sum(), torch.tensor(1.0))
    assert int(prediction.best()) == min(round(math.exp(log_rate)), 3) or log_rate > 1


def test_a_poisson_may_answer_zero() -> None:
    head = TimeHead(2, "offset", DURATION, "poisson", "gaussian", 1)
    assert isinstance(head.out, torch.nn.Linear)
    torch.nn.init.zeros_(head.out.weight)
    torch.nn.init.constant_(head.out.bias, -4.6)  # a rate of 0.01
    prediction = head(torch.zeros(1, 2))
    assert int(prediction.best()) == 0
    assert prediction.log_probabilities().exp()[0, 0] > 0.98


def test_the_scale_of_a_squared_error_head_follows_its_errors() -> None:
    torch.manual_seed(0)
    head = ContinuousHead(2, {"duration": DURATION}, "squared_error")
    torch.nn.init.zeros_(head.linear.weight)
    torch.nn.init.zeros_(head.linear.bias)
    hidden, ids = torch.zeros(200, 1, 2), torch.zeros(200, 1, dtype=torch.int64)
    notes = {"duration": ids, "duration_norm": torch.randn(200, 1) * 3}
    scored = torch.ones(200, 1, dtype=torch.bool)
    for _ in range(1000):
        head.observe(head(hidden), notes, scored)
    assert head.squares.sqrt().item() == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize(
    ("density", "outputs"), [("squared_error", 1), ("gaussian", 2), ("mixture", 9)]
)
def test_outputs_of_a_continuous_head(density: str, outputs: int) -> None:
    head = ContinuousHead(5, {"offset": DURATION, "duration": DURATION}, density, components=3)
    assert head.linear.out_features == 2 * outputs
    scores = head(torch.randn(2, 3, 5))["duration"].log_probabilities()
    assert scores.shape == (2, 3, 4)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(2, 3))


def test_vocabularies_survive_the_model_file() -> None:
    vocabularies = {"pitch": Vocabulary(128), "duration": DURATION}
    assert from_plain(to_plain(vocabularies)) == vocabularies
