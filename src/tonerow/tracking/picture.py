"""Test nats against seconds of training: ``python -m tonerow.tracking.picture [NAME ...]``.

The names are those of `tonerow.tracking.comparison`; of each row its latest run is a point.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from tonerow import params
from tonerow.models.base import Sees
from tonerow.tracking import comparison

OUT = Path("data/compare.png")
SECONDS, LEVEL = "training_seconds", comparison.LEVEL
OPPONENTS = {
    "ngram": "n-gram",
    "rival_pitch_distance": "rival: pitch",
    "rival_past_rhythm": "rival: rhythm before the note",
    "rival_rhythm_so_far": "rival: rhythm up to the note",
    "rival_pitch_rhythm_distance": "rival: rhythm of the line",
}
"""Baselines that are drawn as lines, and what they are called."""
LINE = 0.04
"""Height of a line of names, of the picture's."""
COLOURS = {
    Sees.WHOLE_RHYTHM: "tab:blue",
    Sees.RHYTHM_SO_FAR: "tab:green",
    Sees.NOTES_BEFORE: "tab:orange",
    Sees.WINDOW_BEFORE: "tab:red",
}
"""By what a model sees."""


def points(rows: Mapping[str, Sequence[comparison.Run]]) -> dict[str, comparison.Run]:
    """By name the latest run of each row that has been timed and has scores of pitches."""
    newest = {name: runs[0] for name, runs in rows.items()}
    return {name: run for name, run in newest.items() if SECONDS in run and LEVEL in run}


def draw(path: Path, of: Mapping[str, comparison.Run]) -> None:
    """Draws runs and the baselines beside them.

    Args:
        path: the PNG file.
        of: see `points`; at least one.
    """
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    end = 1.08 * max(float(run[SECONDS]) for run in of.values())
    names: list[_Name] = []
    for name, run in of.items():
        seconds, level = float(run[SECONDS]), float(run[LEVEL])
        spread = [[level - float(run[f"{LEVEL}_low"])], [float(run[f"{LEVEL}_high"]) - level]]
        colour = COLOURS[comparison.sees_of(run)]
        ax.errorbar(seconds, level, spread, fmt="o", color=colour, capsize=3)
        names.append(_Name(f"{name}  {level:.3f}", seconds, level, colour))
    for key, level in _opponents(of).items():
        ax.axhline(level, color="0.6", linestyle="--", linewidth=1)
        names.append(_Name(f"{OPPONENTS[key]}  {level:.3f}", end, level, "0.4"))
    ax.set(xlabel="seconds of training", ylabel="nats a pitch, test (95 % over works)")
    ax.margins(y=0.12)
    ax.set_xlim(0, end)
    _write_names(ax, names)
    figure.savefig(path, dpi=110, metadata={"Software": None})


@dataclass(frozen=True)
class _Name:
    """What is written beside the picture, and the point that it belongs to."""

    text: str
    seconds: float
    level: float
    colour: str


def _write_names(ax: Axes, names: list[_Name]) -> None:
    """Writes names at the right edge, as near to their levels as they do not cover each other."""
    names = sorted(names, key=lambda name: name.level)
    low, high = ax.get_ylim()
    places = apart([name.level for name in names], LINE * (high - low))
    for name, place in zip(names, places, strict=True):
        line = {"arrowstyle": "-", "color": name.colour, "linewidth": 0.6, "alpha": 0.5}
        ax.annotate(
            name.text,
            (name.seconds, name.level),
            (1.02, place),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=name.colour,
            arrowprops={**line, "shrinkA": 2, "relpos": (0, 0.5)},
            annotation_clip=False,
        )


def apart(levels: Sequence[float], gap: float) -> list[float]:
    """Places in the order of rising levels, as near to these as may be and never closer than a gap."""
    steps = gap * np.arange(len(levels))
    places: list[float] = (isotonic_regression(levels - steps).x + steps).tolist()
    return places


def _opponents(of: Mapping[str, comparison.Run]) -> dict[str, float]:
    """The level of each baseline that stands beside one of the runs."""
    levels: dict[str, float] = {}
    for run in of.values():
        prefix = f"baselines/{comparison.view_of(run).name}"
        found = {key: run.get(f"{prefix}.test.{key}.nll") for key in OPPONENTS}
        levels |= {key: float(level) for key, level in found.items() if level is not None}
    return levels


def main() -> None:
    """Draws the picture."""
    settings = params.load()
    found = points(comparison.chosen(settings, sys.argv[1:]))
    if not found:
        sys.exit("no run that was trained here has scores of pitches; train one: make repro")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    draw(OUT, found)
    print(f"nats against seconds: {OUT}")


if __name__ == "__main__":
    main()
