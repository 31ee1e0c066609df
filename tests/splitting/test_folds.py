"""Folds: equal sizes, whole units, every piece tested once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonerow.splitting.folds import deal, sides
from tonerow.splitting.works import SplitError


@given(st.integers(10, 60), st.integers(3, 10), st.integers(0, 5))
def test_folds_over_pieces_differ_by_one_piece_at_most(n: int, n_folds: int, seed: int) -> None:
    sizes = np.bincount(deal([f"p{i}" for i in range(n)], n_folds, seed), minlength=n_folds)
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.integers(0, 30), min_size=3, max_size=80), st.integers(0, 3))
def test_a_unit_is_never_cut_and_no_fold_is_empty(works: list[int], seed: int) -> None:
    units = [f"w{work}" for work in works] + ["a", "b", "c"]
    fold = deal(units, 3, seed)
    assert {
        len({int(f) for f, own in zip(fold, units, strict=True) if own == u}) for u in units
    } == {1}
    assert set(fold.tolist()) == {0, 1, 2}


def test_a_large_unit_fills_a_fold_and_the_small_ones_the_others() -> None:
    fold = deal(["large"] * 6 + [f"small{i}" for i in range(12)], 3, seed=1)
    assert set(fold[:6].tolist()) == {0}
    assert np.bincount(fold).tolist() == [6, 6, 6]


def test_the_seed_alone_decides_and_not_the_order() -> None:
    units = [f"p{i}" for i in range(40)]
    fold = deal(units, 10, seed=1)
    assert deal(units[::-1], 10, seed=1)[::-1].tolist() == fold.tolist()
    assert deal(units, 10, seed=2).tolist() != fold.tolist()


def test_every_piece_is_test_once_and_val_once() -> None:
    fold = deal([f"p{i}" for i in range(37)], 5, seed=0)
    found = np.array([sides(fold, test) for test in range(5)])
    for side in ("test", "val"):
        assert ((found == side).sum(0) == 1).all()
    assert ((found == "train").sum(0) == 3).all()


def test_too_few_folds_or_units_are_refused() -> None:
    with pytest.raises(SplitError, match="2 folds are too few"):
        deal(["a", "b", "c"], 2, seed=1)
    with pytest.raises(SplitError, match="2 units cannot be dealt to 3 folds; ask for at most 2"):
        deal(["a", "b", "a"], 3, seed=1)
