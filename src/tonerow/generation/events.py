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
    held_out_lines,
    measured,
    numbered,
)
from tonerow.models.base import START, Notes
from tonerow.models.vocabulary import Vocabularies
from tonerow.progress import progress

IDS = {"pitch": "pitch", "offset": "offset_id", "duration": "duration_id"}
IDS |= {"velocity": "velocity", "instrument": "instrument_id"}


def generate(request: Request) -> Samples:
    """Continues the openings of held-out pieces up to their own length, at most `max_notes`."""
    pieces = held_out_lines(request, list(IDS.values()), melody=False)
    sizes = [min(len(piece), request.settings.max_notes) for piece in pieces]
    notes, sources = continued(request, pieces, sizes, pieces)
    metrics = {"samples": len(pieces), **measured(request, notes, sources)}
    return Samples(notes, sources, metrics)


def continued(
    request: Request, pieces: list[pd.DataFrame], sizes: list[int], sources: list[pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Continues the openings of pieces.

    What the model does not predict is filled in, in sources too: without an offset, all notes, the
    given ones too, follow each other end to end; without a velocity, it is constant; without an
    instrument, it is the opening's last.

    Args:
        request: a model of the view "events", and how to sample.
        pieces: one for each sample; their columns are those of `IDS` and piece_id.
        sizes: notes of each sample, at most `max_notes`.
        sources: pieces that are not to be changed.

    Returns:
        Rows of `tonerow.notes.schema.SAMPLES`: samples, and sources up to as many notes.
    """
    settings, rows, cut = request.settings, [*pieces, *sources], len(pieces)
    opening = [min(len(piece), settings.primer) for piece in rows]
    whole = [min(len(piece), settings.max_notes) for piece in sources]
    given, length = opening_notes(rows, [*opening[:cut], *whole], request.device)
    drawn = continue_primers(request, given, length, torch.tensor(opening, device=request.device))
    made = to_notes(request, drawn, [*sizes, *whole], opening)
    named = [
        notes.assign(source_piece_id=piece["piece_id"].iloc[0])
        for notes, piece in zip(made, rows, strict=True)
    ]
    return numbered(named[:cut]), numbered(named[cut:])


def opening_notes(
    pieces: list[pd.DataFrame], sizes: list[int], device: torch.device
) -> tuple[Notes, Tensor]:
    """Ids (B, P) of each field of the pieces' first notes, so many of each, and how many, (B,)."""
    length = torch.tensor(sizes)
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
def continue_primers(
    request: Request, given: Notes, length: Tensor, opening: Tensor
) -> dict[str, Tensor]:
    """Goes on from given notes.

    Args:
        request: a model of the view "events", and how to sample.
        given: ids (B, P) of each field.
        length: int64 (B,), how many notes keep what the model predicts of them.
        opening: int64 (B,), how many keep what it does not predict; later ones have the last one's.

    Returns:
        Ids (B, L) of every field, and "nats" (B, L), that the model needs for what it predicts of
        each note.
    """
    model, drawing = request.model, Drawing(request, range(len(length)))
    state = model.begin({}, length)
    ids = {name: torch.full_like(length, START) for name in IDS}
    chosen: dict[str, list[Tensor]] = {name: [] for name in (*IDS, "nats")}
    for t in progress(range(request.settings.max_notes), desc="generate", unit="notes"):
        predictions, state = model.step(_with_norms(ids, model.vocabularies), state)
        at = {name: of[:, min(t, of.shape[1] - 1)] for name, of in given.items()}
        fixed = {name: torch.where(t < length, own, START) for name, own in at.items()}
        drawn = drawing.draw(predictions, fixed)
        for name in IDS:
            filled = torch.where(t < opening, at[name], ids[name]) if t else at[name]
            ids[name] = drawn.get(name, filled)
            chosen[name].append(ids[name])
        chosen["nats"].append(drawn["nats"])
    return {name: torch.stack(steps, 1) for name, steps in chosen.items()}


def to_notes(
    request: Request, drawn: dict[str, Tensor], sizes: list[int], told: list[int]
) -> list[pd.DataFrame]:
    """Notes from ids (B, L), so many of each row; the first ones `told` are given."""
    predicts = request.model.predicts
    samples = []
    for i, (size, given) in enumerate(zip(sizes, told, strict=True)):
        ids = {f"{name}_id": drawn[name][i, :size].cpu().numpy() for name in IDS}
        notes = request.tokenizer.decode_ids(ids)
        onset, duration = notes["onset_beat"], notes["duration_beat"]
        if "offset" not in predicts:
            onset = np.concatenate([[0.0], np.cumsum(duration)[:-1]])
        columns = {
            "pitch": ids["pitch_id"],
            "velocity": ids["velocity_id"] + 1 if "velocity" in predicts else VELOCITY,
            "program": notes["program"],
            "is_drum": notes["is_drum"],
            "onset_beat": onset - onset[0],
            "duration_beat": duration,
            "is_given": np.arange(size) < given,
            "nats": drawn["nats"][i, :size].numpy(),
        }
        samples.append(pd.DataFrame(columns))
    return samples
