"""What a model must know of the vocabulary of each field: kept in the model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

TICKS_PER_BEAT = 24
"""Ticks in a beat of the times that models are given, whatever the tokens' grid is: half a beat can be
cut into 2, 3 or 4."""


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary of one field of a note.

    Attributes:
        size: how many ids there are.
        edges: for a field with a continuous value: where the cells of neighbouring ids meet, in
            normalised units, ascending, size - 1 of them.
        values: what each id stands for, in the field's own unit (beats; velocity 1-127), where
            this is a number whose errors mean something.
        norms: the same, normalised.
        resolution: ticks of the quantisation grid in a unit.
    """

    size: int
    edges: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    norms: tuple[float, ...] = ()
    resolution: float = 1.0


Vocabularies = Mapping[str, Vocabulary]
"""By the name of the field."""


def to_plain(vocabularies: Vocabularies) -> dict[str, Any]:
    """As nested dicts and lists, for the model file."""
    return {
        name: {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(vocabulary).items()}
        for name, vocabulary in vocabularies.items()
    }


def from_plain(content: Mapping[str, Any]) -> dict[str, Vocabulary]:
    """What `to_plain` made, as vocabularies again."""
    return {
        name: Vocabulary(
            size=int(own["size"]),
            edges=tuple(own["edges"]),
            values=tuple(own["values"]),
            norms=tuple(own["norms"]),
            resolution=float(own["resolution"]),
        )
        for name, own in content.items()
    }
