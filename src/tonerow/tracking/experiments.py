"""The table of DVC's experiments: ``python -m tonerow.tracking.experiments``.

One line for each experiment of this repository, on whatever commit it stands, the best on val first:
what was set for it, and its numbers from ``metrics/summary.json``. `dvc exp show` has a column for
each setting of each model.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from tonerow.tracking.committed import SETTINGS, SUMMARY, git
from tonerow.tracking.run import flatten

NONE = "-"
ENDS = "", "_low", "_high"
WIDTH = 120
"""Characters of a line; what was set is cut to fit."""


@dataclass(frozen=True)
class Experiment:
    """One of DVC's experiments.

    Attributes:
        name: by which DVC knows it.
        state: of its run: Success, Queued, Running or Failed.
        created: date and time.
        changed: settings by dotted name that its commit's ``params.yaml`` has not.
        summary: what is in ``metrics/summary.json``; empty if it did not get so far.
    """

    name: str
    state: str
    created: str
    changed: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def val(self) -> float:
        """Nats on val, by which experiments are sorted; infinite where there are none."""
        return float(_of(self.summary, "val", "nll") or "inf")


def experiments(shown: list[dict[str, Any]]) -> list[Experiment]:
    """All experiments in what ``dvc exp show --json`` says, the best on val first."""
    found = []
    for commit in shown:
        if commit["rev"] == "workspace":
            continue
        for of in commit["experiments"] or ():
            newest = of["revs"][0]
            data = newest["data"] or {}
            own = dict(flatten(_content(data, "params", SETTINGS)))
            before = dict(flatten(_committed(commit["rev"])))
            changed = {key: value for key, value in own.items() if before.get(key, NONE) != value}
            state = (of["executor"] or {}).get("state") or (
                "Failed" if newest["error"] else "Success"
            )
            created = str(data.get("timestamp") or "")[:16].replace("T", " ")
            summary = _content(data, "metrics", SUMMARY)
            name = of["name"] or newest["rev"][:7]
            found.append(Experiment(name, state.capitalize(), created, changed, summary))
    return sorted(found, key=lambda experiment: (experiment.val, experiment.name))


def table(rows: list[Experiment], width: int = WIDTH) -> str:
    """A table of text, at most `width` characters wide where names and numbers allow it."""
    heads = ["experiment", "set", "val", "test (95 %)", "accuracy", "than rival", "created"]
    lines = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    room = width - sum(widths) + widths[1] - 2 * (len(heads) - 1)
    widths[1] = max(min(widths[1], room), len(heads[1]))
    for line in lines:
        if len(line[1]) > widths[1]:
            line[1] = line[1][: max(widths[1] - 3, 0)] + "..."
    shown = (zip(line, widths, strict=True) for line in lines)
    return "\n".join("  ".join(cell.ljust(w) for cell, w in line).rstrip() for line in shown)


def _cells(of: Experiment) -> list[str]:
    changed = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in of.changed.items())
    own = of.summary.get("test", {})
    test = [_of(of.summary, "test", f"nll{end}") for end in ENDS]
    rival = [own.get(f"more_than_rival{end}") for end in ENDS]
    numbers = [
        _number(of.summary, "val", "nll") if of.summary else of.state.lower(),
        _estimate(test, ".3f", "-"),
        _number(of.summary, "test", "accuracy"),
        _estimate(rival, "+.3f", ","),
    ]
    return [of.name, changed or NONE, *numbers, of.created or NONE]


def _estimate(numbers: Sequence[float | None], form: str, between: str) -> str:
    """A mean with its interval, as far as they are known."""
    mean, *ends = (NONE if number is None else format(number, form) for number in numbers)
    return mean if NONE in ends else f"{mean} ({between.join(ends)})"


def _number(summary: Mapping[str, Any], split: str, score: str) -> str:
    value = _of(summary, split, score)
    return NONE if value is None else f"{value:.3f}"


def _of(summary: Mapping[str, Any], split: str, score: str) -> float | None:
    """A score of the pitch, or of characters."""
    own = summary.get(split, {})
    value: float | None = own.get(f"pitch_{score}", own.get(f"char_{score}"))
    return value


def _content(data: Mapping[str, Any], kind: str, file: str) -> Mapping[str, Any]:
    of = (data.get(kind) or {}).get(file) or {}
    return of.get("data") or {}


@cache
def _committed(rev: str) -> dict[str, Any]:
    """The ``params.yaml`` of a commit; empty if it has none."""
    content = git("show", f"{rev}:{SETTINGS}")
    return YAML(typ="safe").load(content) if content else {}


def main() -> None:
    """Prints the table."""
    command = [sys.executable, "-m", "dvc", "exp", "show", "--all-commits", "--json"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        sys.exit(shown.stderr.strip())
    rows = experiments(json.loads(shown.stdout))
    print(table(rows) if rows else "no experiments yet; make one: dvc exp run -S train.seed=2")


if __name__ == "__main__":
    main()
