"""Recolouring: new pitches for the rhythm of held-out melody lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the usual name)
from torch.nn.utils.rnn import pad_sequence

from tonerow.generation.samples import (
    VELOCITY,
    Drawing,
    Request,
    Samples,
    held_out_lines,
    measured,
    numbered,
)
from tonerow.models.base import START, Notes
from tonerow.progress import progress
from tonerow.views import BEATS, NORMALISED, rhythm_of


def generate(request: Request) -> Samples:
    """Draws pitches for the rhythms of held-out pieces, cut to `max_notes`."""
    columns = ["pitch", *BEATS, *NORMALISED]
    held_out = held_out_lines(request, columns, melody=True)
    lines = [line.head(request.settings.max_notes) for line in held_out]
    notes, sources = recolour(request, lines, lines)
    metrics = {"samples": len(lines), **measured(request, notes, sources)}
    return Samples(notes, sources, metrics)


def recolour(
    request: Request, lines: list[pd.DataFrame], sources: list[pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draws new pitches for the rhythms of lines, and asks the model for the nats of the old ones.

    Args:
        request: a model of the view "melody", and how to sample.
        lines: one for each sample; their columns are `BEATS`, `NORMALISED`, pitch and piece_id.
        sources: lines that are not to be changed.

    Returns:
        Rows of `tonerow.notes.schema.SAMPLES`: samples and sources.
    """
    hints = [np.array(request.settings.hints[: len(line)], np.int64) for line in lines]
    known = [*hints, *(source["pitch"].to_numpy(np.int64) for source in sources)]
    given, length = rhythms([*lines, *sources], request.device)
    fixed = pad_sequence([torch.from_numpy(pitch) for pitch in known], True, START)
    fixed = F.pad(fixed, (0, int(length.max()) - fixed.shape[1]), value=START).to(request.device)
    drawn = draw_pitches(request, given, length, fixed)
    cut = len(lines)
    told = [len(pitches) for pitches in hints] + [0] * len(sources)
    rows = to_notes([*lines, *sources], *drawn, told, request.settings.instrument)
    return numbered(rows[:cut]), numbered(rows[cut:])


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
def draw_pitches(
    request: Request, given: Notes, length: Tensor, fixed: Tensor
) -> tuple[Tensor, Tensor]:
    """Draws new pitches for given rhythms.

    Args:
        request: a model of the view "melody", and how to sample.
        given: see `Batch`; padding at the end.
        length: int64 (B,).
        fixed: int64 (B, L), pitches that are not to be drawn, and `START` where one is.

    Returns:
        int64 (B, L), pitches 0-127; and float (B, L), the nats that the model needs for each. At
        padding both mean nothing.
    """
    drawing = Drawing(request, range(len(length)))
    state = request.model.begin(given, length)
    pitch = torch.full_like(length, START)
    pitches, nats = [], []
    for t in progress(range(given["rhythm"].shape[1]), desc="generate", unit="notes"):
        predictions, state = request.model.step({"pitch": pitch}, state)
        drawn = drawing.draw(predictions, {"pitch": fixed[:, t]})
        pitch = drawn["pitch"]
        pitches.append(pitch)
        nats.append(drawn["nats"])
    return torch.stack(pitches, 1), torch.stack(nats, 1)


def to_notes(
    lines: list[pd.DataFrame], pitch: Tensor, nats: Tensor, told: list[int], program: int
) -> list[pd.DataFrame]:
    """Notes with the lines' rhythms and these pitches (B, L), so many of which were given."""
    rows = []
    for i, line in enumerate(lines):
        duration = line["melody_duration"].astype(float)
        end = (line["melody_rest"] + line["melody_duration"]).astype(float).cumsum()
        columns = {
            "source_piece_id": line["piece_id"],
            "pitch": pitch[i, : len(line)].cpu().numpy(),
            "velocity": VELOCITY,
            "program": program,
            "is_drum": False,
            "onset_beat": end - duration,
            "duration_beat": duration,
            "is_given": np.arange(len(line)) < told[i],
            "nats": nats[i, : len(line)].numpy(),
        }
        rows.append(pd.DataFrame(columns))
    return rows
