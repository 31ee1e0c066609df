"""What each number counted of samples and human tunes is: its unit, its formula and its source."""

from __future__ import annotations

import re
from typing import NamedTuple


class Measure(NamedTuple):
    """A number that is counted of tunes: the mean over tunes, unless it says else.

    Attributes:
        unit: such as "semitones"; "0-1" of a share.
        what: how it is counted, in a few words.
        source: who proposed it; empty where it is this project's own.
    """

    unit: str
    what: str
    source: str = ""


_YANG = "Yang and Lerch (2020)"
_AFTER = "After Yang and Lerch (2020)"
_BOTH = "with all held-out tunes; human: as many of these with the others, 95 % of draws"
_YIN = "Yin, Reuben, Stepney and Collins (2022)"
MEASURES = {
    "scale_consistency": Measure(
        "0-1", "share of notes in the major scale that holds most of them", "Mogren (2016)"
    ),
    "pitch_class_entropy": Measure(
        "bits", "-sum p log2 p over the twelve pitch classes", "Wu and Yang (2020)"
    ),
    "mean_interval": Measure("semitones", "mean distance of neighbouring pitches", _YANG),
    "same_pitch_again": Measure("0-1", "share of intervals that are 0", "McKay, jSymbolic (2018)"),
    "range": Measure("semitones", "highest less lowest pitch", _YANG),
    "repeated": Measure(
        "0-1", "share of notes in a run of 12 intervals that the tune has had before"
    ),
    "repeated_bars": Measure("0-1", "share of bars that the tune has had before"),
    "kept_bars": Measure("0-1", "share of bar lines that no note sounds across"),
    "full_bars": Measure("0-1", "share of written bars that add up to the metre"),
    "longest_run": Measure("intervals", "longest run that train has too, mean over tunes", _YIN),
}
_LIKE = {
    r"in_runs_of_(\d+)": Measure(
        "0-1", "share of all notes in runs of {} intervals of train", _YIN
    ),
    r"(\w+)_overlap": Measure("0-1", f"common area of the histograms of {{}} {_BOTH}", _AFTER),
    r"(\w+)_kl": Measure("nats", f"divergence of the histograms of {{}} {_BOTH}", _AFTER),
}


def measure_of(name: str) -> Measure:
    """What a descriptor is.

    Raises:
        KeyError: it is not described here.
    """
    if name in MEASURES:
        return MEASURES[name]
    for pattern, measure in _LIKE.items():
        if found := re.fullmatch(pattern, name):
            return measure._replace(what=measure.what.format(found[1].replace("_", " ")))
    raise KeyError(name)
