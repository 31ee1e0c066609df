"""Progress that reads well on a terminal and in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_LOG_EVERY_SEC = 10.0


def progress(
    iterable: Iterable[Item], total: int | None = None, desc: str = "", unit: str = "it"
) -> Iterator[Item]:
    """Yields the items and shows on stderr how many have come.

    A bar on a terminal. In a log or a pipe, where a bar would leave thousands of lines, a plain
    line every ten seconds and one at the end.

    Args:
        iterable: what to go through.
        total: how many items there will be; taken from the iterable if it knows, else left out.
        desc: what is being done, like "ingest".
        unit: what an item is, in the plural, like "files".

    Yields:
        The items, unchanged.
    """
    if sys.stderr.isatty():
        yield from tqdm(iterable, total=total, desc=desc, unit=f" {unit}", dynamic_ncols=True)
        return
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    of = "" if total is None else f" of {total:,}"
    done, said = 0, time.monotonic()
    for item in iterable:
        yield item
        done += 1
        if time.monotonic() - said >= _LOG_EVERY_SEC:
            said = time.monotonic()
            print(f"{desc}: {done:,}{of} {unit}", file=sys.stderr, flush=True)
    print(f"{desc}: {done:,}{of} {unit}, done", file=sys.stderr, flush=True)
