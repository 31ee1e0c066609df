"""Measures how fast a training is when OpenMP's threads spin shortly at barriers, and as it is.

Run `python benchmarks/threads.py [--seconds 10] [--rounds 3] [--busy N] [--spin-counts 10000]`. One
step trains a BiLSTM encoder of 128 units and an LSTM decoder of 256 on 16 windows of 256 notes: the
default model's shape. Each number comes from a process of its own, because OpenMP reads its settings
once; the settings take turns, so that what else the machine does meets all alike. Printed are the
steps a second of each round, their medians and the ratio to the median with none set. With --busy N,
N processes that only count run beside.

Unless you name others, the spin count is the one that tonerow sets.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

BATCH, WINDOW, ENCODER, HIDDEN, PITCHES = 16, 256, 128, 256, 128
OURS = "10000"
LEFT_ALONE = "unset"


def main() -> None:
    """Prints a line a round, then the medians, for one and two threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=0, help="processes that count beside it")
    parser.add_argument("--spin-counts", nargs="+", default=[OURS], metavar="N")
    parser.add_argument("--measure", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(steps_per_second(arguments.measure, arguments.seconds))
        return
    load = ", ".join(f"{minutes:.1f}" for minutes in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, load before (1, 5, 15 min): {load}; {arguments.busy} busy beside"
    )
    with busy(arguments.busy):
        for threads in (1, 2):
            compare(threads, arguments)


def compare(threads: int, arguments: argparse.Namespace) -> None:
    """Lets the settings take turns and prints their steps a second."""
    speeds: dict[str, list[float]] = {name: [] for name in (LEFT_ALONE, *arguments.spin_counts)}
    for _ in range(arguments.rounds):
        for spin_count, measured in speeds.items():
            measured.append(in_a_process(threads, spin_count, arguments.seconds))
    usual = statistics.median(speeds[LEFT_ALONE])
    for spin_count, measured in speeds.items():
        each = " ".join(f"{speed:5.2f}" for speed in measured)
        median = statistics.median(measured)
        end = f"median {median:.2f} steps/s, ratio {median / usual:.2f}"
        print(f"{threads} threads  GOMP_SPINCOUNT {spin_count:6} {each}   {end}", flush=True)


def in_a_process(threads: int, spin_count: str, seconds: float) -> float:
    """Steps a second of a new process, with this spin count or with none set."""
    ours = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    if spin_count != LEFT_ALONE:
        environment["GOMP_SPINCOUNT"] = spin_count
    command = [sys.executable, __file__, "--measure", str(threads), "--seconds", str(seconds)]
    done = subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def steps_per_second(threads: int, seconds: float) -> float:
    """Trains on random notes for so long, after two steps that are not counted."""
    import torch  # noqa: PLC0415 (the parent process needs none)
    from torch import nn  # noqa: PLC0415

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder = nn.LSTM(2, ENCODER, batch_first=True, bidirectional=True)
    embedding = nn.Embedding(PITCHES, HIDDEN)
    decoder = nn.LSTM(HIDDEN + 2 * ENCODER, HIDDEN, batch_first=True)
    logits = nn.Linear(HIDDEN, PITCHES)
    model = nn.ModuleList([encoder, embedding, decoder, logits])
    optimizer = torch.optim.AdamW(model.parameters())
    rhythm = torch.randn(BATCH, WINDOW, 2)  # (B, L, 2)
    pitch = torch.randint(PITCHES, (BATCH, WINDOW))  # (B, L)

    def step() -> None:
        read, _ = encoder(rhythm)  # (B, L, 2 x 128)
        decoded, _ = decoder(torch.cat([embedding(pitch.roll(1, 1)), read], -1))  # (B, L, 256)
        loss = nn.functional.cross_entropy(logits(decoded).flatten(0, 1), pitch.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step()
    step()
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        steps += 1
    return steps / (time.perf_counter() - start)


@contextlib.contextmanager
def busy(n: int) -> Iterator[None]:
    """Keeps `n` processes counting meanwhile."""
    count = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(count) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
