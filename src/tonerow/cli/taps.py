"""A rhythm from the space bar of a terminal, or as text."""

from __future__ import annotations

import itertools
import os
import re
import termios
import time
import tty
from collections.abc import Callable, Sequence

import numpy as np

from tonerow.cli import UsageError
from tonerow.generation.samples import Start
from tonerow.generation.starts import TICKS, score_of_ticks

TAP_BPM = 120.0
"""Quarter notes a minute, unless a tempo is given."""
GRID = 4
"""Parts of a beat to which taps are moved."""
_END = b"\r\n\x04"
_STOP = b"\x03"
_BEATS = r"\s*(\d{1,3}(?:\.\d*)?|\.\d+)\s*"
_PAIR = re.compile(rf"{_BEATS}(?<=\s){_BEATS}")


def taps(terminal: int, clock: Callable[[], float] = time.monotonic) -> list[float]:
    """The moments at which the space bar is pressed, in seconds, until Enter.

    Args:
        terminal: its file descriptor.
        clock: seconds.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    before, moments = termios.tcgetattr(terminal), []
    try:
        tty.setraw(terminal)
        while (key := os.read(terminal, 1)) and key not in _END:
            if key in _STOP:
                raise KeyboardInterrupt
            if key == b" ":
                moments.append(clock())
                os.write(terminal, b".")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.write(terminal, b"\n")
    return moments


def rhythm_of(moments: Sequence[float], bpm: float) -> str:
    """Taps as pairs of rest and sound, see `tapped`.

    Each note sounds until the next; the last one sounds a beat. Onsets lie on a grid of `GRID` a beat;
    two on one place are one note.

    Args:
        moments: seconds, ascending.
        bpm: quarter notes a minute.

    Raises:
        UsageError: there is none.
    """
    if not moments:
        raise UsageError("no tap was heard; press the space bar once for each note")
    places = sorted({round((moment - moments[0]) * bpm / 60 * GRID) for moment in moments})
    lengths = [after - at for at, after in itertools.pairwise(places)]
    return ", ".join(f"0 {length / GRID:g}" for length in [*lengths, GRID])


def tapped(pairs: str) -> Start:
    """A line of middle C with the rhythm of pairs like "0 .5, 0 .5, .5 1": rest, then sound.

    Raises:
        UsageError: they are no such pairs.
    """
    rows = [_PAIR.fullmatch(pair) for pair in pairs.split(",")]
    ticks = [[round(float(n) * TICKS) for n in row.groups()] for row in rows if row]
    if len(ticks) < len(rows) or min(sound for _, sound in ticks) == 0:
        raise UsageError(
            f"--tap is {pairs!r}; it should be pairs of beats, rest and sound: '0 .5, 0 .5, .5 1'"
        )
    rest, duration = np.array(ticks, np.int64).T
    onset = (rest + duration).cumsum() - duration
    return Start("tapped", score_of_ticks(onset, duration, np.full(len(ticks), 60)))
