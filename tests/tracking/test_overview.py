"""What a run says first."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tonerow.tracking.overview import overview


def estimate(key: str, mean: float) -> dict[str, float]:
    return {key: mean, f"{key}_low": mean - 0.1, f"{key}_high": mean + 0.2}


def side(field: str) -> dict[str, Any]:
    rival = {"name": "rival_past_rhythm", **estimate("difference", -0.15)}
    scores = estimate(f"{field}_nll", math.log(2)) | estimate(f"{field}_accuracy", 0.5)
    return {**scores, "notes": 9, "rival": rival}


@pytest.mark.parametrize(("field", "one"), [("pitch", "pitch"), ("char", "character")])
def test_the_numbers_that_are_read_first(tmp_path: Path, field: str, one: str) -> None:
    files: dict[str, Any] = {
        "evaluate": {"test": side(field), "val": {f"{field}_nll": 0.7}},
        "train": {"parameters": 12345},
        "generate": {"copied_fraction": 0.25},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    low, high = 1 - 0.1 / math.log(2), 1 + 0.2 / math.log(2)
    assert overview(tmp_path, 480.4).splitlines() == [
        "| | test (95 % over works) | val |",
        "|---|---|---|",
        f"| bits a {one} | 1.000 ({low:.3f} to {high:.3f}) | {0.7 / math.log(2):.3f} |",
        f"| nats a {one} | 0.693 (0.593 to 0.893) | 0.700 |",
        "| accuracy | 0.500 (0.400 to 0.700) | - |",
        "| nats more than the rival (past rhythm) | -0.150 (-0.250 to 0.050) | - |",
        "",
        "- parameters: 12,345",
        "- training: 480 s",
        "- share of the samples that is copied from train: 25.0%",
    ]
