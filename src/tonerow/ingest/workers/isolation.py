"""A function run in a process of its own, which may hang, crash or ask for all memory.

A process that wants files read keeps *readers*, child processes to which it hands a few items at a time.
Python's own means act in Python code only; here the one who waits holds the clock and the kernel
counts memory and processor time, so that native code, blocked signals, worker threads and whatever
else the machine is busy with make no difference. What
a reader dies of costs the one part of the item that it was busy with: the item is begun again by
another reader, which leaves that part out, and goes on with the items behind it.

Needs POSIX: signals, `resource` and inherited file descriptors.
"""

from __future__ import annotations

import atexit
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn, Protocol

import psutil

_START_SEC = 300.0  # a process that has not begun by then never will, on however busy a machine
_BEGUN, _RESULT, _BROKEN, _OUT_OF_MEMORY = b"b", b"r", b"x", b"m"
ENVIRONMENT = {
    # One thread a reader: there are as many readers as cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Arrow's own allocators reserve address space ahead, which would count as used.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # glibc: keep memory for the next file. To get every larger array anew from the kernel, zeroed,
    # takes a quarter of the time of reading MIDI.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}
"""What a reader has set, beside what its parent has."""


class Loss(StrEnum):
    """What became of a reader."""

    TIMED_OUT = "timed out"
    DIED = "died"
    OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True)
class Bounds:
    """What one part of an item may take.

    Attributes:
        seconds: of processor time, > 0; the function itself should stop by then, and is killed at
            half as much again, or when it has waited for three times that.
        megabytes: of address space, beyond what an idle reader has.
    """

    seconds: float
    megabytes: int

    @property
    def patience(self) -> float:
        """Seconds of processor time after which a silent reader is killed."""
        return 1.5 * self.seconds + 1.0


class Isolated(Protocol):
    """What a reader runs: an importable function, or a `functools.partial` of one."""

    def __call__(self, item: Any, *, lost: Mapping[int, Loss], beat: Callable[[], None]) -> bytes:
        """Works on one item.

        Args:
            item: what to work on; picklable.
            lost: parts not to try again, and why: part 0 is everything up to the first beat, part
                1 what follows that, and so on.
            beat: to be called as each further part begins.

        Returns:
            The result; the same for the same item and losses.
        """


class BrokenReaderError(RuntimeError):
    """Readers do not start, or the function fails whatever it is given: no file's fault."""


def isolated(function: Isolated, items: Sequence[Any], bounds: Bounds) -> list[bytes]:
    """Runs a function on items in a reader, one after the other.

    The reader gets all items at once, and goes on by itself while its parent has other things to do.

    Args:
        function: raises nothing.
        items: what to run it on.
        bounds: for each part of an item.

    Returns:
        What the function returned for each item, after as many attempts as the item had fatal parts.

    Raises:
        BrokenReaderError: the function raised, or died of a part that it was told to leave out.
    """
    done: list[bytes] = []
    lost: dict[int, Loss] = {}
    fresh = False
    while len(done) < len(items):
        reader = _Reader() if fresh else _free_reader()
        used, before = reader.used, len(done)
        try:
            outcome = reader.run(function, items[before:], lost, bounds, done)
        except BaseException:
            reader.kill()
            raise
        if outcome is None:
            _idle.append(reader)
            break
        reader.kill()
        if len(done) > before:
            lost, fresh, used = {}, False, True
        part, loss = outcome
        if used and loss is not Loss.TIMED_OUT:
            fresh = True  # earlier items may have had a share in it: a verdict needs a fresh reader
            continue
        if part in lost:
            raise BrokenReaderError(f"a reader {loss} where it had nothing to read")
        lost[part] = loss
    return done


