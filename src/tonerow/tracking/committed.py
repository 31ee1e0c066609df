"""Sets the numbers of this run beside the committed ones: ``python -m tonerow.tracking.committed``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUMMARY, SETTINGS = "metrics/summary.json", "params.yaml"
NOISE = 0.02
"""Nats a note by which two trainings may differ on test that say nothing about the code: the same
seed on another processor has made 0.0125, three seeds on one have had a spread of 0.003."""


def sentence(now: Mapping[str, Any], committed: Mapping[str, Any]) -> str:
    """How the test score of a summary compares with that of the committed one, of the same settings."""
    name = "pitch_nll" if "pitch_nll" in now["test"] else "char_nll"
    ours, theirs = now["test"][name], committed["test"][name]
    unit = "a note" if name == "pitch_nll" else "a character"
    level = f"test: {ours:.4f} nats {unit}; committed: {theirs:.4f}"
    if now == committed:
        return f"{level}, and all else is the same too"
    if abs(ours - theirs) <= NOISE:
        return f"{level}. Another processor or seed makes such a difference (up to {NOISE})"
    return f"{level}. That is more than another processor or seed makes ({NOISE})"


def git(*arguments: str) -> str | None:
    """What git prints; None if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout


def main() -> None:
    """Prints one line; none where nothing is committed that compares."""
    before = git("show", f"HEAD:{SUMMARY}")
    if before is None or git("diff", "--quiet", "HEAD", "--", SETTINGS) is None:
        return
    now = json.loads(Path(SUMMARY).read_text(encoding="utf-8"))
    committed = json.loads(before)
    if now["test"].keys() == committed["test"].keys():
        print(sentence(now, committed))


if __name__ == "__main__":
    main()
