"""The model behind MLflow's `predict`, of every design."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests import shipped
from tests.cli.test_commands import model_file
from tonerow.generation import GenerationError
from tonerow.models import find
from tonerow.serving.answers import Answers
from tonerow.serving.saving import ANSWERS, EXAMPLES

NAMES = sorted(shipped.tree()["models"])
DRAWING = shipped.settings().generate.model_dump() | {"samples": 1}


def ask(folder: Path, model: str, table: dict[str, Any], **changes: Any) -> pd.DataFrame:
    """What a small untrained model answers."""
    return Answers(model_file(folder, f"{model} small"), DRAWING).to(pd.DataFrame(table), changes)


@pytest.mark.parametrize("model", NAMES)
def test_every_design_answers_its_example(tmp_path: Path, model: str) -> None:
    view = find(model).view
    answer = ask(tmp_path, model, EXAMPLES[view], samples=2, max_notes=9, max_characters=40)
    assert list(answer) == list(ANSWERS[view])
    assert set(answer["sample"]) == {0, 1}


def test_a_rhythm_is_kept_and_a_primer_comes_first(tmp_path: Path) -> None:
    rhythm, primer = EXAMPLES["melody"], EXAMPLES["events"]
    notes = ask(tmp_path, "lstm_local", rhythm)
    for name, beats in rhythm.items():
        assert notes[name].tolist() == beats
    notes = ask(tmp_path, "lstm_window", primer, max_notes=9)
    assert notes["pitch"][:4].tolist() == primer["pitch"]
    assert notes["is_given"].tolist() == [True] * 4 + [False] * 5


def test_settings_of_the_call_count(tmp_path: Path) -> None:
    rhythm = EXAMPLES["melody"]
    first, again = (ask(tmp_path, "lstm_local", rhythm, seed=3) for _ in range(2))
    assert first.equals(again)
    assert not first.equals(ask(tmp_path, "lstm_local", rhythm, seed=4))


@pytest.mark.parametrize(
    ("model", "table", "says"),
    [
        ("lstm_local", {"onset_beat": [], "duration_beat": []}, "no row"),
        ("lstm_local", {"onset_beat": [-1.0], "duration_beat": [1.0]}, "onset_beat of 0 or more"),
        ("lstm_local", {"onset_beat": [0.0], "duration_beat": [float("nan")]}, "each row needs"),
        ("lstm_local", {"onset_beat": [0.0], "duration_beat": [0.0]}, "below 1/480"),
        (
            "lstm_window",
            {"pitch": [128], "onset_beat": [0.0], "duration_beat": [1.0]},
            "pitch of 0-127",
        ),
        ("lstm_char", {"header": ["R:jig"]}, "fields of ABC with a key"),
    ],
)
def test_a_table_without_sense_is_refused(
    tmp_path: Path, model: str, table: dict[str, Any], says: str
) -> None:
    with pytest.raises(GenerationError, match=says):
        ask(tmp_path, model, table)


def test_a_primer_that_fills_the_sample_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="the primer's 4 notes leave no place"):
        ask(tmp_path, "lstm_window", EXAMPLES["events"], max_notes=4)
