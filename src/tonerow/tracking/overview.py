"""What a run says first: a few lines of Markdown on its page in MLflow."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FIELDS = {"pitch": "pitch", "char": "character"}
"""Fields that a model is judged by, and what one of them is called."""


def overview(metrics: Path, seconds: float | None) -> str:
    """The dozen numbers that are read first, as Markdown.

    Args:
        metrics: folder with ``evaluate.json`` and, if they are there, ``train.json`` and
            ``generate.json``.
        seconds: of training; None where the model was not trained here.
    """
    evaluated, trained, generated = (
        _read(metrics / f"{name}.json") for name in ("evaluate", "train", "generate")
    )
    test, val = (evaluated.get(side, {}) for side in ("test", "val"))
    lines = []
    for field, one in FIELDS.items():
        if f"{field}_nll" in test:
            lines += _scores(field, one, test, val)
    if "parameters" in trained:
        lines.append(f"- parameters: {trained['parameters']:,}")
    lines.append(f"- training: {f'{seconds:,.0f} s' if seconds else 'not here, restored by DVC'}")
    if "copied_fraction" in generated:
        copied = generated["copied_fraction"]
        lines.append(f"- share of the samples that is copied from train: {copied:.1%}")
    return "\n".join(lines)


def _read(path: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is not there."""
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _scores(field: str, one: str, test: Mapping[str, Any], val: Mapping[str, Any]) -> list[str]:
    """A table of scores with their intervals."""
    lines = ["| | test (95 % over works) | val |", "|---|---|---|"]
    for unit, scale in (("bits", 1 / math.log(2)), ("nats", 1.0)):
        cells = [estimate(of, f"{field}_nll", scale) for of in (test, val)]
        lines.append(f"| {unit} a {one} | {' | '.join(cells)} |")
    cells = [estimate(of, f"{field}_accuracy") for of in (test, val)]
    lines.append(f"| accuracy | {' | '.join(cells)} |")
    if rival := test.get("rival"):
        name = rival["name"].removeprefix("rival_").replace("_", " ")
        cells = [estimate(of.get("rival", {}), "difference") for of in (test, val)]
        lines.append(f"| nats more than the rival ({name}) | {' | '.join(cells)} |")
    return [*lines, ""]


def estimate(of: Mapping[str, Any], key: str, scale: float = 1.0) -> str:
    """A number, with its 95 % interval if it has one; "-" if it is not there."""
    found = [of[name] * scale for name in (key, f"{key}_low", f"{key}_high") if name in of]
    if len(found) < 3:
        return "".join(f"{number:.3f}" for number in found[:1]) or "-"
    return "{:.3f} ({:.3f} to {:.3f})".format(*found)
