"""Notes to a picture: piano rolls, one above the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

SHOWN = 6
"""Samples in the picture."""
BEATS = 64.0
"""Of each sample in the picture."""


def draw_rolls(path: Path, samples: pd.DataFrame, sources: pd.DataFrame) -> None:
    """Draws the first samples' opening beats; the bytes depend on the notes alone.

    The source is light grey, given notes are grey, generated ones blue.

    Args:
        path: the PNG file.
        samples: rows of `tonerow.notes.schema.SAMPLES`.
        sources: the same of the pieces that they come from.
    """
    chosen = list(samples.groupby("sample"))[:SHOWN]
    figure = Figure(figsize=(12, 1.6 * max(len(chosen), 1) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(max(len(chosen), 1), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (sample, notes) in zip(axes, chosen, strict=False):
        shown = notes[notes["onset_beat"] < BEATS]
        source = sources[sources["source_piece_id"] == notes["source_piece_id"].iloc[0]]
        source = source[source["onset_beat"] < BEATS]
        _bars(ax, source, source["pitch"], "0.8")
        given = shown["is_given"].astype(bool)
        _bars(ax, shown[given], shown["pitch"][given], "0.5")
        _bars(ax, shown[~given], shown["pitch"][~given], "tab:blue")
        ax.set_ylabel(f"sample {sample}")
        ax.autoscale_view()
    axes[-1].set_xlabel("quarter notes")
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _bars(ax: Axes, notes: pd.DataFrame, pitch: pd.Series[int], colour: str) -> None:
    """One bar a note: from onset to end, at its pitch."""
    left, middle = notes["onset_beat"].to_numpy(float), pitch.to_numpy(float)
    right = left + notes["duration_beat"].to_numpy(float) * 0.92
    low, high = middle - 0.4, middle + 0.4
    corners = np.array([(left, low), (right, low), (right, high), (left, high)])  # (4, 2, n)
    # one collection: a patch a note takes ten times as long
    bars = PolyCollection(list(corners.transpose(2, 0, 1)), color=colour, linewidth=0)
    ax.add_collection(bars)
