"""Choosing from logits: what stays possible, how likely it is, and that draws repeat."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tonerow.generation.sampling import decay_repeats, draw, go_on, restrict, within

values = st.floats(-20, 20, width=32)
rows = st.integers(2, 9).flatmap(
    lambda n: st.lists(st.lists(values, min_size=n, max_size=n), min_size=1, max_size=4)
)
logits = rows.map(torch.tensor)
temperatures = st.floats(0.1, 10)


def support(found: Tensor) -> Tensor:
    return found > float("-inf")


@given(logits, temperatures, st.integers(0, 12), st.floats(0.01, 1))
@settings(max_examples=50)
def test_what_is_left_is_a_distribution(x: Tensor, heat: float, k: int, p: float) -> None:
    found = restrict(x, heat, k, p).softmax(-1)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(len(x)))


@given(logits)
@settings(max_examples=50)
def test_nothing_asked_for_changes_nothing(x: Tensor) -> None:
    assert torch.equal(restrict(x, 1.0, 0, 1.0), x)


@given(logits, temperatures)
@settings(max_examples=50)
def test_temperature_divides_the_log_odds(x: Tensor, heat: float) -> None:
    found = restrict(x, heat, 0, 1.0)
    torch.testing.assert_close((found - found[:, :1]) * heat, x - x[:, :1], atol=1e-4, rtol=1e-4)


@given(logits, st.integers(1, 12))
@settings(max_examples=50)
def test_top_k_keeps_the_k_most_likely(x: Tensor, k: int) -> None:
    kept = support(restrict(x, 1.0, k, 1.0))
    assert (kept.sum(-1) == min(k, x.shape[1])).all()
    for row, keep in zip(x, kept, strict=True):
        if not keep.all():
            assert row[keep].min() >= row[~keep].max()


@given(logits, st.floats(0.01, 0.99))
@settings(max_examples=50)
def test_min_p_keeps_what_is_likely_enough_beside_the_likeliest(x: Tensor, p: float) -> None:
    kept = support(restrict(x, 1.0, 0, 1.0, p))
    likely = (x - x.max(-1, keepdim=True).values).exp()
    assert kept[likely > p * 1.001].all()
    assert not kept[likely < p * 0.999].any()


@given(logits, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=50)
def test_a_range_keeps_what_is_in_it_as_it_is(x: Tensor, low: int, more: int) -> None:
    found = within(x, low, low + more)
    inside = slice(low, low + more + 1)
    assert torch.equal(found[:, inside], x[:, inside])
    assert support(found).sum() == found[:, inside].numel()


@given(logits, st.floats(0.01, 0.99))
@settings(max_examples=50)
def test_top_p_keeps_the_fewest_that_reach_the_mass(x: Tensor, p: float) -> None:
    kept = support(restrict(x, 1.0, 0, p))
    for row, keep, before in zip(x, kept, x.double().softmax(-1), strict=True):
        assert keep.any()
        assert before[keep].sum() >= p - 1e-5
        assert before[keep].sum() - before[keep].min() <= p + 1e-5
        if not keep.all():
            assert row[keep].min() >= row[~keep].max()


@given(logits, temperatures, st.integers(0, 12), st.floats(0.01, 1))
@settings(max_examples=50)
def test_what_is_kept_keeps_its_odds(x: Tensor, heat: float, k: int, p: float) -> None:
    found = restrict(x, heat, k, p)
    kept = support(found)
    torch.testing.assert_close(found[kept], (x / heat)[kept])


@given(logits)
@settings(max_examples=50)
def test_the_extremes_choose_the_most_likely(x: Tensor) -> None:
    best = x.argmax(-1)
    for found in (restrict(x, 1.0, 1, 1.0), restrict(x, 1.0, 0, 1e-9)):
        assert torch.equal(support(found).sum(-1), torch.ones(len(x), dtype=torch.int64))
        assert torch.equal(x.gather(1, found.argmax(-1)[:, None]), x.gather(1, best[:, None]))


def test_the_mass_is_counted_after_the_temperature() -> None:
    x = torch.tensor([[2.0, 1.0, 0.0]])
    assert support(restrict(x, 0.1, 0, 0.95)).tolist() == [[True, False, False]]
    assert support(restrict(x, 100.0, 0, 0.95)).tolist() == [[True, True, True]]


def test_top_p_by_hand() -> None:
    x = torch.tensor([[0.5, 0.2, 0.3], [0.05, 0.9, 0.05]]).log()
    assert support(restrict(x, 1.0, 0, 0.6)).tolist() == [[True, False, True], [False, True, False]]


@given(logits, st.floats(0, 0.99), st.integers(1, 6), st.data())
@settings(max_examples=50)
def test_repeating_loses_odds_for_each_time(
    x: Tensor, decay: float, run: int, data: st.DataObject
) -> None:
    ids = st.integers(0, x.shape[1] - 1)
    previous = torch.tensor(data.draw(st.lists(ids, min_size=len(x), max_size=len(x))))
    runs = torch.full((len(x),), run)
    found = decay_repeats(x, previous, runs, decay)
    at = torch.arange(len(x)), previous
    factor = torch.tensor((1 - decay) ** run, dtype=torch.float64).log().float()
    torch.testing.assert_close(found[at] - x[at], factor.expand(len(x)), atol=1e-4, rtol=1e-4)
    untouched = torch.ones_like(x, dtype=torch.bool)
    untouched[at] = False
    assert torch.equal(found[untouched], x[untouched])


def test_full_decay_never_repeats() -> None:
    x = torch.tensor([[50.0, 0.0, 0.0]])
    found = decay_repeats(x, torch.tensor([0]), torch.tensor([1]), 1.0).softmax(-1)
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.5, 0.5]]))


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_the_first_note_repeats_nothing(decay: float) -> None:
    x = torch.randn(2, 5)
    found = decay_repeats(x, torch.tensor([-1, -1]), torch.tensor([0, 3]), decay)
    assert torch.equal(found, x)


def generators(seed: int, n: int) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, i]) for i in range(n)]


def test_a_class_that_is_cut_off_is_never_drawn_and_draws_follow_the_odds() -> None:
    p = torch.tensor([0.1, 0.0, 0.6, 0.3])
    drawn = draw(p.log().expand(20_000, -1), generators(1, 20_000))
    share = drawn.bincount(minlength=4) / len(drawn)
    assert share[1] == 0
    torch.testing.assert_close(share, p, atol=0.02, rtol=0)


def test_the_seed_decides_the_draws() -> None:
    x = torch.zeros(64, 128)
    first, again, other = (draw(x, generators(seed, len(x))) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_drawing_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    draw(torch.zeros(2, 3), generators(0, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_rows_are_drawn_alike_alone_and_side_by_side() -> None:
    logits = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    together = draw(logits, generators(1, 5))
    for i in range(5):
        alone = draw(logits[i : i + 1], [np.random.default_rng([1, i])])
        assert alone.tolist() == together[i : i + 1].tolist()


def test_the_last_class_that_is_possible_is_the_last_drawn() -> None:
    class Almost(np.random.Generator):
        def random(self) -> float:  # type: ignore[override]
            return 1 - 2.0**-53

    logits = torch.tensor([[0.0, 0.0, float("-inf")]])
    assert draw(logits, [Almost(np.random.PCG64(0))]).item() == 1


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**20))
@settings(max_examples=50)
def test_the_likeliest_of_all_that_may_follow_go_on(
    rows: int, kept: int, n: int, seed: int
) -> None:
    numbers = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, kept, generator=numbers)
    logits = torch.randn(rows, kept, n, generator=numbers)
    found, source, chosen = go_on(scores, logits)
    for row in range(rows):
        sums = {(i, c): scores[row, i] + logits[row, i, c] for i in range(kept) for c in range(n)}
        best = sorted(sums, key=lambda pair: -sums[pair])[:kept]
        assert list(zip(source[row].tolist(), chosen[row].tolist(), strict=True)) == best
        assert found[row].tolist() == [sums[pair].item() for pair in best]


def test_nothing_follows_a_beginning_that_is_not_there() -> None:
    scores = torch.tensor([[0.0, float("-inf")]])
    logits = torch.tensor([[[-9.0, float("-inf")], [0.0, 0.0]]])
    found, source, chosen = go_on(scores, logits)
    assert (found[0, 0].item(), source[0, 0].item(), chosen[0, 0].item()) == (-9, 0, 0)
    assert found[0, 1].item() == float("-inf")
