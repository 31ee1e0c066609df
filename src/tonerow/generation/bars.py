"""Bars: do they add up, and do they come back?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tonerow.abc_notation.voice import Bar
from tonerow.generation.lines import Line
from tonerow.notes.bars import place_in_bar

TOLERANCE = 0.05
"""Quarter notes that a note may last beyond a bar line: what quantised times are wrong by."""


def repeated_bars(line: Line) -> float:
    """The share of bars that the line has had before, 0-1; NaN without a metre or a second bar.

    Two bars are the same if notes of the same pitches begin at the same places. Bars in which no
    note begins do not count.
    """
    if line.metre is None or not len(line.pitch):
        return float("nan")
    place = place_in_bar(line.onset, line.metre.downbeat, line.metre.bar)
    number = np.rint((line.onset - line.metre.downbeat - place) / line.metre.bar).astype(np.int64)
    bars: dict[int, list[tuple[float, int]]] = {}
    for bar, *note in zip(number.tolist(), place.tolist(), line.pitch.tolist(), strict=True):
        bars.setdefault(bar, []).append((note[0], note[1]))
    different = {tuple(sorted(notes)) for notes in bars.values()}
    return 1 - len(different) / len(bars) if len(bars) > 1 else float("nan")


def kept_bars(line: Line) -> float:
    """The share of bar lines that no note sounds across, 0-1; NaN where there is none.

    Where time is counted from the beginning, rests fill what notes leave open. So what is in a bar
    adds up to the metre just if no note lasts beyond its end.
    """
    if line.metre is None or not len(line.pitch):
        return float("nan")
    end = line.onset + line.duration
    bar, downbeat = line.metre.bar, line.metre.downbeat
    first, last = (int(np.floor((at - downbeat) / bar)) for at in (line.onset[0], end.max()))
    lines = downbeat + bar * np.arange(first, last + 2)
    lines = lines[(lines > line.onset[0] + TOLERANCE) & (lines < end.max() - TOLERANCE)][:, None]
    across = (line.onset < lines - TOLERANCE) & (end > lines + TOLERANCE)  # (bar lines, notes)
    return float(1 - across.any(1).mean()) if len(lines) else float("nan")


def full(bars: Sequence[Bar]) -> list[bool]:
    """Whether written bars add up to the metre; bars in free metre are left out.

    The first and the last bar, and two neighbours that make one bar together (around a repeat), may
    be short.
    """
    inner = [bar for bar in bars if bar.length > 0][1:-1]
    found: list[bool] = []
    i = 0
    while i < len(inner):
        bar = inner[i]
        pair = i + 1 < len(inner) and bar.length + inner[i + 1].length == bar.meter
        short = bar.meter is not None and bar.length != bar.meter
        if bar.meter is not None:
            found += [True, True] if short and pair else [not short]
        i += 2 if short and pair else 1
    return found


def full_bars(bars: Sequence[Bar]) -> float:
    """The share of written bars that add up to the metre, see `full`, 0-1; NaN where none counts."""
    found = full(bars)
    return float(np.mean(found)) if found else float("nan")
