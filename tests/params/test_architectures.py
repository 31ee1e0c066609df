"""Settings of architectures: what cannot be together is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import shipped
from tests.params.refusals import refusal
from tonerow.params.sections import ARCHITECTURES


def test_every_size_of_an_architecture_is_read_by_its_class() -> None:
    models = shipped.settings().models
    assert set(models) == set(ARCHITECTURES)
    for name, sizes in models.items():
        assert all(type(settings) is ARCHITECTURES[name] for settings in sizes.values())


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        (
            "lstm_window.small",
            {"window": 5, "training.window": 6},
            "window is 5 and training.window 6; they must be equal",
        ),
        ("rnn_heads.small", {"predicts": ["duration"]}, "['duration']; it must hold pitch"),
        ("rnn_heads.small", {"predicts": ["pitch", "pitch"]}, "each field once"),
        ("lstm_char.published", {"training.transpose": 1}, "training.transpose must be 0"),
        (
            "lstm_local.few",
            {"training.transpose": 1},
            "training.predict all; n-grams need 0 and all",
        ),
        ("rnn_heads.few", {"training.predict": "last"}, "training.predict last; n-grams need 0"),
    ],
)
def test_a_contradiction_is_named(file: Path, name: str, values: dict[str, Any], says: str) -> None:
    section = f"models.{name}"
    message = refusal(file, shipped.tree({f"{section}.{key}": v for key, v in values.items()}))
    assert message.startswith(f"{file}: {section}: ")
    assert says in message
