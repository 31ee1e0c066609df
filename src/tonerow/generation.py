"""Free-running generation: each drawn pitch is what the next one follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor

from tonerow.models.base import START, Batch, Model
from tonerow.params import Generate
from tonerow.progress import progress
from tonerow.sampling import decay_repeats, draw, restrict

VELOCITY = 80
"""Of generated notes: the models that see rhythm alone say nothing of dynamics."""

MAJOR = (0, 2, 4, 5, 7, 9, 11)


@torch.no_grad()
def recolour(model: Model, batch: Batch, settings: Generate, seed: int) -> Tensor:
    """Draws new pitches for given rhythms.

    Args:
        model: of the view "melody".
        batch: `rhythm` (B, L, 2) and `length` (B,); padding at the end.
        settings: how to sample.
        seed: of the draws.

    Returns:
        int64 (B, L), pitches 0-127; at padding they mean nothing.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    state = model.begin(batch)
    size, length = batch["rhythm"].shape[:2]
    previous = torch.full((size,), START, device=batch["rhythm"].device)
    run = torch.zeros_like(previous)
    drawn = []
    for _ in progress(range(length), desc="generate", unit="notes"):
        predictions, state = model.step({"pitch": previous}, state)
        logits = decay_repeats(predictions["pitch"].logits, previous, run, settings.repeat_decay)
        logits = restrict(logits, settings.temperature, settings.top_k, settings.top_p)
        pitch = draw(logits, generator)
        run = torch.where(pitch == previous, run + 1, torch.ones_like(run))
        previous = pitch
        drawn.append(pitch)
    return torch.stack(drawn, 1)


def choose_rhythms(tokens: Path, settings: Generate, seed: int) -> list[pd.DataFrame]:
    """The melody lines whose rhythms are recoloured, cut to `max_notes`.

    Args:
        tokens: folder with ``notes.parquet``.
        settings: how many, from which split.
        seed: of the choice; pieces are drawn without replacement as far as they go.

    Returns:
        Per line the columns piece_id, pitch, velocity, melody_rest and melody_duration (beats) and
        these two normalised.
    """
    rhythm = ["melody_rest", "melody_duration", "melody_rest_norm", "melody_duration_norm"]
    keep: Any = [("split", "==", settings.split), ("is_melody", "==", True)]
    columns = ["piece_id", "pitch", *rhythm]
    notes = pq.read_table(tokens / "notes.parquet", columns=columns, filters=keep).to_pandas()
    lines = {piece: line for piece, line in notes.groupby("piece_id", sort=True)}
    generator = np.random.default_rng(seed)
    chosen = generator.permutation(sorted(lines))[: settings.samples]
    return [lines[piece].head(settings.max_notes).reset_index(drop=True) for piece in chosen]


def rhythm_batch(lines: list[pd.DataFrame], device: torch.device) -> Batch:
    """`rhythm` (B, L, 2), zero at padding, and `length` (B,) of these lines."""
    length = torch.tensor([len(line) for line in lines])
    rhythm = torch.zeros(len(lines), int(length.max()), 2)
    for row, line in zip(rhythm, lines, strict=True):
        values = line[["melody_rest_norm", "melody_duration_norm"]].to_numpy(np.float32)
        row[: len(line)] = torch.tensor(values)  # a copy: pandas' own array is read-only
    return {"rhythm": rhythm.to(device), "length": length.to(device)}


def to_notes(lines: list[pd.DataFrame], pitch: Tensor) -> pd.DataFrame:
    """The samples as rows of `tonerow.schema.SAMPLES`: the lines' rhythms, the drawn pitches."""
    samples = []
    for i, line in enumerate(lines):
        end = (line["melody_rest"] + line["melody_duration"]).astype(float).cumsum()
        samples.append(
            pd.DataFrame(
                {
                    "sample": i,
                    "source_piece_id": line["piece_id"],
                    "pitch": pitch[i, : len(line)].cpu().numpy(),
                    "velocity": VELOCITY,
                    "program": 0,
                    "onset_beat": end - line["melody_duration"],
                    "duration_beat": line["melody_duration"].astype(float),
                    "source_pitch": line["pitch"],
                }
            )
        )
    return pd.concat(samples, ignore_index=True)


def scale_consistency(pitch: pd.Series[int]) -> float:
    """The share of notes in the major (or natural minor) scale that holds most of them, 0-1.

    Source: Mogren, C-RNN-GAN (2016), as in muspy's metric of that name.
    """
    classes = np.bincount(pitch.to_numpy() % 12, minlength=12)
    inside = [classes[[(root + step) % 12 for step in MAJOR]].sum() for root in range(12)]
    return float(max(inside) / max(classes.sum(), 1))


def describe(samples: pd.DataFrame) -> dict[str, float]:
    """What can be counted of the samples, beside the pieces whose rhythm they have."""

    def mean_of(column: str) -> dict[str, float]:
        lines = [line[column].astype("int64") for _, line in samples.groupby("sample")]
        steps = pd.concat([line.diff().dropna().abs() for line in lines])
        return {
            "scale_consistency": float(np.mean([scale_consistency(line) for line in lines])),
            "mean_interval_semitones": float(steps.mean()),
            "repeated_pitch_fraction": float((steps == 0).mean()),
            "range_semitones": float(np.mean([line.max() - line.min() for line in lines])),
        }

    found = {"samples": int(samples["sample"].nunique()), "notes": len(samples)}
    return {**found, **mean_of("pitch"), "source": mean_of("source_pitch")}
