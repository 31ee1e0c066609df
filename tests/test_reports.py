"""Metrics files: stable bytes, few digits, no numbers that are none."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonerow import reports

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite)
def test_rounding_keeps_six_digits_and_is_done_once(value: float) -> None:
    found = reports.rounded(value)
    assert found == pytest.approx(value, rel=5.1e-6)
    assert reports.rounded(found) == found


def test_rounding_reaches_every_level_and_leaves_the_rest_alone() -> None:
    tree = {"a": 1.23456789, "b": [123456789, (0.1 + 0.2, "x")], "c": {"d": None, "e": True}}
    found = reports.rounded(tree)
    assert found == {"a": 1.23457, "b": [123456789, [0.3, "x"]], "c": {"d": None, "e": True}}
    assert tree["a"] == 1.23456789


def test_json_keeps_the_order_and_ends_in_a_line_break(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "a.json"
    reports.write_json(path, {"z": 1 / 3, "a": {"é": 2}})
    assert path.read_bytes() == '{\n  "z": 0.333333,\n  "a": {\n    "é": 2\n  }\n}\n'.encode()
    assert json.loads(path.read_text("utf-8")) == {"z": 0.333333, "a": {"é": 2}}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_is_no_number(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        reports.write_json(tmp_path / "a.json", {"nll": value})


def test_csv_has_a_header_and_a_row_each(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "curves.csv"
    reports.write_csv(path, [{"epoch": 1, "nll": 2.00000049}, {"epoch": 2, "nll": 1 / 3}])
    assert path.read_bytes() == b"epoch,nll\n1,2.0\n2,0.333333\n"
    with path.open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


def test_a_row_is_one_line_with_names() -> None:
    assert reports.line({"epoch": 3, "val_nll": 1.23456}) == "epoch 3  val_nll 1.235"
