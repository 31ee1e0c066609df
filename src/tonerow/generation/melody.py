"""Recolouring: new pitches for the rhythm of held-out melody lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

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
from tonerow.views import BEATS, NORMALISED, rhythm_of


def generate(request: Request) -> Samples:
    """Draws pitches for the rhythms of held-out pieces, cut to `max_notes`."""
    columns = ["pitch", *BEATS, *NORMALISED]
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
    """What is given of these lines, zero at padding (see `Batch.given`), and their lengths (B,)."""
    of = [
        rhythm_of(
            line[[*NORMALISED]].to_numpy(), line[[*BEATS]].to_numpy(), np.array([0, len(line)])
        )
        for line in lines
    ]
    given = {
        name: pad_sequence([own[name] for own in of], batch_first=True).to(device) for name in of[0]
    }
    return given, torch.tensor([len(line) for line in lines]).to(device)


@torch.no_grad()
def recolour(request: Request, given: Notes, length: Tensor) -> Tensor:
    """Draws new pitches for given rhythms.

    Args:
        request: a model of the view "melody", and how to sample.
        given: see `Batch`; padding at the end.
        length: int64 (B,).

    Returns:
        int64 (B, L), pitches 0-127; at padding they mean nothing.
    """
    drawing = Drawing(request, range(len(length)))
    state = request.model.begin(given, length)
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
