"""What a model must know of the vocabulary of each field: kept in the model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
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


Fields = Mapping[str, Field]


def to_plain(fields: Fields) -> dict[str, Any]:
    """As nested dicts and lists, for the model file."""
    return {
        name: {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(field).items()}
        for name, field in fields.items()
    }


def from_plain(content: Mapping[str, Any]) -> dict[str, Field]:
    """What `to_plain` made, as fields again."""
    return {
        name: Field(
            size=int(field["size"]),
            edges=tuple(field["edges"]),
            values=tuple(field["values"]),
            norms=tuple(field["norms"]),
            resolution=float(field["resolution"]),
        )
        for name, field in content.items()
    }
