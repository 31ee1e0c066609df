"""A terminal in which keys are pressed."""

from __future__ import annotations

import os
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminal_with(keys: bytes) -> Iterator[int]:
    """A terminal's file descriptor; the keys are pressed when it takes them one by one.

    At the end it must be as it was.
    """
    keyboard, terminal = os.openpty()
    before = termios.tcgetattr(terminal)

    def press() -> None:
        while termios.tcgetattr(terminal)[3] & termios.ICANON:
            time.sleep(0.01)
        os.write(keyboard, keys)

    presses = threading.Thread(target=press, daemon=True)
    presses.start()
    try:
        yield terminal
    finally:
        assert termios.tcgetattr(terminal) == before
        presses.join()
        os.close(keyboard)
        os.close(terminal)
