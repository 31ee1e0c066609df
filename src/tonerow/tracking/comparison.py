"""The table that compares runs: ``python -m tonerow.tracking.comparison [NAME ...]``.

A NAME is a model, with the settings that ``params.yaml`` has now, or a DVC experiment with its own;
without names, all models of ``params.yaml``, the selected one first. One row for each: its latest
finished run on the corpus that ``params.yaml`` names, or the mean of all its runs that differ in
`train.seed` alone. One column is the difference to the first row, note by note.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tonerow import models, params, tracking
from tonerow.evaluation.intervals import Estimate, bootstrap, per_work
from tonerow.models.base import Sees
from tonerow.tracking.overview import estimate
from tonerow.views import VIEWS, View

NOT_THERE = "-"
LEVEL = "evaluate/test.pitch_nll"
RIVAL = "rival"
NOTES_SCORED = "evaluate/test.notes"
Run = Mapping[str, Any]
Recipe = frozenset[tuple[str, str]]
Show = Callable[[Run, str], str]


@dataclass(frozen=True)
class Row:
    """What stands in one row.

    Attributes:
        name: as asked for.
        runs: one for each seed, the latest first.
        nats: of each test note's pitch, the mean over seeds, (n_notes,); empty where none are kept.
        pieces: the piece of each note, (n_notes,).
        works: the work of each note, (n_notes,).
    """

    name: str
    runs: Sequence[Run]
    nats: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    pieces: NDArray[Any] = field(default_factory=lambda: np.zeros(0, object))
    works: NDArray[Any] = field(default_factory=lambda: np.zeros(0, object))

    @property
    def mean(self) -> dict[str, Any]:
        """The newest run, with the mean over the seeds of every number."""
        newest = self.runs[0]
        numbers = [key for key, value in newest.items() if isinstance(value, float)]
        means = {
            key: statistics.fmean(run[key] for run in self.runs)
            for key in numbers
            if all(key in run for run in self.runs)
        }
        return {**newest, **means, "seeds": len(self.runs)} | self._spread()

    def _spread(self) -> dict[str, float]:
        values = [run[LEVEL] for run in self.runs if LEVEL in run]
        return {"spread": statistics.stdev(values)} if len(values) > 1 else {}

    def minus(self, other: Row) -> Estimate | None:
        """How many nats a pitch more than the other, paired; None where the notes are others."""
        if not len(self.nats) or not np.array_equal(self.pieces, other.pieces):
            return None
        each = np.arange(len(self.nats) + 1)  # every note on its own, as its work is known
        return bootstrap(*per_work(self.nats - other.nats, each, self.works.tolist()))


def _number(form: str) -> Show:
    return lambda run, key: form.format(float(run[key])) if key in run else NOT_THERE


def _text(run: Run, key: str) -> str:
    return str(run.get(key, NOT_THERE))


COLUMNS: dict[str, tuple[str, Show]] = {
    "seeds": ("seeds", _number("{:.0f}")),
    "numbers": ("train/parameters", _number("{:,.0f}")),
    "train s": ("training_seconds", _number("{:,.0f}")),
    "notes/s": ("notes_per_second", _number("{:,.0f}")),
    "val pitch nats": ("evaluate/val.pitch_nll", _number("{:.3f}")),
    "test pitch nats (95 %)": (LEVEL, estimate),
    "sd over seeds": ("spread", _number("{:.4f}")),
    "accuracy (95 %)": ("evaluate/test.pitch_accuracy", estimate),
    "its rival": (RIVAL, _text),
    "more than its rival (95 %)": ("evaluate/test.rival.difference", estimate),
    "more than the first row (95 %)": ("more", estimate),
    "test note bits (95 %)": ("evaluate/test.bits_per_note", estimate),
    "test char nats (95 %)": ("evaluate/test.char_nll", estimate),
    "bits per written note": ("evaluate/test.bits_per_written_note", _number("{:.3f}")),
}
"""Header of each column, the metric it shows and how."""
SCORES = ("nll", "nll_low", "nll_high", "accuracy", "accuracy_low", "accuracy_high")
"""Of an opponent, as the columns of a model's pitches or characters show them."""
NOTES = (
    "- nats and bits are of notes as played, but per written note: all of a tune's characters after "
    "its header, rhythm, bars and repeat signs too, over its notes as written",
    "- numbers: what training adjusts; of a rival, what is fitted on val (its val score flatters)",
    "- more than its rival: nats a pitch (or character), one by one beside the counting model that is "
    "best on val of those that see no more; below 0 the model is better; intervals are over works",
    "- more than the first row: note by note, where both predict the pitches of the same notes",
    "- several seeds: each number is the mean over the seeds, so are the ends of an interval; one "
    "seed: another gives another number, and `make compare SEEDS=3` shows how far apart they lie",
    "- a model looks back at most `evaluate.window` notes, or its own `window`, a rival 1,024, an "
    "n-gram with a cache the whole piece",
    "- every model has a recipe of its own, found on this corpus: see `training` in params.yaml",
)


