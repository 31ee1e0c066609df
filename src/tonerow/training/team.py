"""Processes that train one model together.

Where a model has as many networks for each, a process trains those of its own. Else it learns from its
rows of every batch: all hold the same weights and take the same steps, by the gradient of the whole
batch. The curves are those of one process, up to rounding and to which numbers dropout draws.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed import FileStore  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import ProcessContext, ProcessException, start_processes
from torch.nn.parallel import DistributedDataParallel

from tonerow.models.base import Batch, Notes

START = timedelta(minutes=10)
"""So long a process may take to start."""
PATIENCE = timedelta(days=7)
"""So long it waits for the others then; one that has ended is noticed at once."""


class TeamError(RuntimeError):
    """A process of a training has ended before its time; the message says how."""


@dataclass(frozen=True)
class Team:
    """One process among those that train a model, by default the only one.

    Attributes:
        place: of this process, from 0. The process at 0 started the others.
        size: how many processes there are.
    """

    place: int = 0
    size: int = 1

    def networks(self, n: int) -> tuple[slice, Team]:
        """Which of a model's n networks this process trains, and with whom it shares each batch."""
        if self.size == 1 or n % self.size:
            return slice(None), self
        return self.own, Team()

    def forward_of(self, model: nn.Module) -> nn.Module:
        """The model as it is called in training: its gradients become the mean of all processes'."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, forward_sync_buffers=False)

    @property
    def own(self) -> slice:
        """Which of several things are this process's."""
        return slice(self.place, None, self.size)

    def share(self, batch: Batch) -> tuple[Batch, float]:
        """Its rows of a batch, and their share of the batch's scored notes.

        A process for which there is no row takes the first, with a share of 0.
        """
        if self.size == 1:
            return batch, 1.0
        own = _rows(batch, self.own)
        if not len(own.length):
            return _rows(batch, slice(0, 1)), 0.0
        return own, int(own.scored.sum()) / int(batch.scored.sum())

    def add_up(self, numbers: Tensor) -> Tensor:
        """The sum of all processes' numbers (n,), the same for each."""
        if self.size > 1:
            distributed.all_reduce(numbers)
        return numbers

    def agree(self, model: nn.Module, share: float) -> None:
        """Sets what a model keeps beside its weights to the mean of all processes, by their shares."""
        if self.size == 1:
            return
        kept = model.state_dict()
        for name, buffer in model.named_buffers():
            if name in kept and buffer.is_floating_point():
                self.add_up(buffer.mul_(share))

    def of_first(self, value: Any) -> Any:
        """What the process at 0 holds: tensors, numbers, strings, lists and dicts."""
        return self.said_by(0, value)

    def said_by(self, place: int, value: Any) -> Any:
        """What another process holds, likewise."""
        if self.size == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=place)
        return values[0]


def _rows(batch: Batch, keep: slice) -> Batch:
    """Some rows of a batch, no longer than the longest of them."""
    length = batch.length[keep]
    until = int(length.max()) if len(length) else 0

    def cut(tensors: Notes) -> dict[str, Tensor]:
        return {key: value[keep, :until] for key, value in tensors.items()}

    return replace(
        batch,
        now=cut(batch.now),
        before=cut(batch.before),
        given=cut(batch.given),
        length=length,
        scored=batch.scored[keep, :until],
    )


@contextmanager
def team_of(size: int, device: str, member: Callable[..., None], *arguments: Any) -> Iterator[Team]:
    """Starts the other processes of a training, and ends them.

    Args:
        size: of the team.
        device: "cpu", or "cuda": a GPU for each.
        member: what each of the others does, with its `Team` and the arguments; a function of a
            module, as they are new processes. It takes part in all that this process adds up.
        arguments: for `member`.

    Yields:
        This process's own place.

    Raises:
        TeamError: another process has ended in the middle.
    """
    if size == 1:
        yield Team()
        return
    with TemporaryDirectory(prefix="tonerow-") as folder:
        meeting = str(Path(folder, "meeting"))
        others = start_processes(  # type: ignore[no-untyped-call]
            _join,
            (size, device, meeting, member, arguments),
            size - 1,
            join=False,
            daemon=True,
            start_method="spawn",
        )
        try:
            yield _meet(0, size, device, meeting)
        except RuntimeError as error:
            if type(error) is RuntimeError or isinstance(error, distributed.DistError):
                _say_why(others, error)
            raise
        finally:
            for process in others.processes:
                process.terminate()
            if distributed.is_initialized():
                distributed.destroy_process_group()


def _say_why(others: ProcessContext, error: RuntimeError) -> None:
    """Raises a `TeamError` if that is why the processes cannot reach each other."""
    try:
        others.join(timeout=5)
    except ProcessException as reason:
        raise TeamError(f"a process of the training has ended: {reason}") from error


def _join(
    other: int,
    size: int,
    device: str,
    meeting: str,
    member: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    """What another process does; its progress is that of the first and is not shown again."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    member(_meet(other + 1, size, device, meeting), *arguments)


def _meet(place: int, size: int, device: str, meeting: str) -> Team:
    if device == "cuda":
        torch.cuda.set_device(place)
    store = FileStore(meeting, size)
    store.set_timeout(START)
    distributed.init_process_group(
        "nccl" if device == "cuda" else "gloo",
        store=store,
        rank=place,
        world_size=size,
        timeout=PATIENCE,
    )
    return Team(place, size)
