"""What is asked for, what comes out, and what can be counted of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor

from tonerow.generation.sampling import decay_repeats, draw, restrict
from tonerow.models.base import Model
from tonerow.models.predictions import Predictions
from tonerow.notes.runs import runs_within
from tonerow.params import Generate
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import VIEWS

VELOCITY = 80
"""Of generated notes where the model says nothing of dynamics."""
COPIED_RUN = 16
"""Intervals in a row that are no coincidence."""
MAJOR = (0, 2, 4, 5, 7, 9, 11)


class GenerationError(RuntimeError):
    """Nothing can be generated; the message says what to change."""


@dataclass(frozen=True)
class Request:
    """All that generating takes.

    Attributes:
        model: in evaluation mode.
        tokens: folder with the token tables.
        tokenizer: of these tokens.
        settings: how to sample, and the seed of every choice and draw.
    """

    model: Model
    tokens: Path
    tokenizer: Tokenizer
    settings: Generate

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device


@dataclass(frozen=True)
class Samples:
    """What was generated.

    Attributes:
        notes: rows of `tonerow.notes.schema.SAMPLES`.
        metrics: what stands in ``metrics/generate.json``.
        texts: further files by name, such as ABC.
    """

    notes: pd.DataFrame
    metrics: dict[str, Any]
    texts: dict[str, str] = field(default_factory=dict)


def held_out_lines(request: Request, columns: list[str], melody: bool) -> list[pd.DataFrame]:
    """Notes of randomly chosen pieces of the split asked for, one frame a piece.

    Pieces are drawn without replacement, as many as samples are asked for or as there are.

    Raises:
        GenerationError: there is none.
    """
    keep: Any = [("split", "==", request.settings.split)]
    if melody:
        keep.append(("is_melody", "==", True))
    path = request.tokens / "notes.parquet"
    notes = pq.read_table(path, columns=["piece_id", *columns], filters=keep).to_pandas()
    lines = dict(list(notes.groupby("piece_id", sort=True)))
    if not lines:
        split = request.settings.split
        raise GenerationError(f"no piece of {split} has notes to start from; set generate.split")
    order = np.random.default_rng(request.settings.seed).permutation(sorted(lines))
    return [lines[piece].reset_index(drop=True) for piece in order[: request.settings.samples]]


class Drawing:
    """Draws ids from predictions as the settings say, and remembers pitch repetitions.

    Each sample has draws of its own, which depend on the seed and its number alone: it comes out the
    same whatever else is drawn beside it (but for rounding, which can tip a draw once in a million).

    Args:
        request: with the seed and how to sample.
        samples: the number of each row's sample.
    """

    def __init__(self, request: Request, samples: Iterable[int]) -> None:
        self._settings = request.settings
        seed = request.settings.seed
        self._generators = [np.random.default_rng([seed, sample]) for sample in samples]
        self._run: Tensor | None = None

    def draw(self, predictions: Predictions, previous_pitch: Tensor | None) -> dict[str, Tensor]:
        """An id (B,) of each field; repetitions of `previous_pitch` (B,) decay.

        Drawn on the CPU, so that a seed gives the same samples on every device.
        """
        device = next(iter(predictions.values())).log_probabilities().device
        previous_pitch = None if previous_pitch is None else previous_pitch.cpu()
        drawn = {}
        for name, prediction in predictions.items():
            logits = prediction.log_probabilities().cpu()
            if name == "pitch" and previous_pitch is not None:
                run = torch.zeros_like(previous_pitch) if self._run is None else self._run
                decay = self._settings.repeat_decay
                logits = decay_repeats(logits, previous_pitch, run, decay)
            settings = self._settings
            logits = restrict(logits, settings.temperature, settings.top_k, settings.top_p)
            drawn[name] = draw(logits, self._generators).to(device)
        return drawn

    def heard(self, pitch: Tensor, previous_pitch: Tensor) -> None:
        """Counts how often each pitch (B,) has now come in a row; call it once a note."""
        pitch, previous_pitch = pitch.cpu(), previous_pitch.cpu()
        run = torch.zeros_like(pitch) if self._run is None else self._run
        self._run = torch.where(pitch == previous_pitch, run + 1, torch.ones_like(pitch))


def scale_consistency(pitch: pd.Series[int]) -> float:
    """The share of notes in the major (or natural minor) scale that holds most of them, 0-1.

    Source: Mogren, C-RNN-GAN (2016), as in muspy's metric of that name.
    """
    classes = np.bincount(pitch.to_numpy() % 12, minlength=12)
    inside = [classes[[(root + step) % 12 for step in MAJOR]].sum() for root in range(12)]
    return float(max(inside) / max(classes.sum(), 1))


def describe(samples: pd.DataFrame, column: str = "pitch") -> dict[str, float]:
    """What can be counted of the pitches of samples (column `sample`), averaged over these."""
    lines = [line[column].astype("int64") for _, line in samples.groupby("sample")]
    steps = pd.concat([line.diff().dropna().abs() for line in lines])
    return {
        "scale_consistency": float(np.mean([scale_consistency(line) for line in lines])),
        "mean_interval_semitones": float(steps.mean()) if len(steps) else 0.0,
        "repeated_pitch_fraction": float((steps == 0).mean()) if len(steps) else 0.0,
        "range_semitones": float(np.mean([line.max() - line.min() for line in lines])),
    }


def copied_fraction(samples: pd.DataFrame, request: Request, run: int = COPIED_RUN) -> float:
    """The share of generated notes that lie in a run of intervals which train has too.

    What is transposed counts as copied. Held-out tunes share such runs with train as well: that
    share is in ``metrics/split.json``.

    Args:
        samples: rows of `tonerow.notes.schema.SAMPLES`.
        request: of the model; its view says whether melody lines or all notes are compared.
        run: intervals in a run.
    """
    view = VIEWS[VIEWS[request.model.view].compared_with]
    train = view.load(request.tokens, "train")
    known = np.unique(runs_within(train.notes["pitch"].numpy(), train.first, run)[0])
    generated = samples[~samples["is_primer"].astype(bool)]
    sizes = generated.groupby("sample").size().to_numpy()
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    hashes, starts = runs_within(generated["pitch"].to_numpy(np.int64), first, run)
    copied = np.zeros(len(generated) + 1, np.int64)
    for start in starts[np.isin(hashes, known)].tolist():
        copied[start : start + run + 1] = 1
    return float(copied.sum() / max(len(generated), 1))