def recipes(settings: params.Params, names: Iterable[str]) -> dict[str, Recipe | None]:
    """By name the recipe of a model that has the selected size; None: a DVC experiment's name."""
    return {
        name: tracking.recipe_of(settings.model_copy(update={"model": name}))
        if settings.size in settings.models.get(name, {})
        else None
        for name in names
    }


def latest(runs: Iterable[Run], recipes: Mapping[str, Recipe | None]) -> dict[str, list[Run]]:
    """For each name its latest evaluated run, and the latest of the other seeds of its recipe.

    Args:
        runs: the latest first, see `tracking.finished`.
        recipes: by name, of a model the recipe that is asked for; None: the name of a DVC experiment.
    """
    rows: dict[str, dict[str, Run]] = {name: {} for name in recipes}
    wanted = dict(recipes)
    for run in runs:
        if NOTES_SCORED not in run:
            continue
        for name, seeds in rows.items():
            if wanted[name] is None and run.get("dvc_experiment") == name:
                wanted[name] = run["recipe"]
            if run["recipe"] == wanted[name]:
                seeds.setdefault(run.get("train.seed", ""), run)
    return {name: list(seeds.values()) for name, seeds in rows.items() if seeds}


def with_notes(name: str, runs: Sequence[Run], load: Callable[[Run], pa.Table | None]) -> Row:
    """A row with the nats of each test note, where all of its runs have kept them."""
    tables = [load(run) for run in runs]
    if any(table is None or "pitch_nats" not in table.column_names for table in tables):
        return Row(name, runs)
    tests = [table.filter(pc.field("split") == "test") for table in tables if table is not None]
    nats = np.mean([test["pitch_nats"].to_numpy().astype(np.float64) for test in tests], axis=0)
    pieces, works = (tests[0][key].to_numpy() for key in ("piece_id", "work_id"))
    return Row(name, runs, nats, pieces, works)


def table(rows: Sequence[Row]) -> str:
    """A Markdown table of runs and their baselines, and what each knows when it predicts a note."""
    runs = []
    for row in rows:
        own = {**row.mean, "name": row.name}
        if row is not rows[0] and (more := row.minus(rows[0])) is not None:
            own |= {"more": more.mean, "more_low": more.low, "more_high": more.high}
        runs.append(own)
    lines = [["model", *COLUMNS]]
    lines += [
        [run["name"], *(show(run, key) for key, show in COLUMNS.values())]
        for run in [*runs, *_opponents(runs)]
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    shown = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    sees = [
        f"- {run['name']} sees {sees_of(run).value}; its note bits sum up: {', '.join(_fields(run))}"
        for run in runs
    ]
    return "\n".join([*shown, "", *sees, *NOTES])


def sees_of(run: Run) -> Sees:
    """What the model of a run knows of a note when it predicts it."""
    return models.find(run["model"]).conditions_on


def view_of(run: Run) -> View:
    """What the model of a run reads; the baselines beside it are scored on the same."""
    return VIEWS[models.find(run["model"]).view]


def _fields(run: Run) -> list[str]:
    """What a model predicts, by the scores that it has."""
    scores = (re.fullmatch(r"evaluate/test\.(\w+)_nll", key) for key in run)
    return [score[1] for score in scores if score]


def _opponents(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each baseline and rival that stands beside the runs, weak ones first."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        view = view_of(run)
        field = "char" if view.name == "chars" else "pitch"
        for key in run:
            if not (match := re.fullmatch(rf"baselines/{view.name}\.test\.(\w+)\.nll", key)):
                continue
            scores = {
                f"evaluate/{side}.{field}_{score}": run[metric]
                for side in ("val", "test")
                for score in SCORES
                if (metric := f"baselines/{view.name}.{side}.{match[1]}.{score}") in run
            }
            fitted = f"baselines/{view.name}.test.{match[1]}.numbers_fitted"
            scores |= {"train/parameters": run[fitted]} if fitted in run else {}
            name = f"{match[1].replace('_', ' ')}, {view.label}"
            rows.setdefault(name, {"name": name, "level": float(run[key])} | scores)
    return sorted(rows.values(), key=lambda row: -row["level"])


def chosen(settings: params.Params, names: Sequence[str]) -> dict[str, list[Run]]:
    """The runs that names ask for, see above; says which are missing, and exits if all are."""
    others = [name for name in settings.models if name != settings.model]
    names = names or [settings.model, *others]
    rows = latest(tracking.finished(settings), recipes(settings, names))
    if missing := [name for name in names if name not in rows]:
        print(f"no finished run as params.yaml says: {', '.join(missing)}", file=sys.stderr)
    if not rows:
        sys.exit("no finished run on this corpus; train a model first, for instance: make repro")
    return rows


def main() -> None:
    """Prints the table."""
    settings = params.load()
    rows = chosen(settings, sys.argv[1:])

    def load(run: Run) -> pa.Table | None:
        return tracking.scores(settings, run["run_id"])

    print(table([with_notes(name, runs, load) for name, runs in rows.items()]))


if __name__ == "__main__":
    main()
