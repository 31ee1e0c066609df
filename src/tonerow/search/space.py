"""What a search tries: ``space.yaml``, checked against the settings of the selected model."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationError, model_validator

from tonerow.params import Architecture, Params, ParamsError, messages
from tonerow.params.loading import read
from tonerow.params.section import Section, Seed
from tonerow.tracking.run import flatten

Values = Mapping[str, Any]
"""Settings by name, as below the selected size in ``params.yaml``: ``training.learning_rate``."""


class TrialError(Exception):
    """A trial has failed; the message says why, and the study goes on."""


class Range(Section):
    """Numbers between two; whole ones if the setting is a whole number."""

    low: float
    """the lowest, itself included"""

    high: float
    """the highest, itself included"""

    scale: Literal["linear", "log"]
    """log draws as many below the geometric mean of low and high as above it; linear as many below
    the arithmetic mean"""

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low} and high {self.high}; low must be the smaller")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low is {self.low}; with scale: log it must be above 0")
        return self


class Space(Section):
    """All of ``space.yaml``."""

    study: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    """name by which the search goes on at the next call: a letter or digit, then also _ and -"""

    seed: Seed
    """of what is drawn"""

    trials: PositiveInt
    """trainings in all, failed ones too; more than there are let a study go on"""

    ranges: dict[str, Range]
    """settings that are numbers, by name"""

    choices: dict[str, Annotated[list[Any], Field(min_length=1)]]
    """settings of which some values are tried, by name"""


def load(path: str | Path, settings: Params) -> Space:
    """Reads what is to be tried.

    Args:
        path: the YAML file.
        settings: whose selected model and size is searched.

    Returns:
        The space; each of its values, in place of the one in ``params.yaml``, is allowed there.

    Raises:
        ParamsError: the file is missing, is not YAML, or holds keys or values that are not allowed;
            the message has one line per problem.
    """
    space = read(path, Space)
    if problems := list(_problems(space, settings.selected)):
        raise ParamsError("\n".join(f"{path}: {problem}" for problem in problems))
    return space


def ends(space: Space, architecture: Architecture) -> dict[str, tuple[Any, Any]]:
    """The lowest and highest value of each range, whole where the setting is a whole number."""
    now = dict(flatten(architecture.model_dump()))
    return {
        key: (_like(now.get(key), of.low), _like(now.get(key), of.high))
        for key, of in space.ranges.items()
    }


def _like(now: Any, number: float) -> int | float:
    return int(number) if isinstance(now, int) and number.is_integer() else number


def _problems(space: Space, architecture: Architecture) -> Iterator[str]:
    tree = architecture.model_dump()
    known = list(dict(flatten(tree)))
    if not space.ranges and not space.choices:
        yield f"ranges and choices are empty; allowed there: {', '.join(known)}"
    for section, of in ("ranges", ends(space, architecture)), ("choices", space.choices):
        for key, values in of.items():
            if key not in known:
                yield messages.unknown_key((section, key), known)
            elif section == "choices" and key in space.ranges:
                yield f"{key} is in ranges and in choices; allowed: in one of them"
            else:
                for value in values:
                    yield from _refusals(tree, key, value, type(architecture), section)


def _refusals(
    tree: dict[str, Any], key: str, value: Any, kind: type[Architecture], section: str
) -> Iterator[str]:
    """Why a model may not have a value, the other settings being as they are."""
    if not isinstance(value, str | int | float):
        yield f"{section}.{key} holds {value!r}; allowed: numbers and names"
        return
    changed = copy.deepcopy(tree)
    *parents, last = key.split(".")
    node = changed
    for parent in parents:
        node = node[parent]
    node[last] = value
    try:
        kind.model_validate(changed)
    except ValidationError as error:
        schema = kind.model_json_schema()
        for item in error.errors():
            yield f"{section}: {messages.sentence(item, schema)}"
