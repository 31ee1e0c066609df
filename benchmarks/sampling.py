"""Measures how fast samples are drawn, in CPU-seconds on one thread, beside the write-ups' own loops.

Run `python benchmarks/sampling.py [--tokens data/tokens] [--models ...] [--samples 1 8 32]
[--notes 128] [--rounds 5]`; the tokens are those of `make repro`. The loops of the write-ups are
written anew here: one sample at a time, one call of PyTorch's layers for each note, the distribution
sorted and cut, one draw. `lstm_full` aligns all keys anew for each note, as its code does, and
`lstm_window` reads its window anew. They run on the very weights of the model they stand beside, and
the first column says how far their log-probabilities are apart at most: they are no straw men.

A number is notes (characters) in a CPU-second: the median of the rounds, in which both take turns, and
the highest by the lowest. Designs whose write-up has no loop that goes note by note stand alone.

The last columns show the floor: the million multiplications and additions in a note's matrix products,
as PyTorch counts them, and how fast they are done, as a share of the product of two matrices of
1,024 x 1,024, which takes its turn in each round.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the usual name)
from torch.utils.flop_counter import FlopCounterMode

from tonerow import params
from tonerow.model_files import open_model
from tonerow.models.base import Batch
from tonerow.trials import draw_along, held_out, markdown, settings_of

HEAD = (
    *("model", "apart, nats", "write-up's loop", "at once", "drawn", "ratio"),
    *("MFLOP a note", "of a large product"),
)
LARGE = 1024
TOP_P, TOP_K, DECAY = 0.9, 4, 0.5
"""What the loops of the rhythm models set."""

Step = Callable[[Tensor], Tensor]
"""From the note (character) before, (1, 1), to the probabilities of the next, (V,)."""


def rnn_vanilla(model: Any, batch: Batch) -> Step:
    """The two layers, one note at a time."""
    rhythm, hidden, t = batch.given["rhythm"], None, 0

    def step(before: Tensor) -> Tensor:
        nonlocal hidden, t
        x = torch.cat([rhythm[:, t : t + 1], model.embedding(before)], 2)
        out, hidden = model.rnn(model.mix(x) + x, hidden)
        t += 1
        return F.softmax(model.head(out), -1).flatten()

    return step


def lstm_local(model: Any, batch: Batch) -> Step:
    """The encoder once, then the decoder with its output at the note."""
    encoded, (hidden, cell) = model.encoder(batch.given["rhythm"], batch.length)
    memory, t = (hidden[None], cell[None]), 0

    def step(before: Tensor) -> Tensor:
        nonlocal memory, t
        x = model.mix(torch.cat([model.embedding(before), encoded[:, t : t + 1]], 2))
        out, memory = model.decoder(x, memory)
        t += 1
        return F.softmax(model.head(out), -1).flatten()

    return step


def lstm_full(model: Any, batch: Batch) -> Step:
    """The encoder once, then each note aligns the state with every output of it."""
    keys, _ = model.encoder(batch.given["rhythm"], batch.length)  # (1, L, K)
    size = model.decoder.hidden_size
    hidden = cell = keys.new_zeros(1, size)

    def step(before: Tensor) -> Tensor:
        nonlocal hidden, cell
        queries = hidden[:, None].repeat(1, keys.shape[1], 1)  # (1, L, H)
        energy = model.score(F.leaky_relu(model.align(torch.cat([queries, keys], -1))))
        attended = torch.bmm(F.softmax(energy, 1).transpose(1, 2), keys)  # (1, 1, K)
        x = model.mix(torch.cat([model.embedding(before), attended], 2))[:, 0]
        hidden, cell = model.decoder(x, (hidden, cell))
        return F.softmax(model.head(hidden), -1).flatten()

    return step


def lstm_window(model: Any, batch: Batch) -> Step:
    """The last 32 notes anew for each; the values of the notes are those of the batch."""
    names, t = ("offset", "duration", "velocity"), 0
    values = torch.stack([batch.before[f"{name}_norm"] for name in names], -1)  # (1, L, 3)
    pitches = batch.before["pitch"]

    def step(before: Tensor) -> Tensor:
        nonlocal t
        t += 1
        window = slice(max(0, t - model.reach), t)
        x = torch.cat([model.embedding(pitches[:, window].clamp(min=0)), values[:, window]], 2)
        hidden = model.norm(model.lstm(x)[0][:, -1])
        model.values.linear(hidden)
        return F.softmax(model.pitch(hidden), -1).flatten()

    return step


def lstm_char(model: Any, batch: Batch) -> Step:
    """One character at a time."""
    hidden = None

    def step(before: Tensor) -> Tensor:
        nonlocal hidden
        out, hidden = model.lstm(model.embedding(before), hidden)
        return F.softmax(model.head(out), -1).flatten()

    return step


LOOPS: dict[str, Callable[[Any, Batch], Step]] = {
    loop.__name__: loop for loop in (rnn_vanilla, lstm_local, lstm_full, lstm_window, lstm_char)
}


def from_zero(batch: Batch) -> Batch:
    """With the id 0 before the first note, as in the write-ups."""
    before = {
        key: ids if ids.is_floating_point() else ids.clamp(min=0)
        for key, ids in batch.before.items()
    }
    return dataclasses.replace(batch, before=before)


def chosen(probabilities: Tensor, last: int, cut: bool) -> int:
    """One draw: of the rhythm models with repeats made rarer, from the likeliest few."""
    if not cut:
        return int(torch.multinomial(probabilities, 1).item())
    probabilities[last] *= 1 - DECAY
    ordered, index = torch.sort(probabilities, descending=True)
    kept = torch.cumsum(ordered, 0) < TOP_P
    kept[0] = True
    index = index[kept][:TOP_K]
    few = probabilities[index]
    return int(index[torch.multinomial(few / few.sum(), 1)].item())


def field_of(name: str) -> str:
    """What is drawn."""
    return "char" if name == "lstm_char" else "pitch"


@torch.no_grad()
def loop(model: Any, name: str, batch: Batch) -> int:
    """The write-up's loop along a batch of one row; how many were drawn."""
    step, cut = LOOPS[name](model, batch), name in ("rnn_vanilla", "lstm_local", "lstm_full")
    notes = batch.before[field_of(name)][0].tolist()
    for before in notes:
        chosen(step(torch.tensor([[before]])), before, cut)
    return len(notes)


