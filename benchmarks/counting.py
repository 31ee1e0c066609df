"""Measures what the counting rivals cost: CPU-seconds to fit, choose and score, and how they grow.

Run `python benchmarks/counting.py [--tokens data/tokens] [--rivals ...]`; the tokens are those of
`make repro`. Each rival is fitted on train, chosen on val and scored on val and test, in one process,
once with every other piece of each split and once with all. Printed are the test nats a note, the
CPU-seconds of both, and how much longer a note took with all.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from tonerow.evaluation.baselines import melody_lines
from tonerow.evaluation.counting import RIVALS, Result, Rival, counted, result
from tonerow.evaluation.lines import Lines
from tonerow.notes.splits import SPLITS


def timed(rival: Rival, lines: dict[str, Lines]) -> tuple[Result, float]:
    """The fitted rival and its CPU-seconds."""
    held_out = {split: lines[split] for split in SPLITS if split != "train"}
    before = time.process_time()
    models = {name: counted(name, lines["train"], held_out) for name in rival.viewpoints}
    fitted = result(rival, models, held_out)
    return fitted, time.process_time() - before


def main() -> None:
    """Prints a line for each rival of melodies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("data/tokens"))
    names = [rival.name for rival in RIVALS]
    parser.add_argument("--rivals", nargs="+", choices=names, default=names)
    options = parser.parse_args()
    lines = {split: melody_lines(options.tokens, split) for split in SPLITS}
    half = {split: own.pieces(np.arange(0, own.n_pieces, 2)) for split, own in lines.items()}
    notes, fewer = (sum(len(own.pitch) for own in part.values()) for part in (lines, half))
    print(f"{notes:,} notes, and every other piece of them: {fewer:,}")
    total = 0.0
    for rival in (rival for rival in RIVALS if rival.name in options.rivals):
        _, short = timed(rival, half)
        fitted, long = timed(rival, lines)
        nats = float(np.mean(fitted.scores["test"]["nll"]))
        total += long
        print(
            f"{rival.name:22} test {nats:.4f} nats, {fitted.numbers.n_fitted:3} numbers, "
            f"{short:5.1f} and {long:5.1f} CPU-s, a note {long / short * fewer / notes:.2f} times",
            flush=True,
        )
    print(f"all: {total:.1f} CPU-s")


if __name__ == "__main__":
    main()
