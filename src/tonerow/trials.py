"""A trial outside the pipeline, for benchmarks: a corpus is read, split, learned from and scored.

The stages do the same one by one, each from files to files, and DVC keeps what they write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tonerow import corpora, training
from tonerow.evaluation.intervals import Estimate
from tonerow.evaluation.scores import Scored, evaluate
from tonerow.ingest.dispatch import ingest
from tonerow.model_files import open_model
from tonerow.models.base import Model
from tonerow.params import Params
from tonerow.tokens import corpus as tokens
from tonerow.views import VIEWS


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
    """Trains the selected model on tokens and scores test.

    Raises:
        ValueError: the model does not predict pitches alone.
    """
    opened = open_model(settings, folder, settings.train.seed)
    model, view = opened.model, VIEWS[opened.model.view]
    if set(model.predicts) != {"pitch"}:
        raise ValueError(
            f"{settings.name} predicts {', '.join(model.predicts)}; choose one of pitch alone"
        )
    train, val, test = (
        view.load(folder, side).to(opened.device) for side in ("train", "val", "test")
    )
    done = training.fit(model, train, val, settings, lambda row, snapshot: None)
    model.load_state_dict(done.best_weights)
    return Trained(model, done, evaluate(model, test, settings.evaluate))


def cell(value: Estimate) -> str:
    """A mean with its interval."""
    return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
