"""A study asks, is told, and goes on; here without trainings, with the real Optuna."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import shipped
from tonerow import params
from tonerow.search.space import Range, Space, TrialError, Values
from tonerow.search.study import Study

SETTINGS = shipped.settings()
SPACE = Space(
    study="s",
    seed=1,
    trials=14,  # Optuna draws ten at random first
    ranges={
        "dropout": Range(low=0.1, high=0.6, scale="linear"),
        "hidden_size": Range(low=8, high=256, scale="log"),
    },
    choices={"training.optimizer": ["adam", "adamw"]},
)


def nats(number: int, values: Values) -> float:
    """A stand-in for a training: best at dropout 0.3."""
    assert {type(value) for value in values.values()} == {float, int, str}
    return abs(float(values["dropout"]) - 0.3) + float(values["training.optimizer"] == "adam")


class Tried:
    """An objective that notes what it was asked and stops at a trial."""

    def __init__(self, stop: int = -1, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.asked: dict[int, Values] = {}
        self._stop, self._error = stop, error

    def __call__(self, number: int, values: Values) -> float:
        self.asked[number] = values
        if number == self._stop:
            raise self._error("it diverged")
        return nats(number, values)


def study(folder: Path, settings: params.Params = SETTINGS, **changes: Any) -> Study:
    space = Space.model_validate({**SPACE.model_dump(), **changes})
    return Study(f"sqlite:///{folder / 'search.db'}", space, settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """What a study asks that nothing interrupts."""
    tried = Tried()
    study(tmp_path_factory.mktemp("whole")).run(tried)
    return tried


def test_an_interrupted_study_asks_what_it_would_have_asked(tmp_path: Path, whole: Tried) -> None:
    first, second = Tried(stop=11), Tried()
    with pytest.raises(KeyboardInterrupt):
        study(tmp_path).run(first)
    again = study(tmp_path)
    identity = again.identity
    again.run(second)
    assert list(second.asked) == [11, 12, 13]  # the one that was interrupted first
    assert first.asked | second.asked == whole.asked
    assert study(tmp_path).identity == identity
    best = again.best()
    assert best is not None
    number, value, values = best
    assert value == min(nats(0, asked) for asked in whole.asked.values())
    assert values == whole.asked[number]


def test_another_seed_asks_something_else(tmp_path: Path, whole: Tried) -> None:
    tried = Tried()
    study(tmp_path, seed=2).run(tried)
    assert tried.asked[0] != whole.asked[0]


def test_a_failed_trial_is_recorded_and_the_study_goes_on(tmp_path: Path) -> None:
    tried = Tried(stop=1, error=TrialError)
    searched = study(tmp_path, trials=3)
    searched.run(tried)
    assert list(tried.asked) == [0, 1, 2]
    assert [trial.state.name for trial in searched.optuna.trials] == [
        "COMPLETE",
        "FAIL",
        "COMPLETE",
    ]
    assert [searched.reason(number) for number in range(3)] == ["", "it diverged", ""]
    again = study(tmp_path, trials=3)
    assert again.reason(1) == "it diverged"
    again.run(tried)
    assert list(tried.asked) == [0, 1, 2]


def test_without_a_success_there_is_no_best(tmp_path: Path) -> None:
    searched = study(tmp_path, trials=1)
    searched.run(Tried(stop=0, error=TrialError))
    assert searched.best() is None


def test_a_trial_that_was_killed_before_it_was_drawn_has_failed(tmp_path: Path) -> None:
    searched = study(tmp_path, trials=2)
    searched.optuna.ask()
    tried = Tried()
    searched.run(tried)
    assert list(tried.asked) == [1]
    assert searched.reason(0) == "interrupted while its settings were drawn"


@pytest.mark.parametrize(
    ("changes", "settings", "names"),
    [
        ({"seed": 2}, {}, "seed"),
        ({"choices": {}}, {}, "choices.training.optimizer, training.optimizer"),
        ({}, {"split.seed": 2}, "split.seed"),
        ({}, {"evaluate.stride": 128}, "evaluate.stride"),
        ({}, {"models.lstm_local.small.encoder_size": 8}, "encoder_size"),
    ],
    ids=str,
)
def test_a_study_keeps_to_one_question(
    tmp_path: Path, changes: dict[str, Any], settings: dict[str, Any], names: str
) -> None:
    study(tmp_path)
    with pytest.raises(params.ParamsError) as error:
        study(tmp_path, shipped.settings(settings), **changes)
    says = f"study s was begun with other settings ({names}); take these back or give the study"
    assert str(error.value).startswith(says)


def test_what_is_tried_and_what_comes_after_training_may_change(tmp_path: Path) -> None:
    before = study(tmp_path).identity
    tried = {"models.lstm_local.small.dropout": 0.2, "generate.temperature": 1.0}
    assert study(tmp_path, shipped.settings(tried), trials=20).identity == before
