"""The table that compares models: ``python -m tonerow.tracking.comparison [MODEL ...]``.

One row a model: its latest finished run on the corpus that ``params.yaml`` names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tonerow import params, tracking
from tonerow.models import ARCHITECTURES

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
BASELINE_NOTES = {"melody": "melody", "chars": "melody", "events": "all notes"}
"""What the baselines beside a model are scored on, by the model's view."""
PER_WRITTEN_NOTE = (
    "- bits per written note: all of a tune's characters after its header, rhythm, bars and repeat "
    "signs too, over its notes as written; the other bits are per note as played"
)


def latest(runs: Iterable[Mapping[str, Any]], models: Sequence[str]) -> list[Mapping[str, Any]]:
    """The first evaluated run of each model, in the order of `models`; if empty, of all models."""
    first: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        if "evaluate/test.notes" in run:
            first.setdefault(run["model"], run)
    return [first[name] for name in models or first if name in first]


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of runs and their baselines, and what each knows besides the notes before."""
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
    knows = {run["model"]: ARCHITECTURES[run["architecture"]].conditions_on for run in runs}
    notes = [f"- {model} sees {what}" for model, what in knows.items()]
    if "lstm_char" in {run["architecture"] for run in runs}:
        notes.append(PER_WRITTEN_NOTE)
    return "\n".join([*rows, "", *notes])


def _baselines(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each n-gram that stands beside the runs, with its pitch scores where theirs are."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        notes = BASELINE_NOTES[ARCHITECTURES[run["architecture"]].view]
        for key, name in BASELINES.items():
            scores = {
                f"evaluate/{side}.pitch_{score}": run[found]
                for side in ("val", "test")
                for score in ("bits_per_note", "accuracy")
                if (found := f"baselines/{side}.{key}.{score}") in run
            }
            if scores:
                rows.setdefault(f"{name}, {notes}", {"model": f"{name}, {notes}"} | scores)
    return list(rows.values())


def _cell(run: Mapping[str, Any], key: str, form: str) -> str:
    return form.format(float(run[key])) if key in run else NOT_THERE


def main() -> None:
    """Prints the table."""
    runs = latest(tracking.finished(params.load()), sys.argv[1:])
    if not runs:
        sys.exit("no finished run on this corpus; train a model first, for instance: make repro")
    print(table(runs))


if __name__ == "__main__":
    main()
