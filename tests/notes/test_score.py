"""The reason why a source cannot be read."""

from __future__ import annotations

import pytest

from tonerow.abc_notation import read_tune
from tonerow.notes.schema import Rejection
from tonerow.notes.score import LONGEST_DETAIL, UnreadableError


def test_a_long_quotation_is_shortened_in_its_middle() -> None:
    detail = UnreadableError(Rejection.CORRUPT, f"begins {'x' * 20_000} ends").detail
    assert detail.startswith("begins xxx")
    assert detail.endswith("xxx ends")
    assert len(detail) < LONGEST_DETAIL + 10


def test_no_field_of_a_tune_makes_a_reason_long() -> None:
    with pytest.raises(UnreadableError) as refused:
        read_tune(f"X:1\nK:C{'z' * 20_000}\nCDE|\n")
    assert len(refused.value.detail) < LONGEST_DETAIL + 10
