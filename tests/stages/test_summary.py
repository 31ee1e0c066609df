"""The dozen numbers that are compared first."""

from __future__ import annotations

from typing import Any

import pytest

from stages.summary import headline

TRAIN, GENERATE = {"parameters": 7, "val_nll": 0.5}, {"copied_fraction": 0.25, "notes": 9}
RIVAL = {"name": "r", "difference": -0.1, "difference_low": -0.2, "difference_high": 0.0}


def scores(field: str, **more: Any) -> dict[str, Any]:
    names = "nll", "nll_low", "nll_high", "accuracy", "top5_accuracy"
    return {f"{field}_{name}": i / 8 for i, name in enumerate(names)} | {"notes": 3} | more


def test_scores_with_intervals_the_rival_and_the_size() -> None:
    evaluate = {side: scores("pitch", rival=RIVAL) for side in ("val", "test")}
    evaluate["test"] |= {"duration_nll": 9.0, "nll": 10.0}
    own = {"pitch_nll": 0.0, "pitch_nll_low": 1 / 8, "pitch_nll_high": 2 / 8}
    own["pitch_accuracy"] = 3 / 8
    assert headline(evaluate, TRAIN, GENERATE) == {
        "test": own
        | {"more_than_rival": -0.1, "more_than_rival_low": -0.2, "more_than_rival_high": 0.0},
        "val": own,
        "parameters": 7,
        "copied": 0.25,
    }


@pytest.mark.parametrize("field", ["pitch", "char"])
def test_a_model_may_have_no_rival(field: str) -> None:
    found = headline({side: scores(field) for side in ("val", "test")}, TRAIN, GENERATE)
    assert set(found["test"]) == set(found["val"])
    assert f"{field}_nll" in found["test"]
