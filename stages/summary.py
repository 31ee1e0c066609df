"""What is compared first: ``python -m stages.summary EVALUATE TRAIN GENERATE OUT``, all JSON files.

The rest of the numbers is in git too, but is no metric of DVC: its tables would have 400 columns.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages import run
from tonerow import reports


def headline(
    evaluate: Mapping[str, Any], train: Mapping[str, Any], generate: Mapping[str, Any]
) -> dict[str, Any]:
    """A dozen numbers of a run.

    Returns:
        For `test` and `val` nats a note's pitch, or a character, with their 95 % interval, and
        accuracy; for `test` how much more than its rival, with interval, where it has one;
        `parameters`; `copied`, the share of the samples' notes in runs of 16 that train has.
    """
    summary: dict[str, Any] = {}
    for split in ("test", "val"):
        scores = evaluate[split]
        field = "pitch" if "pitch_nll" in scores else "char"
        names = [f"{field}_{name}" for name in ("nll", "nll_low", "nll_high", "accuracy")]
        summary[split] = {name: scores[name] for name in names}
        if split == "test" and "rival" in scores:
            of = scores["rival"]
            summary[split] |= {
                f"more_than_rival{end}": of[f"difference{end}"] for end in ("", "_low", "_high")
            }
    return {**summary, "parameters": train["parameters"], "copied": generate["copied_fraction"]}


def main() -> None:
    """Reads three files and writes one."""
    *read, out = (Path(argument) for argument in sys.argv[1:5])
    reports.write_json(out, headline(*(json.loads(path.read_text("utf-8")) for path in read)))


if __name__ == "__main__":
    run(main)
