"""A picture of samples beside held-out tunes: histograms, and how much of both stands in train."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tonerow.evaluation.intervals import Estimate
from tonerow.files import replaced
from tonerow.generation.comparison import Comparison
from tonerow.generation.descriptors import RUNS
from tonerow.generation.distributions import KINDS, Kind

ENDS = "", "_low", "_high"
"""Of the names of a value and its interval."""
COLOURS = {"samples": "tab:blue", "human": "0.6"}
TITLES = {
    "pitch_classes": "pitch classes, from the tonic of the best-fitting key",
    "intervals": "intervals from note to note (12: and wider)",
    "durations": "durations",
}


def draw(path: Path, found: Comparison) -> Path:
    """Draws all that was compared; the bytes depend on the numbers alone.

    Args:
        path: the PNG file; its folder is made if it is missing.
        found: what was compared.

    Returns:
        The path.
    """
    kinds = [kind for kind in KINDS if kind.name in found.shares]
    rows, columns, width = (1, 3, 4.8) if len(kinds) == 2 else (2, 2, 6)
    figure = Figure(figsize=(width * columns, 3.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns).ravel()
    for ax, kind in zip(axes, kinds, strict=False):
        _histogram(ax, kind, found.shares[kind.name], _alike(found.alike, kind.name))
    _copies(axes[-1], found.copied)
    handles, names = axes[0].get_legend_handles_labels()
    labels = {"human": f"human: {found.tunes:,} held-out tunes"}
    shown = [labels.get(name, name) for name in names]
    figure.legend(handles, shown, loc="outside upper center", ncols=2)
    with replaced(path) as place:
        figure.savefig(place, dpi=80, metadata={"Software": None})
    return path


def _histogram(ax: Axes, kind: Kind, shares: Mapping[str, list[Estimate]], says: str) -> None:
    """The share of each bin with its interval, samples beside human tunes."""
    at = np.arange(len(kind.bins))
    for shift, who in ((-0.2, "human"), (0.2, "samples")):
        if who in shares:
            value, low, high = np.array(shares[who]).T  # (n_bins,) each
            ax.bar(at + shift, value, 0.4, label=who, color=COLOURS[who])
            ax.vlines(at + shift, low, high, color="0.2", linewidth=1)
    every = 2 if len(at) > 20 else 1
    labels = [str(Fraction(value).limit_denominator(24)) for value in kind.bins]
    ax.set_xticks(at[::every], labels[::every])
    ax.set_xlabel(kind.unit)
    ax.set_ylabel("share (95 %)")
    ax.set_title(f"{TITLES[kind.name]}\n{says}", fontsize="medium")


def _alike(alike: Mapping[str, Mapping[str, float]], kind: str) -> str:
    """The overlap in words."""
    of = alike.get(f"{kind}_overlap", {})
    parts = [f"overlap {of['samples']:.2f}"] if "samples" in of else []
    if "human" in of:
        usual = f"{of['human_low']:.2f} to {of['human_high']:.2f}"
        parts.append(f"usual between human tunes: {usual}")
    return "; ".join(parts)


def _copies(ax: Axes, copied: Mapping[str, Mapping[str, Any]]) -> None:
    """The share of notes that stand in runs of train, by the length of the run."""
    for who in ("human", "samples"):
        of = [copied[f"in_runs_of_{run}"] for run in RUNS]
        if all(who in own for own in of):
            value, low, high = (np.array([own[who + end] for own in of]) for end in ENDS)
            ax.plot(RUNS, value, marker="o", label=who, color=COLOURS[who])
            ax.fill_between(RUNS, low, high, color=COLOURS[who], alpha=0.2, linewidth=0)
    ax.set_xscale("log", base=2)
    ax.set_xticks(RUNS, [str(run) for run in RUNS])
    ax.set_xlabel("intervals in a row")
    ax.set_ylabel("share of notes (95 %)")
    ax.set_title("notes in runs that train has too", fontsize="medium")