@torch.no_grad()
def apart(model: Any, name: str, batch: Batch) -> float:
    """How many nats the loop and the model differ at most, along the same notes."""
    step, field = LOOPS[name](model, batch), field_of(name)
    theirs = torch.stack([step(before[None]) for before in batch.before[field].T]).log()
    ours = model(batch)[field].log_probabilities()[0]
    # beyond its window a model is not asked for many notes at once
    return float((theirs - ours)[: model.reach].abs().max())


def speed(drawn: Callable[[], int]) -> float:
    """Notes in a CPU-second."""
    before = time.process_time()
    notes = drawn()
    return notes / (time.process_time() - before)


def flops(drawn: Callable[[], int]) -> float:
    """Multiplications and additions in the matrix products of a note."""
    counter = FlopCounterMode(display=False)
    with counter, torch.backends.mkldnn.flags(enabled=False):  # whose LSTM is not counted
        notes = drawn()
    return float(counter.get_total_flops()) / notes


def large_product() -> float:
    """Multiplications and additions in a CPU-second of a product that keeps the processor busy."""
    square, times = torch.ones(LARGE, LARGE), 5
    before = time.process_time()
    for _ in range(times):
        square @ square
    return times * 2 * LARGE**3 / (time.process_time() - before)


def said(speeds: list[float]) -> str:
    """The median, and the highest by the lowest."""
    return f"{statistics.median(speeds):,.0f} ({max(speeds) / min(speeds):.2f})"


def rows(name: str, options: argparse.Namespace) -> Iterator[list[str]]:
    """One line for each number of samples."""
    settings, tokens = settings_of(name, device="cpu", threads=1), options.tokens
    opened = open_model(settings, tokens, settings.train.seed)
    model = opened.model.eval()
    ways: dict[int, Callable[[], int]] = {
        n: partial(
            draw_along, opened, held_out(model, tokens, n, options.notes), tokens, settings.generate
        )
        for n in options.samples
    }
    if settings.size == "published" and settings.model in LOOPS:
        one = from_zero(held_out(model, tokens, 1, options.notes))
        far = f"{apart(model, settings.model, one):.0e}"
        ways[0] = partial(loop, model, settings.model, one)
    speeds: dict[int, list[float]] = {n: [] for n in ways}
    products = []
    for _ in range(options.rounds):
        products.append(large_product())
        for n, way in ways.items():
            speeds[n].append(speed(way))
    theirs = speeds.pop(0, None)
    for n, ours in speeds.items():
        beside = ["", "", ""]
        if theirs:
            ratio = statistics.median(ours) / statistics.median(theirs)
            beside = [far, said(theirs), f"{ratio:.1f}"]
        each = flops(ways[n])
        share = each * statistics.median(ours) / statistics.median(products)
        floor = [f"{each / 1e6:.2f}", f"{share:.0%}"]
        yield [name, *beside[:2], str(n), said(ours), beside[2], *floor]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("data/tokens"))
    parser.add_argument("--models", nargs="+", help='such as "lstm_full published"')
    parser.add_argument("--samples", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--notes", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    shipped = params.load().models
    sizes = [f"{model} {size}" for model in shipped for size in ("published", "small")]
    names = options.models or [n for n in sizes if n.split()[1] in shipped[n.split()[0]]]
    table = []
    for name in names:
        for line in rows(name, options):
            print(" | ".join(line), flush=True)
            table.append(line)
    print(markdown(HEAD, table))


if __name__ == "__main__":
    main()
