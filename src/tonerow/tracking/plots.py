"""Curves and pictures on one page without a network: ``python -m tonerow.tracking.plots [NAME ...]``.

The names are those of `tonerow.tracking.comparison`; of each row the latest run is drawn. Without
names: the model that ``params.yaml`` selects. (The page of ``dvc plots`` loads its program for
drawing from the internet.)
"""

from __future__ import annotations

import base64
import csv
import html
import io
import sys
from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tonerow import params, tracking
from tonerow.tracking import comparison
from tonerow.tracking.store import Epoch

OUT = Path("data/plots.html")
CALIBRATION = Path("data/scores/calibration.csv")
CALIBRATED = {
    "test_model": "model, test",
    "test_rival": "rival, test",
    "perfect": "as often as it says",
}
PICTURES = {
    "where the model wins and loses": Path("data/scores/test.png"),
    "samples": Path("data/samples/samples.png"),
    "samples beside human tunes": Path("data/samples/descriptors.png"),
}
"""What the pipeline has drawn of the result that is in the workspace."""
PANELS = (
    ("nats a note (of all its fields) or character", ("train_nll", "val_nll")),
    ("accuracy, mean over the fields", ("train_accuracy", "val_accuracy")),
    ("learning rate", ("learning_rate",)),
)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 1rem auto; padding: 0 1rem }}
img {{ width: 100%; background: white }}
:root {{ color-scheme: light dark }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def draw(of: Mapping[str, Mapping[str, list[Epoch]]]) -> bytes:
    """A PNG of the curves of runs, by the names of the run and of the number.

    Val is drawn through, train dashed.
    """
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    *axes, timed = figure.subplots(2, 2).flat
    for i, curves in enumerate(of.values()):
        for ax, (_, names) in zip(axes, PANELS, strict=True):
            for name in names:
                style = "--" if name.startswith("train") else "-"
                points = curves.get(name, [])
                ax.plot([p.epoch for p in points], [p.value for p in points], f"C{i % 10}.{style}")
        points = curves.get("val_nll", [])
        timed.plot([p.seconds for p in points], [p.value for p in points], f"C{i % 10}.-")
    for ax, (label, _) in zip(axes, PANELS, strict=True):
        ax.set(xlabel="epoch", ylabel=label)
    timed.set(xlabel="seconds since the start of training", ylabel="nats on val")
    timed.set_xlim(left=0)
    lines = [Line2D([], [], color=f"C{i % 10}") for i in range(len(of))]
    figure.legend(
        [*lines, Line2D([], [], color="0.4"), Line2D([], [], color="0.4", linestyle="--")],
        [*of, "val", "train"],
        loc="outside upper center",
        ncols=6,
        frameon=False,
    )
    return _png(figure)


def draw_calibration(path: Path) -> bytes:
    """A PNG of how often a first choice is right that has this probability."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    for i, (name, label) in enumerate(CALIBRATED.items()):
        known = [row for row in rows if row.get(name)]
        x, y = ([float(row[key]) for row in known] for key in ("confidence", name))
        ax.plot(x, y, f"C{i}-" if name != "perfect" else "k:", label=label)
    ax.set(xlabel="probability of the first choice", ylabel="how often it is right")
    ax.legend(frameon=False)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png", metadata={"Software": None})
    return buffer.getvalue()


def page(title: str, pictures: Mapping[str, bytes]) -> str:
    """The page with PNGs, by what is said above each."""
    body = []
    for name, content in pictures.items():
        said, data = html.escape(name), base64.b64encode(content).decode("ascii")
        body.append(f'<h2>{said}</h2>\n<img alt="{said}" src="data:image/png;base64,{data}">')
    return PAGE.format(title=html.escape(title), body="\n".join(body))


def main() -> None:
    """Writes the page."""
    settings = params.load()
    names = sys.argv[1:] or [settings.model]
    runs = comparison.chosen(settings, names)
    wanted = [name for _, panel in PANELS for name in panel]
    curves = {name: tracking.curves(settings, of[0]["run_id"], wanted) for name, of in runs.items()}
    here = f"The result in this checkout, {settings.name}"
    pictures = {f"Training: {', '.join(curves)}": draw(curves)}
    if CALIBRATION.is_file():
        pictures[f"{here}: how far probabilities can be trusted"] = draw_calibration(CALIBRATION)
    pictures |= {
        f"{here}: {k}": path.read_bytes() for k, path in PICTURES.items() if path.is_file()
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(page("tonerow: plots", pictures), encoding="utf-8")
    print(f"the plots: {OUT}")


if __name__ == "__main__":
    main()
