"""Test nats against seconds of training: ``python -m tonerow.tracking.picture [NAME ...]``.

The names are those of `tonerow.tracking.comparison`; of each row its latest run is a point.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    for i, (name, run) in enumerate(sorted(of.items(), key=lambda item: float(item[1][SECONDS]))):
        seconds, level = float(run[SECONDS]), float(run[LEVEL])
        spread = [[level - float(run[f"{LEVEL}_low"])], [float(run[f"{LEVEL}_high"]) - level]]
        colour = COLOURS[comparison.sees_of(run)]
        ax.errorbar(seconds, level, spread, fmt="o", color=colour, capsize=3)
        # in turn below and above, so that neighbours do not write over each other
        place: dict[str, Any] = {"xytext": (0, (-26, 22)[i % 2]), "textcoords": "offset points"}
        place |= {"ha": "center", "va": "center"}
        ax.annotate(name, (seconds, level), color=colour, fontsize=9, **place)
    for key, level in _opponents(of).items():
        ax.axhline(level, color="0.6", linestyle="--", linewidth=1)
        ax.annotate(OPPONENTS[key], (1, level), (-4, 3), xycoords=("axes fraction", "data"),
                    textcoords="offset points", ha="right", fontsize=8, color="0.4")  # fmt: skip
    ax.set(xlabel="seconds of training", ylabel="nats a pitch, test (95 % over works)")
    ax.margins(y=0.12)
    ax.set_xlim(0, 1.3 * max(float(run[SECONDS]) for run in of.values()))
    figure.savefig(path, dpi=110, metadata={"Software": None})


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
