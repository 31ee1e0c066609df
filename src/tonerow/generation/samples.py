"""What is asked for, what comes out, and what can be counted of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor

from tonerow.generation.descriptors import Known
from tonerow.generation.sampling import decay_repeats, draw, restrict, within
from tonerow.models.base import START, Model
from tonerow.models.predictions import Predictions
from tonerow.notes.schema import SAMPLES
from tonerow.notes.score import Score
from tonerow.params import Generate
from tonerow.tokens.tokenizer import Tokenizer

VELOCITY = 80
"""Of generated notes where the model says nothing of dynamics."""


class GenerationError(RuntimeError):
    """Nothing can be generated; the message says what to change."""


@dataclass(frozen=True)
class Start:
    """Music that all samples start from.

    Attributes:
        name: of its file, or what else it is called; stands for a piece id.
        score: its notes.
        text: the tune, if it was read from ABC.
    """

    name: str
    score: Score
    text: str | None = None

    @property
    def title(self) -> str:
        """Its title, or its name if it has none."""
        return self.score.title or self.name


@dataclass(frozen=True)
class Request:
    """All that generating takes.

    Attributes:
        model: in evaluation mode.
        tokens: folder with the token tables.
        tokenizer: of these tokens.
        settings: how to sample, and the seed of every choice and draw.
        interim: folder with ``pieces.parquet`` and ``notes.parquet``, for the metres and tempos of
            held-out pieces; only read where bars or seconds are set, or samples stand beside them.
        start: what all samples start from; None: each from a held-out piece.
    """

    model: Model
    tokens: Path
    tokenizer: Tokenizer
    settings: Generate
    interim: Path = Path()
    start: Start | None = None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @cached_property
    def known(self) -> Known:
        """What train holds, to find out what is copied; read once, when it is first asked for."""
        return Known(self.tokens, self.model.view)


@dataclass(frozen=True)
class Samples:
    """What was generated.

    Attributes:
        notes: rows of `tonerow.notes.schema.SAMPLES`.
        sources: the same of the tunes that rhythms, openings or headers come from, by the number of
            their sample, cut to as many notes; what was given is `is_given` here too.
        metrics: what stands in ``metrics/generate.json``.
        texts: the samples as files by name, where they are text.
        source_texts: the same of the sources.
        shared: whether one source belongs to all of several samples.
    """

    notes: pd.DataFrame
    sources: pd.DataFrame
    metrics: dict[str, Any]
    texts: dict[str, str] = field(default_factory=dict)
    source_texts: dict[str, str] = field(default_factory=dict)
    shared: bool = False


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


def numbered(samples: list[pd.DataFrame]) -> pd.DataFrame:
    """Samples one below the other; the column `sample` tells them apart."""
    rows = [notes.assign(sample=i) for i, notes in enumerate(samples)]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=SAMPLES.names)


def counted(request: Request, samples: Samples) -> Samples:
    """Samples with what can be counted of them alone among their metrics."""
    return replace(samples, metrics=samples.metrics | measured(request, samples.notes))


def measured(request: Request, notes: pd.DataFrame) -> dict[str, Any]:
    """What can be counted of samples alone: a part of the metrics."""
    return {
        "notes": int((~notes["is_given"].astype(bool)).sum()),
        "copied_fraction": request.known.share(notes),
    }


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
        self._last: Tensor | None = None  # pitches, (B,)
        self._run: Tensor  # how many times in a row they have come

    def draw(
        self, predictions: Predictions, fixed: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """An id (B,) of each field, drawn on the CPU: a seed gives the same on every device.

        Args:
            predictions: of the next note or character.
            fixed: ids (B,) that are not to be drawn, by field; `START` where one is.

        Returns:
            ids by field, and as "nats" how many nats the model needs for these, over all fields.
        """
        chosen, nats = {}, torch.zeros(len(self._generators))
        for name, prediction in predictions.items():
            own = prediction.log_probabilities()
            logs = own.cpu()
            ids = draw(self._possible(name, logs), self._generators)
            if fixed and name in fixed:
                ids = torch.where(fixed[name].cpu() != START, fixed[name].cpu(), ids)
            nats = nats - logs.gather(-1, ids[:, None])[:, 0]
            if name == "pitch" and self._settings.repeat_decay:
                self._follow(ids)
            chosen[name] = ids.to(own.device)
        return {**chosen, "nats": nats}

    def keep(self, rows: Tensor) -> None:
        """Goes on with some of the rows, int64 (C,)."""
        self._generators = [self._generators[row] for row in rows.tolist()]
        if self._last is not None:
            self._last, self._run = self._last[rows], self._run[rows]

    def _possible(self, name: str, logits: Tensor) -> Tensor:
        """Logits (B, V) of a field, as the settings leave them."""
        asked = self._settings
        if name == "pitch":
            logits = within(logits, asked.lowest, asked.highest)
            if self._last is not None:
                logits = decay_repeats(logits, self._last, self._run, asked.repeat_decay)
        return restrict(logits, asked.temperature, asked.top_k, asked.top_p, asked.min_p)

    def _follow(self, pitch: Tensor) -> None:
        """Counts how often each pitch (B,) has now come in a row."""
        again = torch.zeros_like(pitch) if self._last is None else self._run * (pitch == self._last)
        self._last, self._run = pitch, again + 1
