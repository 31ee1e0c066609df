"""Readers that hang, crash and eat memory on command; importable by the processes that read."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests import shipped
from tonerow.ingest.reading import Limits, read_source
from tonerow.ingest.sources import Source
from tonerow.ingest.workers.isolation import Loss

LIMITS = {"workers": 1, "max_minutes": 9.0, "max_notes": 999, "max_megabytes": 9.0}
PATIENT = shipped.settings().ingest.model_copy(update={**LIMITS, "timeout_sec": 60.0})

HEAR_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""For a process to be interrupted: one that a shell puts in the background ignores SIGINT."""


def hang_in_c() -> None:
    """Does not hear any signal but SIGKILL."""
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
    time.sleep(3600)


def hang_in_a_regex() -> None:
    """Holds the interpreter's lock for ever."""
    re.match(r"(a|aa)+$", "a" * 200 + "b")


def die(how: signal.Signals) -> None:
    os.kill(os.getpid(), how)


def fail() -> None:
    raise IndexError("a bug")


def eat_memory() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(2**24))


DEEDS: dict[str, Callable[[], None]] = {
    "sleep": hang_in_c,
    "regex": hang_in_a_regex,
    "wait": lambda: time.sleep(4.0),
    "segfault": lambda: die(signal.SIGSEGV),
    "kill": lambda: die(signal.SIGKILL),
    "abort": os.abort,
    "memory": eat_memory,
    "print": lambda: print("no output of the stage"),
    "raise": fail,
}


def do(item: str, *, lost: Mapping[int, Loss], beat: Callable[[], None]) -> bytes:
    """Does every deed of "deed deed ...", each in a part, but for those that were fatal."""
    done = []
    for part, deed in enumerate(item.split(" ")):
        if part:
            beat()
        if part in lost:
            done.append(f"({deed} {lost[part]})")
            continue
        if deed in DEEDS:
            DEEDS[deed]()
        done.append(deed)
    return " ".join(done).encode()


def die_used(item: Path, *, lost: Mapping[int, Loss], beat: Callable[[], None]) -> bytes:
    """Dies in a process that has worked on an item before."""
    if os.environ.get("USED"):
        die(signal.SIGKILL)
    os.environ["USED"] = "1"
    return f"lost {len(lost)}".encode()


def process_id(item: object, *, lost: Mapping[int, Loss], beat: Callable[[], None]) -> bytes:
    return str(os.getpid()).encode()


def read_or_do(
    source: Source, limits: Limits, *, lost: Mapping[int, Loss], beat: Callable[[], None]
) -> bytes:
    """Reads files, but does what the name of one says, as a crash in a library would."""
    deed = Path(source.source_path).stem
    if deed in DEEDS and not lost:
        if source.kind == "abc":
            beat()
            beat()
        else:
            DEEDS[deed]()
        DEEDS[deed]()
    return read_source(source, limits, lost=lost, beat=beat)


def announce_and_hang(
    source: Source, *, lost: Mapping[int, Loss], beat: Callable[[], None]
) -> bytes:
    """Leaves its process id in a file "begun" beside the source, then does not end."""
    partial = Path(source.file).with_suffix(".partial")
    partial.write_text(f"{os.getpid()} {os.getppid()}")
    partial.rename(partial.with_name("begun"))
    time.sleep(3600)
    return b""


def alive(process: int) -> bool:
    """Whether a process runs, by /proc."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
