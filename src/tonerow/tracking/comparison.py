"""The table that compares models: ``python -m tonerow.tracking.comparison [MODEL ...]``.

One row for each model and size: its latest finished run on the corpus that ``params.yaml`` names.
Without models, all of ``params.yaml`` in the size that it names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tonerow import models, params, tracking
from tonerow.views import VIEWS

NOT_THERE = "-"
Run = Mapping[str, Any]
Show = Callable[[Run, str], str]


def _number(form: str) -> Show:
    return lambda run, key: form.format(float(run[key])) if key in run else NOT_THERE


def _estimate(run: Run, key: str) -> str:
    """A number with its 95 % interval."""
    if key not in run:
        return NOT_THERE
    low, high = (float(run.get(f"{key}_{end}", "nan")) for end in ("low", "high"))
    return f"{float(run[key]):.3f} ({low:.3f} to {high:.3f})"


COLUMNS: dict[str, tuple[str, Show]] = {
    "numbers": ("parameters", _number("{:,.0f}")),
    "train s": ("training_seconds", _number("{:,.0f}")),
    "notes/s": ("notes_per_second", _number("{:,.0f}")),
    "val pitch nats": ("evaluate/val.pitch_nll", _number("{:.3f}")),
    "test pitch nats (95 %)": ("evaluate/test.pitch_nll", _estimate),
    "accuracy": ("evaluate/test.pitch_accuracy", _number("{:.3f}")),
    "more than its rival (95 %)": ("evaluate/test.rival.difference", _estimate),
    "test note bits": ("evaluate/test.bits_per_note", _number("{:.3f}")),
    "test char nats": ("evaluate/test.char_nll", _number("{:.3f}")),
    "bits per written note": ("evaluate/test.bits_per_written_note", _number("{:.3f}")),
}
"""Header of each column, the metric it shows and how."""
SCORES = ("nll", "nll_low", "nll_high", "accuracy")
"""Of an opponent, as the column of a model's pitches shows them."""
NOTES = (
    "- nats and bits are of notes as played, but per written note: all of a tune's characters after "
    "its header, rhythm, bars and repeat signs too, over its notes as written",
    "- numbers: what training adjusts; of a rival, what is fitted on val (its val score flatters)",
    "- more than its rival: nats a pitch, note by note beside the strongest counting model that sees "
    "as much (beside a model that sees the rhythm so far: one that sees the rhythm before the note); "
    "below 0 the model is better; "
    "intervals are over works",
    "- a model looks back at most 512 notes, a rival 1,024, an n-gram with a cache the whole piece",
)


def latest(runs: Iterable[Run], names: Sequence[str], size: str) -> list[Run]:
    """The first evaluated run of each of these models in this size, in the order of `names`."""
    first: dict[str, Run] = {}
    for run in runs:
        if run.get("size") == size and "evaluate/test.notes" in run:
            first.setdefault(run["model"], run)
    return [first[name] for name in names if name in first]


def table(runs: Sequence[Run]) -> str:
    """A Markdown table of runs and their baselines, and what each knows when it predicts a note."""
    lines = [["model", *COLUMNS]]
    lines += [
        [run["model"], *(show(run, key) for key, show in COLUMNS.values())]
        for run in [*runs, *_opponents(runs)]
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in lines
    ]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    sees = [
        f"- {run['model']} sees {models.find(run['model']).conditions_on.value}" for run in runs
    ]
    return "\n".join([*rows, "", *sees, *NOTES])


def _opponents(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each baseline and rival that stands beside the runs, weak ones first."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        view = VIEWS[VIEWS[models.find(run["model"]).view].compared_with]
        for key in run:
            if not (match := re.fullmatch(rf"baselines/{view.name}\.test\.(\w+)\.nll", key)):
                continue
            scores = {
                f"evaluate/{side}.pitch_{score}": run[metric]
                for side in ("val", "test")
                for score in SCORES
                if (metric := f"baselines/{view.name}.{side}.{match[1]}.{score}") in run
            }
            fitted = f"baselines/{view.name}.test.{match[1]}.numbers_fitted"
            scores |= {"parameters": run[fitted]} if fitted in run else {}
            name = f"{match[1].replace('_', ' ')}, {view.label}"
            rows.setdefault(name, {"model": name} | scores)
    return sorted(rows.values(), key=lambda row: -float(row["evaluate/test.pitch_nll"]))


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
