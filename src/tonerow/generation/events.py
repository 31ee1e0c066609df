"""Continuing: a held-out piece's first notes, then the model's own."""

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
from tonerow.models.vocabulary import Vocabularies
from tonerow.progress import progress

IDS = {"pitch": "pitch", "offset": "offset_id", "duration": "duration_id"}
IDS |= {"velocity": "velocity", "instrument": "instrument_id"}


def generate(request: Request) -> Samples:
    """Continues the openings of held-out pieces up to `max_notes`.

    What the model does not predict is filled in: without an offset, all notes, the given ones too,
    follow each other end to end; without a velocity, it is constant; without an instrument, it is
    the opening's last.
    """
    primers = held_out_lines(request, list(IDS.values()), melody=False)
    given, length = opening_notes(primers, request.settings.primer, request.device)
    drawn = continue_primers(request, given, length)
    notes = to_notes(request, primers, drawn, length.tolist())
    own = notes[~notes["is_primer"]]
    counts = {"samples": len(primers), "notes": len(own)}
    copied = {"copied_fraction": copied_fraction(notes, request)}
    return Samples(notes, {**counts, **copied, **(describe(own) if len(own) else {})})


def opening_notes(
    pieces: list[pd.DataFrame], notes: int, device: torch.device
) -> tuple[Notes, Tensor]:
    """Ids (B, P) of each field of the pieces' first notes, and how many each piece has, (B,)."""
    length = torch.tensor([min(len(piece), notes) for piece in pieces])
    opening: dict[str, Tensor] = {}
    for name, column in IDS.items():
        ids = torch.full((len(pieces), int(length.max())), 0)
        for row, piece, n in zip(ids, pieces, length.tolist(), strict=True):
            values = piece[column].to_numpy()[:n].astype(np.int64)
            row[:n] = torch.from_numpy(values - (name == "velocity"))
        opening[name] = ids.to(device)
    return opening, length.to(device)


def _with_norms(ids: Notes, vocabularies: Vocabularies) -> Notes:
    """Ids (B,) as a step reads them: with normalised values where there are any."""
    notes = dict(ids)
    for name, chosen in ids.items():
        if vocabularies[name].norms:
            norms = torch.tensor(vocabularies[name].norms, device=chosen.device)
            values = norms[chosen.clamp(min=0)].masked_fill(chosen == START, 0)
            notes[f"{name}_norm"] = values
    return notes


@torch.no_grad()
def continue_primers(request: Request, given: Notes, length: Tensor) -> dict[str, Tensor]:
    """Ids (B, L) of every field: the primers', then drawn ones; filled in where not predicted."""
    model, drawing = request.model, Drawing(request, range(len(length)))
    state = model.begin({}, length)
    ids = {name: torch.full_like(length, START) for name in IDS}
    chosen: dict[str, list[Tensor]] = {name: [] for name in IDS}
    for t in progress(range(request.settings.max_notes), desc="generate", unit="notes"):
        predictions, state = model.step(_with_norms(ids, model.vocabularies), state)
        before = ids["pitch"]
        drawn = drawing.draw(predictions, before)
        for name in IDS:
            at = min(t, given[name].shape[1] - 1)
            default = ids[name] if t else given[name][:, at]
            ids[name] = torch.where(t < length, given[name][:, at], drawn.get(name, default))
            chosen[name].append(ids[name])
        drawing.heard(ids["pitch"], before)
    return {name: torch.stack(steps, 1) for name, steps in chosen.items()}


def to_notes(
    request: Request, pieces: list[pd.DataFrame], drawn: dict[str, Tensor], given: list[int]
) -> pd.DataFrame:
    """The samples' notes from ids (B, L), the first `given` of each being the primer's."""
    predicts = request.model.predicts
    samples = []
    for i, piece in enumerate(pieces):
        ids = {f"{name}_id": drawn[name][i].cpu().numpy() for name in drawn}
        notes = request.tokenizer.decode_ids(ids)
        onset, duration = notes["onset_beat"], notes["duration_beat"]
        if "offset" not in predicts:
            onset = np.concatenate([[0.0], np.cumsum(duration)[:-1]])
        columns = {
            "sample": i,
            "source_piece_id": piece["piece_id"].iloc[0],
            "pitch": ids["pitch_id"],
            "velocity": ids["velocity_id"] + 1 if "velocity" in predicts else VELOCITY,
            "program": notes["program"],
            "is_drum": notes["is_drum"],
            "onset_beat": onset - onset[0],
            "duration_beat": duration,
            "is_primer": np.arange(len(onset)) < given[i],
            "source_pitch": None,
        }
        samples.append(pd.DataFrame(columns))
    return pd.concat(samples, ignore_index=True)
