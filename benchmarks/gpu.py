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
import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tonerow import params, training
from tonerow.generation import Request
from tonerow.generation.samples import Drawing
from tonerow.model_files import Opened, open_model
from tonerow.models.base import Batch, Model
from tonerow.params import Params
from tonerow.trials import markdown
from tonerow.views import VIEWS, Pieces
from tonerow.windows import batches, make_batch, scoring_windows

HEAD = ("model", "apart, nats", "again", "learns: CPU", "GPU", "samples: CPU", "GPU")
SHORT = 64
"""Notes of held-out windows that the two devices are compared on."""


def settings_for(name: str, device: str, options: argparse.Namespace) -> Params:
    """The shipped settings of a model and size, for two short epochs."""
    tree: dict[str, Any] = params.load().model_dump()
    tree["model"], tree["size"] = name.split()
    tree["train"] |= {"device": device, "threads": options.threads}
    own = tree["models"][tree["model"]][tree["size"]]["training"]
    # each epoch has all batches that are asked for, of whole windows if there are so many
    own |= {"epochs": 2, "patience": 0, "windows": "all"}
    own["max_windows"] = options.batches * own["batch_size"]
    return Params.model_validate(tree)


def beginning(pieces: Pieces, n: int) -> Pieces:
    """The first n pieces."""
    end = int(pieces.first[: n + 1][-1])
    notes, given = (
        {key: value[:end] for key, value in of.items()} for of in (pieces.notes, pieces.given)
    )
    return dataclasses.replace(
        pieces, ids=pieces.ids[:n], first=pieces.first[: n + 1], notes=notes, given=given
    )


def learned(settings: Params, tokens: Path) -> tuple[Opened, float]:
    """A model after two epochs, and how many notes it learned from in a second of the second."""
    opened = open_model(settings, tokens, settings.train.seed)
    load = VIEWS[opened.model.view].load
    train, val = (load(tokens, side).to(opened.device) for side in ("train", "val"))
    ends: list[tuple[int, float]] = []

    def keep(row: dict[str, float], snapshot: dict[str, Any]) -> None:
        if opened.device.type == "cuda":
            torch.cuda.synchronize()
        ends.append((snapshot["progress"]["notes"], snapshot["progress"]["seconds"]))

    training.fit(opened.model, train, beginning(val, 1), settings, keep)
    (notes, seconds), (all_notes, all_seconds) = ends
    return opened, (all_notes - notes) / (all_seconds - seconds)


def held_out(model: Model, tokens: Path, rows: int, length: int) -> Batch:
    """The longest windows of val, of so many notes at most, on the model's device."""
    device = next(model.parameters()).device
    pieces = VIEWS[model.view].load(tokens, "val").to(device)
    return make_batch(pieces, next(batches(scoring_windows(pieces, length, length), rows)))


@torch.no_grad()
def nats(model: Model, tokens: Path) -> torch.Tensor:
    """The nats of some held-out notes, summed over the fields, on the CPU."""
    batch = held_out(model, tokens, 16, model.reach or SHORT)
    predictions = model.eval()(batch)
    each = [predictions[name].nll(batch.now[name]) for name in model.predicts]
    return torch.stack(each).sum(0)[batch.scored].cpu()


@torch.no_grad()
def sampled(opened: Opened, tokens: Path, options: argparse.Namespace) -> str:
    """How many notes (characters) are drawn in a second, each after the true one before."""
    model = opened.model.eval()
    batch = held_out(model, tokens, options.samples, options.notes)
    request = Request(model, tokens, opened.tokenizer, params.load().generate)
    drawing, state = (
        Drawing(request, range(len(batch.length))),
        model.begin(batch.given, batch.length),
    )
    started = time.monotonic()
    for t in range(batch.scored.shape[1]):
        predictions, state = model.step(
            {key: ids[:, t] for key, ids in batch.before.items()}, state
        )
        drawing.draw(predictions)  # waits for the device
    return f"{batch.scored.numel() / (time.monotonic() - started):,.0f}"


def row(name: str, options: argparse.Namespace) -> list[str]:
    """One line of the table."""
    tokens = options.tokens
    on_cpu, cpu_speed = learned(settings_for(name, "cpu", options), tokens)
    cpu = [f"{cpu_speed:,.0f}", sampled(on_cpu, tokens, options)]
    if not torch.cuda.is_available():
        return [name, "", "", cpu[0], "", cpu[1], ""]
    on_gpu, gpu_speed = learned(settings_for(name, "cuda", options), tokens)
    again, _ = learned(settings_for(name, "cuda", options), tokens)
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
