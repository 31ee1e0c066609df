"""A picture of where a model wins and loses, and of how well it knows what it knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tonerow.evaluation.calibration import Calibration

LABELS = {
    "repeated": "in a run of 12\nheard before",
    "new": "in no such run",
    "opening": "the first 16",
    "later": "after them",
    "downbeat": "first of a bar",
    "other_beat": "on another beat",
    "off_beat": "off the beat",
}
"""Of the parts, in the picture."""
COLOURS = {"model": "tab:blue", "rival": "tab:orange"}


def draw(
    path: Path,
    title: str,
    where: Mapping[str, Any],
    calibrations: Mapping[str, Calibration],
) -> None:
    """Draws both of one split; the bytes depend on the numbers alone.

    Args:
        path: the PNG file.
        title: of the picture.
        where: of the split, see `tonerow.evaluation.where.by_part`.
        calibrations: of "model" and, if it has one, "rival".
    """
    figure = Figure(figsize=(13, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    figure.suptitle(title)
    _bars(left, {name: where[name] for name in LABELS if name in where})
    _curves(right, calibrations)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _bars(ax: Axes, of: Mapping[str, Mapping[str, float]]) -> None:
    """The nats of each part, model beside rival, and between them the difference."""
    at = np.arange(len(of))
    for shift, who, key in ((-0.2, "model", "nll"), (0.2, "rival", "rival_nll")):
        values = [row.get(key, np.nan) for row in of.values()]
        if not np.isnan(values).all():
            ax.bar(at + shift, values, 0.4, label=who, color=COLOURS[who])
    for x, row in enumerate(of.values()):
        text = f"{row['share']:.0%}"
        if "difference" in row:
            low, high = row["difference_low"], row["difference_high"]
            text += f"\n{row['difference']:+.2f}\n{low:+.2f} to {high:+.2f}"
        top = max(row["nll"], row.get("rival_nll", 0.0))
        ax.text(x, top, text, ha="center", va="bottom", fontsize="x-small")
    ax.set_xticks(at, [LABELS[name] for name in of], fontsize="small")
    ax.margins(y=0.25)
    ax.set_ylabel("nats; above: share of the notes,\nmodel minus rival (95 %)")
    ax.legend(loc="upper left", ncols=2)


def _curves(ax: Axes, calibrations: Mapping[str, Calibration]) -> None:
    """Accuracy by confidence; the larger a point, the more notes."""
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for who, own in calibrations.items():
        some = own.notes > 0
        x, y, size = own.confidence[some], own.accuracy[some], own.notes[some]
        label = f"{who} (error {own.error():.3f})"
        ax.plot(x, y, color=COLOURS[who], linewidth=1, label=label)
        ax.scatter(x, y, 8 + 150 * size / size.sum(), color=COLOURS[who])
    ax.set_xlabel("probability of the first choice")
    ax.set_ylabel("how often it was right")
    ax.legend(loc="upper left")
