"""What has changed since a commit, in Markdown: ``python -m tonerow.tracking.report``.

The commit is the last one, or that of ``BASE`` in the environment, such as the branch that a change is
for.
For a continuous integration to post. It fails when the model is worse on val than the committed one
beyond the 95 % interval of the paired difference; test decides nothing. Where another model, size or
corpus is selected the two are set side by side, and nothing fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from tonerow.evaluation.intervals import Estimate, bootstrap
from tonerow.tracking.committed import NOISE, SETTINGS, SUMMARY, git
from tonerow.tracking.run import flatten

WORKS = "metrics/val_works.json"
SELECTS = ("model", "size", "corpus")
"""Settings that say which model it is."""
Works = Mapping[str, tuple[float, float]]
"""Of each work of val its notes and their nats, summed."""


def more(now: Works, before: Works) -> Estimate | None:
    """Nats a note that a model needs more than another, paired; None where the notes are others."""
    works = sorted(now)
    if works != sorted(before) or any(now[work][0] != before[work][0] for work in works):
        return None
    difference = np.array([now[work][1] - before[work][1] for work in works])
    return bootstrap(difference, np.array([now[work][0] for work in works]))


def verdict(found: Estimate | None) -> tuple[bool, str]:
    """Whether a change may pass, and why."""
    if found is None:
        return True, "val has other notes than the committed one: the two are not compared."
    numbers = f"{found.mean:+.4f} nats a note on val ({found.low:+.4f} to {found.high:+.4f})"
    if found.low > 0:
        noise = f"Another processor by itself makes up to {NOISE}."
        return False, f"**Worse** than the committed model: {numbers}. {noise}"
    if found.high < 0:
        return True, f"Better than the committed model: {numbers}."
    return True, f"No difference that the interval carries: {numbers}."


def _read(text: str) -> Works:
    content: Works = json.loads(text)["works"]
    return content


def _table(base: str, rows: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Numbers now and at a commit and their difference, a row each."""
    lines = [f"| | {base} | now | difference |", "|---|---|---|---|"]
    old = dict(flatten(before))
    for name, value in flatten(rows):
        more = f"{value - old[name]:+.6g}" if name in old else "-"
        lines.append(f"| {name} | {old.get(name, '-')} | {value} | {more} |")
    return lines


def _selected(settings: str) -> list[Any]:
    """Which model the text of a ``params.yaml`` selects."""
    tree = YAML(typ="safe").load(settings)
    return [tree.get(key) for key in SELECTS]


def _dvc(*arguments: str) -> str:
    """What DVC prints; what is wrong, if it fails."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout if done.returncode == 0 else done.stderr).strip()


def main() -> None:
    """Prints the report; exit status 1 if the model is worse."""
    base = os.environ.get("BASE") or "HEAD"
    if git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}") is None:
        sys.exit(
            f"BASE is {base!r}, which git does not know here: fetch it, or name another commit"
        )
    own = {name: Path(name).read_text(encoding="utf-8") for name in (SUMMARY, WORKS, SETTINGS)}
    before = {name: git("show", f"{base}:{name}") for name in own}
    lines = [f"# Since {'the last commit' if base == 'HEAD' else base}", ""]
    passes, says = True, "Nothing is committed to compare with."
    if (works := before[WORKS]) is not None:
        passes, says = verdict(more(_read(own[WORKS]), _read(works)))
    if not passes and _selected(own[SETTINGS]) != _selected(before[SETTINGS] or "{}"):
        passes, says = True, f"Not the model that is committed, so this is no failure. {says}"
    lines += [
        says,
        "",
        *_table(base, json.loads(own[SUMMARY]), json.loads(before[SUMMARY] or "{}")),
    ]
    settings = _dvc("params", "diff", "--md", "--targets", SETTINGS, "--", base)
    changed = settings.count("\n") > 1  # below the header of the table
    lines += ["", "## Settings", "", settings if changed else "As committed."]
    lines += ["", "![Piano rolls of generated music](data/samples/samples.png)"]
    print("\n".join(lines))
    sys.exit(not passes)


if __name__ == "__main__":
    main()
