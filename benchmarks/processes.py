"""Measures how fast the default model learns: by threads, by processes that share it, side by side.

Run `python benchmarks/processes.py [--tokens data/tokens] [--model lstm_local] [--batches 30]
[--rounds 3]`; the tokens are those of `make repro`. Each number comes from processes of their own, and
the ways take turns, so that what else the machine does meets all alike. Printed are the notes (or
characters) that networks learn from in a second of each round, their median, and its ratio to that of
one process with a thread on each core. All ways train one network, but for the last two: there each
core has one, of the same model or, as in `make compare`, of another training.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tonerow import params, training
from tonerow.model_files import open_model
from tonerow.params import Params
from tonerow.training import Team
from tonerow.views import VIEWS


def main() -> None:
    """Prints a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("data/tokens"))
    parser.add_argument("--model", default="lstm_local")
    parser.add_argument("--batches", type=int, default=30, help="of each of two epochs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(learned_in_a_second(options, *options.measure))
        return
    cores = os.cpu_count() or 1
    load = ", ".join(f"{minutes:.1f}" for minutes in os.getloadavg())
    print(f"{options.model}, small; {cores} cores, load before (1, 5, 15 min): {load}")
    ways = {
        f"one process, {cores} threads": (1, 1, cores, 1),
        "one process, 1 thread": (1, 1, 1, 1),
        f"{cores} processes share each batch": (1, cores, 1, 1),
        f"{cores} processes, a network each": (1, cores, 1, cores),
        f"{cores} trainings side by side": (cores, 1, 1, 1),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            speeds[name].append(in_processes(options, *way))
    usual = statistics.median(next(iter(speeds.values())))
    for name, measured in speeds.items():
        median = statistics.median(measured)
        each = " ".join(f"{speed:6,.0f}" for speed in measured)
        print(f"{name:32} {each}   median {median:,.0f} notes/s, ratio {median / usual:.2f}")


def in_processes(options: argparse.Namespace, trainings: int, *way: int) -> float:
    """Notes in a second of so many trainings together, each in one way (see `learned_in_a_second`)."""
    command = [sys.executable, __file__, "--measure", *map(str, way)]
    command += ["--tokens", str(options.tokens), "--model", options.model]
    command += ["--batches", str(options.batches)]

    def measured(_: int) -> float:
        done = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
        return float(done.stdout)

    with ThreadPoolExecutor(trainings) as waiting:
        return sum(waiting.map(measured, range(trainings)))


def settings_for(options: argparse.Namespace, threads: int, networks: int) -> Params:
    """The shipped settings of the model, for two short epochs on the CPU."""
    tree: dict[str, Any] = params.load().model_dump()
    tree |= {"model": options.model, "size": "small"}
    tree["train"] |= {"device": "cpu", "threads": threads}
    section = tree["models"][options.model]["small"]
    section["networks"] = networks
    own = section["training"]
    own |= {"epochs": 2, "patience": 0, "max_windows": options.batches * own["batch_size"]}
    return Params.model_validate(tree)


def learned_in_a_second(
    options: argparse.Namespace, size: int, threads: int, networks: int
) -> float:
    """Notes that networks learn from in a second, after an epoch that does not count.

    Args:
        options: of the command.
        size: of the team of processes.
        threads: of each.
        networks: of the model; what each learns from counts.
    """
    settings = settings_for(options, threads, networks)
    ends: list[tuple[int, float]] = []

    def keep(row: dict[str, float], snapshot: dict[str, Any]) -> None:
        ends.append((snapshot["progress"]["notes"], snapshot["progress"]["seconds"]))

    with training.team_of(size, "cpu", follow, settings, options.tokens) as team:
        learn(team, settings, options.tokens, keep)
    (notes, seconds), (all_notes, all_seconds) = ends
    return networks * (all_notes - notes) / (all_seconds - seconds)


def follow(team: Team, settings: Params, tokens: Path) -> None:
    """What every process but the first does."""
    learn(team, settings, tokens, lambda row, snapshot: None)


def learn(team: Team, settings: Params, tokens: Path, keep: Any) -> None:
    """Two epochs."""
    opened = open_model(settings, tokens, settings.train.seed)
    load = VIEWS[opened.model.view].load
    train, val = (load(tokens, side) for side in ("train", "val"))
    training.fit(opened.model, train, val, settings, keep, team=team)


if __name__ == "__main__":
    main()
