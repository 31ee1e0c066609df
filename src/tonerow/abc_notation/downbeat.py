"""Where the bars of a voice begin, on the time axis of what is played."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from tonerow.abc_notation.voice import WHOLE, Bar, Sound


def first_downbeat(
    sounds: Sequence[Sound],
    bars: Sequence[Bar],
    ranges: Iterable[tuple[int, int]],
    time_signature: str,
) -> Fraction:
    """The beginning of the first bar played that has the length of the metre.

    A full bar is a better witness than the length of the first bar, which may be short for other
    reasons than a pickup: a bar line too many, or a pickup and the rest of its bar apart.

    Args:
        sounds: of the voice, as written.
        bars: of the voice, as written; at least one.
        ranges: which sounds are played, in order, as `repeats.played_ranges` gives them.
        time_signature: at the voice's first note, like "6/8".

    Returns:
        Quarter notes from the beginning. Where no bar is full, the end of a first bar that is
        shorter than the metre and not the only one, which is a pickup; else 0.
    """
    meter = Fraction(time_signature)
    full = {bar.begin for bar in bars if bar.length == bar.meter == meter}
    now = 0
    for begin, end in ranges:
        for index in range(begin, end):
            if index in full:
                return Fraction(4 * now, WHOLE)
            now += sounds[index].advance
    is_pickup = len(bars) > 1 and bars[0].length < meter
    return 4 * bars[0].length if is_pickup else Fraction(0)
