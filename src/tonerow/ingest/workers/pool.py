"""The same function on many items, on one core, on all or on a cluster, results in order.

joblib shares the work out; what it runs on each worker only hands items to an isolated reader (see
`isolation`), so that workers themselves neither hang nor die, wherever they are. On this machine
they are threads: the readers are processes already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from importlib import import_module
from typing import TypeVar

import joblib

from tonerow.ingest.workers.isolation import Bounds, Isolated, isolated
from tonerow.params import Ingest

Item = TypeVar("Item")

_BATCH_BYTES, _BATCH_ITEMS = 2**18, 32  # a task: enough to hide the cost of sending it
_WINDOW_BYTES, _WINDOW_ITEMS = 2**23, 2**11  # under way, or waiting to be written: bounds memory


class BackendError(ValueError):
    """The workers that the parameters name are not to be had; the message says what to do."""


def ordered_map(
    function: Isolated, items: Sequence[Item], size: Callable[[Item], int], settings: Ingest
) -> Iterator[bytes]:
    """Applies a function to every item, in isolation.

    Args:
        function: what to apply.
        items: picklable.
        size: of an item, in bytes; the results in memory at once belong to items of 8 MiB in all,
            or to a single larger one.
        settings: workers, where they are, and what each item may take.

    Yields:
        One result an item, in the order of the items whatever the workers.

    Raises:
        BackendError: there is no such cluster.
        BrokenReaderError: the function fails whatever it is given.
    """
    bounds = Bounds(settings.timeout_sec, settings.max_memory_mb)
    if settings.backend == "loky" and settings.workers == 1:
        for item in items:
            yield from isolated(function, [item], bounds)
        return
    with _backend(settings):
        for window in _cut(items, size, _WINDOW_ITEMS, _WINDOW_BYTES):
            tasks = (
                joblib.delayed(isolated)(function, batch, bounds)
                for batch in _cut(window, size, _BATCH_ITEMS, _BATCH_BYTES)
            )
            parallel = joblib.Parallel(
                settings.workers, return_as="generator", batch_size=1, pre_dispatch="3*n_jobs"
            )
            with closing(parallel(tasks)) as done:
                for results in done:
                    yield from results


def _cut(
    items: Sequence[Item], size: Callable[[Item], int], most: int, most_bytes: int
) -> Iterator[Sequence[Item]]:
    """Consecutive items in groups of up to so many items and bytes, at least one item each."""
    start = weight = 0
    for at, item in enumerate(items):
        weight += size(item)
        if at > start and (weight > most_bytes or at - start == most):
            yield items[start:at]
            start, weight = at, size(item)
    if len(items):
        yield items[start:]


def _backend(settings: Ingest) -> ExitStack:
    """Sets joblib's backend until the stack is closed."""
    stack = ExitStack()
    if settings.backend == "loky":
        stack.enter_context(joblib.parallel_config("threading"))
        return stack
    try:
        distributed = import_module("distributed")  # an optional extra
    except ImportError:
        raise BackendError(
            'ingest.backend is dask, which is not installed: pip install "tonerow[dask]"'
        ) from None
    try:
        stack.enter_context(distributed.Client(settings.scheduler, timeout=30))
    except (OSError, TimeoutError, ValueError) as error:
        raise BackendError(
            f"ingest.scheduler is {settings.scheduler}, where no Dask scheduler answers: {error}"
        ) from None
    stack.enter_context(joblib.parallel_config("dask"))
    return stack
