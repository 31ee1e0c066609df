"""The same function on many items, in worker processes, results in order.

A worker may die: of memory, or in a library's native code. joblib then loses its whole pool without
saying whose fault it was, so the items that were under way are done again one by one, each in a
process that may die alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

import joblib

Item = TypeVar("Item")
Result = TypeVar("Result")

_BATCH = 4  # items a task: enough to hide the cost of sending it
_WINDOW = 32  # tasks a worker that may be under way or wait to be written: bounds the memory


def ordered_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    crashed: Callable[[Item, str], Result],
) -> Iterator[Result]:
    """Applies a function to every item.

    Args:
        function: picklable, as are items and results.
        items: what to go through.
        workers: processes; -1: one a core; 1: this process, where a crash is not survived.
        crashed: what stands for the result of an item whose process died, and how it died.

    Yields:
        One result an item, in the order of the items whatever the number of workers.
    """
    workers = joblib.cpu_count() if workers == -1 else workers
    if workers == 1:
        yield from map(function, items)
        return
    window = _BATCH * _WINDOW * workers
    for start in range(0, len(items), window):
        under_way = items[start : start + window]
        done = 0
        try:
            for results in _in_parallel(function, under_way, workers):
                for result in results:
                    done += 1
                    yield result
        except BrokenProcessPool:
            yield from _one_by_one(function, under_way[done:], crashed)


def _in_parallel(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[list[Result]]:
    batches = (items[i : i + _BATCH] for i in range(0, len(items), _BATCH))
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator", batch_size=1)
    yield from parallel(joblib.delayed(_apply)(function, batch) for batch in batches)


def _apply(function: Callable[[Item], Result], batch: Sequence[Item]) -> list[Result]:
    return [function(item) for item in batch]


def _one_by_one(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    crashed: Callable[[Item, str], Result],
) -> Iterator[Result]:
    """Each item in a process of its own, which serves on until it dies."""
    pool = _single()
    try:
        for item in items:
            try:
                yield pool.submit(function, item).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _single()
                yield crashed(item, "the reading process died")
    finally:
        pool.shutdown()


def _single() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
