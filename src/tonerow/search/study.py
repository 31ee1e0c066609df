"""A study of Optuna: asks what to try next, and is told what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from tonerow.params import Params, ParamsError
from tonerow.search.space import Space, TrialError, Values, ends
from tonerow.tracking.run import as_text, flatten, training_params

Objective = Callable[[int, Values], float]
"""Takes the number of a trial and what it tries; gives nats on val, or raises `TrialError`."""


class Study:
    """A study in a database, new or gone on with.

    A trial that was interrupted stays open there and is the first of the next call. Each trial has a
    seed of its own, so that what is asked does not depend on how often a study was interrupted.

    Args:
        url: of the database, like ``sqlite:///search.db``.
        space: what is tried.
        settings: what all trials share.

    Attributes:
        optuna: the study itself.

    Raises:
        ParamsError: the study has been begun with other settings or another space.
    """

    def __init__(self, url: str, space: Space, settings: Params) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._distributions = _distributions(space, settings)
        self.optuna = optuna.create_study(storage=url, study_name=space.study, load_if_exists=True)
        now = _what_trials_share(space, settings)
        begun = self.optuna.user_attrs.get("shared")
        if begun is None:
            self.optuna.set_user_attr("identity", uuid.uuid4().hex)
            self.optuna.set_user_attr("shared", now)
        elif begun != now:
            differ = [key for key in begun | now if begun.get(key) != now.get(key)]
            raise ParamsError(
                f"study {space.study} was begun with other settings ({', '.join(differ)}); "
                "take these back or give the study another name"
            )

    @property
    def identity(self) -> str:
        """Of this study and no other of the same name."""
        return str(self.optuna.user_attrs["identity"])

    def run(self, objective: Objective) -> None:
        """Tries until there are so many trials as the space says."""
        for number, values in self._asked():
            try:
                value = objective(number, values)
            except TrialError as error:
                self._failed(number, str(error))
            else:
                self.optuna.tell(number, value)

    def reason(self, number: int) -> str:
        """Why a trial has failed; empty if it has not."""
        return str(self.optuna.user_attrs.get(f"reason_{number}", ""))

    def best(self) -> tuple[int, float, Values] | None:
        """The number, the nats on val and the settings of the best trial; None if all have failed."""
        if not self.optuna.get_trials(states=[TrialState.COMPLETE]):
            return None
        best = self.optuna.best_trial
        return best.number, self.optuna.best_value, best.params

    def _asked(self) -> Iterator[tuple[int, Values]]:
        for begun in self.optuna.get_trials(states=[TrialState.RUNNING]):
            if begun.params.keys() == self._distributions.keys():
                yield begun.number, begun.params
            else:
                self._failed(begun.number, "interrupted while its settings were drawn")
        while (number := len(self.optuna.trials)) < self._space.trials:
            self.optuna.sampler = optuna.samplers.TPESampler(seed=_seed(self._space.seed, number))
            trial = self.optuna.ask(self._distributions)
            yield trial.number, trial.params

    def _failed(self, number: int, reason: str) -> None:
        self.optuna.set_user_attr(f"reason_{number}", reason)
        self.optuna.tell(number, state=TrialState.FAIL)


def _distributions(space: Space, settings: Params) -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {}
    for key, (low, high) in ends(space, settings.selected).items():
        kind = IntDistribution if isinstance(low, int) else FloatDistribution
        found[key] = kind(low, high, log=space.ranges[key].scale == "log")
    return found | {key: CategoricalDistribution(of) for key, of in space.choices.items()}


def _what_trials_share(space: Space, settings: Params) -> Mapping[str, str]:
    """All that decides the nats on val but what is tried, and what is tried: as text, by name."""
    tried = space.model_dump(include={"seed", "ranges", "choices"})
    windows = settings.model_dump(include={"evaluate": {"window", "stride"}})
    shared = {key: as_text(value) for key, value in flatten({**tried, **windows})}
    settled = training_params(settings).items()
    names = space.ranges.keys() | space.choices.keys()
    return shared | {key: value for key, value in settled if key not in names}


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