class _Reader:
    """One child process, seen from its parent."""

    def __init__(self) -> None:
        self.used = False
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ
                | ENVIRONMENT
                | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._measured = psutil.Process(self._process.pid)

    def run(
        self,
        function: Isolated,
        items: Sequence[Any],
        lost: Mapping[int, Loss],
        bounds: Bounds,
        done: list[bytes],
    ) -> tuple[int, Loss] | None:
        """Adds results to `done`; the part of the next item that was fatal and how, or None.

        What is lost is of the first item.
        """
        try:
            self._connection.send((function, items, lost, bounds))
            if self._receive(_START_SEC) != _BEGUN:
                raise BrokenReaderError("a reader does not start")
        except (EOFError, OSError):
            raise BrokenReaderError(
                "a process that reads files ended as it began: killed, or there is no memory for it"
            ) from None
        self.used = True
        for _ in items:
            outcome = self._result(bounds)
            if not isinstance(outcome, bytes):
                return outcome
            done.append(outcome)
        return None

    def _result(self, bounds: Bounds) -> bytes | tuple[int, Loss]:
        part = -1  # an item begins with part 0
        try:
            while (message := self._receive_within(bounds)) == _BEGUN:
                part += 1
        except (EOFError, OSError):
            return part, Loss.DIED
        if message is None:
            return part, Loss.TIMED_OUT
        if message[:1] == _OUT_OF_MEMORY:
            return part, Loss.OUT_OF_MEMORY
        if message[:1] == _BROKEN:
            raise BrokenReaderError(message[1:].decode())
        return message[1:]

    def _receive_within(self, bounds: Bounds) -> bytes | None:
        """The next message; None when its time is up."""
        begun, end, left = self._busy(), time.monotonic() + 3 * bounds.patience, bounds.patience
        while not self._connection.poll(left):
            left = bounds.patience - (self._busy() - begun)
            if left <= 0 or time.monotonic() >= end:
                return None
        return self._connection.recv_bytes()

    def _busy(self) -> float:
        """Seconds of processor time that the reader has used."""
        try:
            used = self._measured.cpu_times()
        except psutil.Error:  # it has ended, as its connection says too
            return 0.0
        return float(used.user + used.system)

    def _receive(self, seconds: float) -> bytes | None:
        return self._connection.recv_bytes() if self._connection.poll(seconds) else None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()


_idle: list[_Reader] = []  # of this process and all its threads; pop and append need no lock


def _free_reader() -> _Reader:
    """An idle reader, or a new one: another thread may take the last idle one at any moment."""
    try:
        return _idle.pop()
    except IndexError:
        return _Reader()


@atexit.register
def _stop_idle() -> None:
    while _idle:
        _idle.pop().kill()


@lru_cache
def end_with(parent: int) -> None:
    """Ends this process soon after its parent, however that ended, whatever this one is doing.

    Args:
        parent: the parent's process id.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_CHILD = (
    "import sys; from tonerow.ingest.workers.isolation import serve; serve(*map(int, sys.argv[1:]))"
)


def serve(descriptor: int, parent: int) -> NoReturn:
    """What a reader does: one item after the other until its parent hangs up.

    Args:
        descriptor: of the connection to the parent.
        parent: its process id.
    """
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and hangs up
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(2, 1)  # what libraries print is no output of the stage
    connection = Connection(descriptor)
    while True:
        try:
            function, items, lost, bounds = connection.recv()
            connection.send_bytes(_BEGUN)
            for item in items:
                connection.send_bytes(_BEGUN)
                message = _attempt(function, item, lost, bounds, connection)
                connection.send_bytes(message)
                if message[:1] != _RESULT:
                    os._exit(1)
                lost = {}
        except (EOFError, OSError):
            os._exit(0)  # the parent hung up or died


def _attempt(
    function: Isolated,
    item: Any,
    lost: Mapping[int, Loss],
    bounds: Bounds,
    connection: Connection,
) -> bytes:
    def beat() -> None:
        signal.setitimer(signal.ITIMER_PROF, 2 * bounds.patience)
        connection.send_bytes(_BEGUN)

    try:
        # Should the parent die while native code computes for ever, the kernel ends this process.
        signal.setitimer(signal.ITIMER_PROF, 2 * bounds.patience)
        _limit_memory(bounds.megabytes)
        result = _RESULT + function(item, lost=lost, beat=beat)
    except MemoryError:
        return _OUT_OF_MEMORY
    except (EOFError, OSError):
        raise
    except BaseException:
        return _BROKEN + traceback.format_exc().encode(errors="replace")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(None)
    return result


def _limit_memory(megabytes: int | None) -> None:
    """Limits the address space to what is in use now and so much more; None: no limit."""
    limit = resource.RLIM_INFINITY
    statm = Path("/proc/self/statm")
    if megabytes is not None and statm.exists():  # elsewhere nothing says how much is in use
        in_use = int(statm.read_text().split()[0]) * resource.getpagesize()
        limit = in_use + megabytes * 2**20
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = hard if limit == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
