"""A trial outside the pipeline, for benchmarks: a corpus is read, split, learned from, scored, drawn.

The stages do the same one by one, each from files to files, and DVC keeps what they write.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tonerow import corpora, params, training
from tonerow.evaluation.intervals import Estimate
from tonerow.evaluation.scores import Scored, evaluate
from tonerow.generation import Request
from tonerow.generation.samples import Drawing
from tonerow.ingest.dispatch import ingest
from tonerow.model_files import Opened, open_model
from tonerow.models.base import Batch, Model
from tonerow.params import Generate, Params
from tonerow.tokens import corpus as tokens
from tonerow.views import VIEWS, Pieces
from tonerow.windows import batches, make_batch, scoring_windows


def read(settings: Params, folder: Path) -> dict[str, Any]:
    """Fetches the selected corpus into ``raw`` and reads it into ``interim``, below a folder.

    Returns:
        The account of `tonerow.ingest.dispatch.ingest`.
    """
    corpora.fetch(settings, folder / "raw", folder)
    return ingest(folder / "raw", folder / "interim", settings.ingest)


def tokenized(interim: Path, sides: pa.Table, folder: Path, settings: Params) -> Path:
    """Tokenizes a corpus as it is split.

    Args:
        interim: folder with the corpus's tables.
        sides: the table `SPLIT_TABLE`; written to ``splits`` below the folder.
        folder: for what is written.
        settings: of which `tokenize` is read.

    Returns:
        The folder with the tokens.
    """
    splits, out = folder / "splits", folder / "tokens"
    splits.mkdir(parents=True, exist_ok=True)
    pq.write_table(sides, splits / "splits.parquet")
    tokens.tokenize(interim, splits, out, settings.tokenize)
    return out


@dataclass(frozen=True)
class Trained:
    """A model that has been trained and scored.

    Attributes:
        model: with its best weights.
        progress: of its training.
        test: the scores of the test notes.
    """

    model: Model
    progress: training.Progress
    test: Scored


def trained(folder: Path, settings: Params) -> Trained:
    """Trains the selected model on tokens and scores test."""
    opened = open_model(settings, folder, settings.train.seed)
    model, view = opened.model, VIEWS[opened.model.view]
    train, val, test = (
        view.load(folder, side).to(opened.device) for side in ("train", "val", "test")
    )
    done = training.fit(model, train, val, settings, lambda row, snapshot: None)
    model.load_state_dict(done.best_weights)
    return Trained(model, done, evaluate(model, test, settings.evaluate))


def settings_of(name: str, **train: Any) -> Params:
    """The settings of ``params.yaml`` with another model and size selected.

    Args:
        name: such as "lstm_local small".
        **train: settings of `train`.
    """
    tree: dict[str, Any] = params.load().model_dump()
    tree["model"], tree["size"] = name.split()
    tree["train"] |= train
    return Params.model_validate(tree)


def two_epochs(name: str, batches: int, **train: Any) -> Params:
    """The same, for two epochs of so many batches, of all windows.

    Args:
        name: such as "lstm_local small".
        batches: in an epoch, if the corpus has so many.
        **train: settings of `train`.
    """
    tree = settings_of(name, **train).model_dump()
    own = tree["models"][tree["model"]][tree["size"]]["training"]
    own |= {"epochs": 2, "patience": 0, "windows": "all"}
    own["max_windows"] = batches * own["batch_size"]
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


def learned(settings: Params, tokens: Path) -> tuple[Opened, int, float]:
    """A model after two epochs, and the notes and seconds of the second."""
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
    return opened, all_notes - notes, all_seconds - seconds


def held_out(model: Model, tokens: Path, rows: int, length: int) -> Batch:
    """The longest windows of val, of so many notes at most, on the model's device."""
    device = next(model.parameters()).device
    pieces = VIEWS[model.view].load(tokens, "val").to(device)
    return make_batch(pieces, next(iter(batches(scoring_windows(pieces, length, length), rows))))


@torch.no_grad()
def draw_along(opened: Opened, batch: Batch, tokens: Path, settings: Generate) -> int:
    """Draws each note (character) of a batch after the true one before, all rows at once.

    Returns:
        How many were drawn.
    """
    model = opened.model.eval()
    drawing = Drawing(Request(model, tokens, opened.tokenizer, settings), range(len(batch.length)))
    state = model.begin(batch.given, batch.length)
    for t in range(batch.scored.shape[1]):
        before = {key: ids[:, t] for key, ids in batch.before.items()}
        predictions, state = model.step(before, state)
        drawing.draw(predictions)  # waits for the device
    return batch.scored.numel()


def cell(value: Estimate) -> str:
    """A mean with its interval."""
    return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
