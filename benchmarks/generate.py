"""Measures how long a user waits for music: `tonerow generate` as a whole command.

Run `python benchmarks/generate.py [--model FILE] [--runs 5]`. Each run is a process of its own and
writes all that the command writes: MIDI, MP3, picture and page. The tune is a reel of 248 notes, made
here. Printed are the seconds of each run, their median, the longest by the shortest, and the median as
a share of the goal, which is for two cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tonerow.cli import MODEL

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("DEFA dAFA|GBAG FDEC|DEFA dfed|cAGE D2FE", "fdad fdad|gece gfed|fdad fgaf|gece d2cB")
REEL = "X:1\nT:Reel\nM:4/4\nL:1/8\nQ:1/4=180\nK:D\n" + "".join(
    f"|:{part}|{part}:|\n" for part in PARTS
)
CASES = {
    "as it is": ([], 10.0),
    "32 samples of 128 notes": (["--samples", "32", "--notes", "128"], 20.0),
    "the best line, --beam 8": (["--beam", "8"], 10.0),
}
"""What is measured: further options, and the goal in seconds."""


def main() -> None:
    """Prints a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / MODEL)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if not arguments.model.is_file():
        print(f"there is no {arguments.model}: `make repro` trains it first")
        return
    load = ", ".join(f"{minutes:.1f}" for minutes in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before (1, 5, 15 min): {load}")
    with tempfile.TemporaryDirectory() as folder:
        tune = Path(folder, "reel.abc")
        tune.write_text(REEL, encoding="utf-8")
        base = ["--model", str(arguments.model), "--rhythm", str(tune)]
        for name, (options, goal) in CASES.items():
            outs = [Path(folder, f"{name} {run}") for run in range(arguments.runs)]
            seconds = [taken([*base, *options, "--out", str(out)]) for out in outs]
            median, spread = statistics.median(seconds), max(seconds) / min(seconds)
            each = " ".join(f"{run:5.2f}" for run in seconds)
            end = f"median {median:.2f} s, longest/shortest {spread:.2f}"
            print(
                f"{name:24} {each}   {end}, {median / goal:.2f} of the goal ({goal:g} s)",
                flush=True,
            )


def taken(options: list[str]) -> float:
    """Seconds that the command takes, from its start to its end."""
    command = [sys.executable, "-m", "tonerow.cli", "generate", *options]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
