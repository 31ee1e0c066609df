"""A model that is worse than the committed one beyond doubt fails."""

from __future__ import annotations

import numpy as np
import pytest

from tonerow.tracking.report import Works, more, verdict

RANDOM = np.random.default_rng(0)
BEFORE: Works = {f"work {i}": (100, 60 + 10 * RANDOM.normal()) for i in range(80)}


def changed(mean: float, spread: float) -> Works:
    """The same works with so many nats a note more, on average."""
    return {
        work: (notes, nats + notes * (mean + spread * RANDOM.normal()))
        for work, (notes, nats) in BEFORE.items()
    }


@pytest.mark.parametrize(
    ("mean", "passes", "says"),
    [(0.05, False, "Worse"), (-0.05, True, "Better"), (0.0, True, "No difference")],
)
def test_what_the_interval_carries_decides(mean: float, passes: bool, says: str) -> None:
    found = more(changed(mean, 0.05), BEFORE)
    assert found is not None
    assert found.low < mean < found.high
    assert verdict(found)[0] is passes
    assert says in verdict(found)[1]


def test_other_notes_are_not_compared() -> None:
    others = {**BEFORE, "another": (5, 3.0)}
    assert more(others, BEFORE) is None
    assert more({**BEFORE, "work 0": (99, 3.0)}, BEFORE) is None
    assert verdict(None)[0]
