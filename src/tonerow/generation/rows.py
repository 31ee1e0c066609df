"""The rows of a batch that is drawn: a model's state of other rows, and rows that have ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tonerow.generation.samples import Drawing
from tonerow.models.base import START, Model, Notes, State


class Going:
    """The rows of a batch that have not left it.

    Args:
        model: of the view "melody" or "chars".
        given: see `Batch`, of all rows.
        length: int64 (B,), with which the model began.
        drawing: that draws for these rows.

    Attributes:
        rows: int64 (C,), on the CPU, which of the B rows each still is.
    """

    def __init__(self, model: Model, given: Notes, length: Tensor, drawing: Drawing) -> None:
        self._begun, self._drawing = (model, given, length), drawing
        self._axes: Any = None
        self.rows = torch.arange(len(length))

    def without(self, ended: Tensor, state: State) -> State:
        """The state of those that go on, when half have ended: to leave takes time too.

        Args:
            ended: bool (B,), on the CPU, not of all.
            state: of `rows`.
        """
        stay = (~ended[self.rows]).nonzero()[:, 0]
        if 2 * len(stay) > len(self.rows):
            return state
        if self._axes is None:
            self._axes = row_axes(*self._begun)
        self.rows = self.rows[stay]
        self._drawing.keep(stay)
        return of_rows(state, self._axes, stay.to(self._begun[2].device))


def row_axes(model: Model, given: Notes, length: Tensor) -> Any:
    """Along which axis of each tensor of a model's state its rows lie; None: it has none.

    The states of one and of two rows differ in these axes alone.

    Args:
        model: of the view "melody" or "chars".
        given: see `Batch`, of one row or more.
        length: int64 (N,).
    """
    states = []
    for n in (1, 2):
        row = torch.zeros(n, dtype=torch.int64, device=length.device)
        own = {name: values[row] for name, values in given.items()}
        before = {name: torch.full_like(row, START) for name in model.predicts}
        states.append(model.step(before, model.begin(own, length[row]))[1])
    return mapped(_differing_axis, *states)


def _differing_axis(one: Tensor, two: Tensor) -> int | None:
    pairs = enumerate(zip(one.shape, two.shape, strict=True))
    return next((axis for axis, (a, b) in pairs if a != b), None)


def of_rows(state: State, axes: Any, rows: Tensor) -> State:
    """A state of other rows.

    Args:
        state: of B rows.
        axes: see `row_axes`.
        rows: int64 (C,), which of the B rows each is.

    Returns:
        A state of C rows.
    """

    def chosen(values: Tensor, axis: int | None) -> Tensor:
        return values if axis is None else values.index_select(axis, rows)

    found: State = mapped(chosen, state, axes)
    return found


def mapped(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """A tree of dictionaries, lists, tuples and dataclasses with what a function makes of its tensors.

    Args:
        function: gets a tensor and what stands at its place in the other trees.
        tree: whatever else it holds stays.
        others: trees of the same form.
    """
    if isinstance(tree, Tensor):
        return function(tree, *others)
    if isinstance(tree, Mapping):
        return {key: mapped(function, *(of[key] for of in (tree, *others))) for key in tree}
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(function, *parts) for parts in zip(tree, *others, strict=True))
    if is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in fields(tree)]
        trees = (tree, *others)
        changes = {name: mapped(function, *(getattr(of, name) for of in trees)) for name in names}
        return replace(tree, **changes)
    return tree
