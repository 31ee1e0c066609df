"""The table that compares models: ``python -m tonerow.tracking.comparison [MODEL ...]``.

One row for each model and size: its latest finished run on the corpus that ``params.yaml`` names.
Without models, all of ``params.yaml`` in the size that it names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tonerow import models, params, tracking
from tonerow.views import VIEWS

NOT_THERE = "-"
COLUMNS = {
    "parameters": ("parameters", "{:,.0f}"),
    "train s": ("training_seconds", "{:,.0f}"),
    "notes/s": ("notes_per_second", "{:,.0f}"),
    "val pitch bits": ("evaluate/val.pitch_bits_per_note", "{:.3f}"),
    "test pitch bits": ("evaluate/test.pitch_bits_per_note", "{:.3f}"),
    "test pitch acc.": ("evaluate/test.pitch_accuracy", "{:.3f}"),
    "val note bits": ("evaluate/val.bits_per_note", "{:.3f}"),
    "test note bits": ("evaluate/test.bits_per_note", "{:.3f}"),
    "test nats/char": ("evaluate/test.char_nll", "{:.3f}"),
    "bits per written note": ("evaluate/test.bits_per_written_note", "{:.3f}"),
}
"""Header of each column, the metric it shows and how."""
BASELINES = {"ngram": "n-gram", "ngram_cache": "n-gram with cache"}
PER_WRITTEN_NOTE = (
    "- bits per written note: all of a tune's characters after its header, rhythm, bars and repeat "
    "signs too, over its notes as written; the other bits are per note as played"
)

Run = Mapping[str, Any]


def latest(runs: Iterable[Run], names: Sequence[str], size: str) -> list[Run]:
    """The first evaluated run of each of these models in this size, in the order of `names`."""
    first: dict[str, Run] = {}
    for run in runs:
        if run["size"] == size and "evaluate/test.notes" in run:
            first.setdefault(run["model"], run)
    return [first[name] for name in names if name in first]


def table(runs: Sequence[Run]) -> str:
    """A Markdown table of runs and their baselines, and what each knows when it predicts a note."""
    lines = [["model", *COLUMNS]]
    lines += [
        [run["model"], *(_cell(run, *column) for column in COLUMNS.values())]
        for run in [*runs, *_baselines(runs)]
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in lines
    ]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    architectures = {run["model"]: models.find(run["model"]) for run in runs}
    notes = [f"- {name} sees {own.conditions_on.value}" for name, own in architectures.items()]
    if any(own.view == "chars" for own in architectures.values()):
        notes.append(PER_WRITTEN_NOTE)
    return "\n".join([*rows, "", *notes])


def _baselines(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each n-gram that stands beside the runs, with its pitch scores where theirs are."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        view = VIEWS[VIEWS[models.find(run["model"]).view].compared_with]
        for key, name in BASELINES.items():
            scores = {
                f"evaluate/{side}.pitch_{score}": run[metric]
                for side in ("val", "test")
                for score in ("bits_per_note", "accuracy")
                if (metric := f"baselines/{view.name}.{side}.{key}.{score}") in run
            }
            if scores:
                row = f"{name}, {view.label}"
                rows.setdefault(row, {"model": row} | scores)
    return list(rows.values())


def _cell(run: Run, key: str, form: str) -> str:
    return form.format(float(run[key])) if key in run else NOT_THERE


def main() -> None:
    """Prints the table."""
    settings = params.load()
    names = sys.argv[1:] or list(settings.models)
    runs = latest(tracking.finished(settings), names, settings.size)
    if not runs:
        sys.exit("no finished run on this corpus; train a model first, for instance: make repro")
    print(table(runs))


if __name__ == "__main__":
    main()
