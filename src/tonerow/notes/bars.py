"""Where in its bar a note stands."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_GRID = 480  # places in a quarter note: fine enough for halves to 1/128 and for triplets

_Floats = NDArray[np.float64]


def bar_beats(time_signature: str) -> float:
    """How long a bar is, in quarter notes: 3.0 for "6/8".

    Args:
        time_signature: as in `PIECES`, "<number>/<number>".
    """
    return float(4 * Fraction(time_signature))


def is_compound(time_signature: str) -> bool:
    """Whether a beat is three of the lower number: in 6, 9, 12 and so on, over 8 or shorter.

    Args:
        time_signature: as in `PIECES`, "<number>/<number>".
    """
    upper, lower = (int(number) for number in time_signature.split("/"))
    return upper > 3 and upper % 3 == 0 and lower >= 8


def beat_beats(time_signature: str) -> float:
    """How long a beat of the metre is, in quarter notes: 1.0 for "4/4", 1.5 for "6/8".

    Args:
        time_signature: as in `PIECES`, "<number>/<number>".
    """
    lower = int(time_signature.split("/")[1])
    return float(Fraction(4, lower) * (3 if is_compound(time_signature) else 1))


def place_in_bar(
    onset_beat: _Floats, downbeat_beat: _Floats | float, bar_beats: _Floats | float
) -> _Floats:
    """How long after the last bar line each note begins, in quarter notes.

    Args:
        onset_beat: quarter notes, as in `NOTES`.
        downbeat_beat: quarter notes, as in `PIECES`; of all notes or of each.
        bar_beats: quarter notes, > 0; of all notes or of each.

    Returns:
        In [0, bar_beats), to the nearest 1/480 of a quarter note; NaN where an argument is NaN.
    """
    place = np.mod(onset_beat - downbeat_beat, bar_beats)
    # A hair before a bar line is on it: else the noise of floats would move a downbeat by a bar.
    place = np.where(place >= bar_beats - 0.5 / _GRID, 0.0, place)
    nearest: _Floats = np.round(place * _GRID) / _GRID
    return nearest
