"""Measures every design on a GPU beside this machine's CPU: the same numbers, learning and sampling.

Run `python benchmarks/gpu.py [--tokens data/tokens] [--models ...] [--sizes published small]
[--batches 20] [--samples 32] [--notes 128]`; the tokens are those of `make repro`. Printed is a line
for each model and size:

- apart: how far the nats of held-out notes differ at most between the GPU and the CPU, same weights
- again: whether two trainings of so many batches on the GPU give the same weights to the last bit
- learns: notes (characters) learned from in a second: CPU, GPU
- samples: notes (characters) drawn in a second, all samples at once: CPU, GPU

Each number is of one run; what is learned counts after an epoch that does not. Without a GPU the
CPU's numbers remain.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tonerow import params
from tonerow.model_files import Opened
from tonerow.models.base import Model
from tonerow.trials import draw_along, held_out, learned, markdown, two_epochs

HEAD = ("model", "apart, nats", "again", "learns: CPU", "GPU", "samples: CPU", "GPU")
SHORT = 64
"""Notes of held-out windows that the two devices are compared on."""


@torch.no_grad()
def nats(model: Model, tokens: Path) -> torch.Tensor:
    """The nats of some held-out notes, summed over the fields, on the CPU."""
    batch = held_out(model, tokens, 16, model.reach or SHORT)
    predictions = model.eval()(batch)
    each = [predictions[name].nll(batch.now[name]) for name in model.predicts]
    return torch.stack(each).sum(0)[batch.scored].cpu()


def sampled(opened: Opened, tokens: Path, options: argparse.Namespace) -> str:
    """How many notes (characters) are drawn in a second, each after the true one before."""
    batch = held_out(opened.model, tokens, options.samples, options.notes)
    started = time.monotonic()
    drawn = draw_along(opened, batch, tokens, params.load().generate)
    return f"{drawn / (time.monotonic() - started):,.0f}"


def row(name: str, options: argparse.Namespace) -> list[str]:
    """One line of the table."""
    tokens = options.tokens

    def on(device: str) -> tuple[Opened, float]:
        settings = two_epochs(name, options.batches, device=device, threads=options.threads)
        opened, notes, seconds = learned(settings, tokens)
        return opened, notes / seconds

    on_cpu, cpu_speed = on("cpu")
    cpu = [f"{cpu_speed:,.0f}", sampled(on_cpu, tokens, options)]
    if not torch.cuda.is_available():
        return [name, "", "", cpu[0], "", cpu[1], ""]
    on_gpu, gpu_speed = on("cuda")
    again, _ = on("cuda")
    first, second = on_gpu.model.state_dict(), again.model.state_dict()
    same = all(torch.equal(first[key], second[key]) for key in first)
    drawn, there = sampled(on_gpu, tokens, options), nats(on_gpu.model, tokens)
    apart = (there - nats(on_gpu.model.cpu(), tokens)).abs().max()
    learns = f"{gpu_speed:,.0f} ({gpu_speed / cpu_speed:.1f}x)"
    return [name, f"{apart:.1e}", "same" if same else "other", cpu[0], learns, cpu[1], drawn]


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    """The lines, as they come."""
    models = params.load().models
    for model in options.models or models:
        for size in options.sizes:
            if size in models[model]:
                found = row(f"{model} {size}", options)
                print(" | ".join(found), flush=True)
                yield found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("data/tokens"))
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--sizes", nargs="+", default=["published", "small"])
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--notes", type=int, default=128)
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args()
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"{name}; {os.cpu_count()} cores, {options.threads} threads; torch {torch.__version__}")
    print(markdown(HEAD, list(rows(options))))


if __name__ == "__main__":
    main()
