"""``space.yaml``: what a file says is what is tried, or a sentence says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests import shipped
from tonerow import params
from tonerow.params.loading import read
from tonerow.search import space

SETTINGS = shipped.settings({"model": "transformer"})
RATE = {"low": 0.001, "high": 0.01, "scale": "log"}
SPACE: dict[str, Any] = {
    "study": "a-study",
    "seed": 1,
    "trials": 3,
    "ranges": {"training.learning_rate": RATE},
    "choices": {"layers": [2, 4]},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "space.yaml"


def load(file: Path, tree: dict[str, Any]) -> space.Space:
    YAML(typ="safe").dump(tree, file)
    return space.load(file, SETTINGS)


def test_the_file_as_it_lies_there_loads() -> None:
    assert read(shipped.PATH.with_name("space.yaml"), space.Space).trials > 0


def test_every_value_is_read(file: Path) -> None:
    assert load(file, SPACE).model_dump() == SPACE


def test_ends_of_whole_numbers_are_whole(file: Path) -> None:
    ranges = {"layers": {"low": 1, "high": 4.0, "scale": "linear"}, "training.learning_rate": RATE}
    loaded = load(file, {**SPACE, "ranges": ranges, "choices": {}})
    found = space.ends(loaded, SETTINGS.selected)
    assert found == {"layers": (1, 4), "training.learning_rate": (0.001, 0.01)}
    assert all(isinstance(end, int) for end in found["layers"])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"trails": 3}, "unknown key trails (did you mean 'trials'?); allowed here: study, seed,"),
        ({"trials": 0}, "trials is 0; input should be greater than 0 (trials: trainings in all"),
        ({"study": "a b"}, "study is 'a b'; string should match"),
        ({"study": "-a"}, "study is '-a'; string should match"),
        (
            {"ranges": {}, "choices": {}},
            "ranges and choices are empty; allowed there: networks, tra",
        ),
        ({"choices": {"layers": []}}, "choices.layers is []; it should have at least 1 in it"),
        ({"choices": {"layers": [[2]]}}, "choices.layers holds [2]; allowed: numbers and names"),
        ({"choices": {"layer": [2]}}, "unknown key choices.layer (did you mean 'layers'?)"),
        ({"choices": {"layers": [2, 0]}}, "choices: layers is 0; input should be greater than 0"),
        (
            {"choices": {"training.optimizer": ["adma"]}},
            "choices: training.optimizer is 'adma' (did you mean 'adam'?); allowed: adam, adamw",
        ),
        (
            {"choices": {"hidden_size": [130]}},
            "choices: hidden_size is 130, which is no multiple of heads, 4",
        ),
        (
            {"choices": {"training.learning_rate": [0.1]}},
            "training.learning_rate is in ranges and in choices; allowed: in one of them",
        ),
        (
            {"ranges": {"training.learning_rat": RATE}},
            "unknown key ranges.training.learning_rat (did you mean 'training.learning_rate'?)",
        ),
        (
            {"ranges": {"dropout": {"low": 0.1, "high": 1.5, "scale": "linear"}}},
            "ranges: dropout is 1.5; input should be less than 1 (dropout: share of",
        ),
        (
            {"ranges": {"heads": {"low": 1.5, "high": 4, "scale": "linear"}}},
            "ranges: heads is 1.5; input should be a valid integer",
        ),
        (
            {"ranges": {"dropout": {"low": 0, "high": 0.5, "scale": "log"}}},
            "ranges.dropout: low is 0.0; with scale: log it must be above 0",
        ),
        (
            {"ranges": {"dropout": {"low": 0.5, "high": 0.5, "scale": "linear"}}},
            "ranges.dropout: low is 0.5 and high 0.5; low must be the smaller",
        ),
        (
            {"ranges": {"dropout": {"low": 0.1, "high": 0.5, "scale": "lin"}}},
            "ranges.dropout.scale is 'lin' (did you mean 'linear'?); allowed: linear, log (scale:",
        ),
        ({"ranges": {"dropout": {"low": 0.1, "scale": "log"}}}, "ranges.dropout.high is missing"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_a_sentence(file: Path, wrong: Any, says: str) -> None:
    with pytest.raises(params.ParamsError) as error:
        load(file, {**SPACE, **wrong})
    assert f"{file}: {says}" in str(error.value)
