"""Measures how long the val split takes to score, in epochs of training.

Run `python benchmarks/scoring.py [--tokens data/tokens] [--models ...] [--batches 10]`; the tokens are
those of `make repro`. An epoch is that of the shipped settings; what a note of it takes is measured on
so many batches, after as many that do not count. Val is scored as after each epoch, whole. One thread,
one run.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from tonerow import params
from tonerow.evaluation.scores import tally
from tonerow.training.lessons import Lessons
from tonerow.trials import learned, markdown, two_epochs
from tonerow.views import VIEWS

HEAD = ("model", "an epoch, s", "val, s", "epochs")


def row(name: str, options: argparse.Namespace) -> list[str]:
    """One line of the table."""
    settings = two_epochs(name, options.batches, device="cpu", threads=1, processes=1)
    opened, _, seconds = learned(settings, options.tokens)
    load = VIEWS[opened.model.view].load
    model, size = name.split()
    shipped = params.load().models[model][size].training
    train, val = (load(options.tokens, side) for side in ("train", "val"))
    whole, measured = (
        sum(w.length for w in Lessons.of(train, own).windows(np.random.default_rng(0)))
        for own in (shipped, settings.selected.training)
    )
    epoch = seconds * whole / measured
    started = time.monotonic()
    tally(opened.model, val, settings.evaluate)
    taken = time.monotonic() - started
    return [name, f"{epoch:.1f}", f"{taken:.1f}", f"{taken / epoch:.2f}"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("data/tokens"))
    parser.add_argument("--models", nargs="+", help='such as "lstm_full published"')
    parser.add_argument("--batches", type=int, default=10)
    options = parser.parse_args()
    shipped = params.load().models
    names = options.models or [f"{model} {size}" for model in shipped for size in shipped[model]]
    table = []
    for name in names:
        table.append(row(name, options))
        print(" | ".join(table[-1]), flush=True)
    print(markdown(HEAD, table))


if __name__ == "__main__":
    main()
