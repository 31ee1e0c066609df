"""Recolouring: new pitches for the rhythm of held-out melody lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tonerow.generation.samples import (
    VELOCITY,
    Drawing,
    Request,
    Samples,
    copied_fraction,
    describe,
    held_out_lines,
)
from tonerow.models.base import START, Notes
from tonerow.progress import progress

RHYTHM = ["melody_rest", "melody_duration"]
NORMALISED = ["melody_rest_norm", "melody_duration_norm"]


def generate(request: Request) -> Samples:
    """Draws pitches for the rhythms of held-out pieces, cut to `max_notes`."""
    columns = ["pitch", *RHYTHM, *NORMALISED]
    lines = [
        line.head(request.settings.max_notes) for line in held_out_lines(request, columns, True)
    ]
    notes = to_notes(lines, recolour(request, *rhythms(lines, request.device)))
    counts = {"samples": len(lines), "notes": len(notes)}
    copied = {"copied_fraction": copied_fraction(notes, request)}
    source = {"source": describe(notes, "source_pitch")}
    metrics = {**counts, **copied, **describe(notes), **source}
    return Samples(notes, metrics)


def rhythms(lines: list[pd.DataFrame], device: torch.device) -> tuple[Notes, Tensor]:
    """What is given of these lines: `rhythm` (B, L, 2), zero at padding; and their lengths (B,)."""
    length = torch.tensor([len(line) for line in lines])
    rhythm = torch.zeros(len(lines), int(length.max()), 2)
    for row, line in zip(rhythm, lines, strict=True):
        row[: len(line)] = torch.tensor(line[NORMALISED].to_numpy(np.float32))
    return {"rhythm": rhythm.to(device)}, length.to(device)


@torch.no_grad()
def recolour(request: Request, given: Notes, length: Tensor) -> Tensor:
    """Draws new pitches for given rhythms.

    Args:
        request: a model of the view "melody", and how to sample.
        given: `rhythm` (B, L, 2); padding at the end.
        length: int64 (B,).

    Returns:
        int64 (B, L), pitches 0-127; at padding they mean nothing.
    """
    drawing, state = Drawing(request), request.model.begin(given, length)
    pitch = torch.full_like(length, START)
    drawn = []
    for _ in progress(range(given["rhythm"].shape[1]), desc="generate", unit="notes"):
        predictions, state = request.model.step({"pitch": pitch}, state)
        before, pitch = pitch, drawing.draw(predictions, pitch)["pitch"]
        drawing.heard(pitch, before)
        drawn.append(pitch)
    return torch.stack(drawn, 1)


def to_notes(lines: list[pd.DataFrame], pitch: Tensor) -> pd.DataFrame:
    """The samples' notes: the lines' rhythms, the drawn pitches (B, L)."""
    samples = []
    for i, line in enumerate(lines):
        duration = line["melody_duration"].astype(float)
        end = (line["melody_rest"] + line["melody_duration"]).astype(float).cumsum()
        columns = {
            "sample": i,
            "source_piece_id": line["piece_id"],
            "pitch": pitch[i, : len(line)].cpu().numpy(),
            "velocity": VELOCITY,
            "program": 0,
            "is_drum": False,
            "onset_beat": end - duration,
            "duration_beat": duration,
            "is_primer": False,
            "source_pitch": line["pitch"],
        }
        samples.append(pd.DataFrame(columns))
    return pd.concat(samples, ignore_index=True)
