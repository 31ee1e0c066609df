"""Continuing: the first notes of a piece, held out or given, then the model's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tonerow.generation.extent import HAIR, begins_before, ends_of, shortened
from tonerow.generation.samples import (
    VELOCITY,
    Drawing,
    GenerationError,
    Request,
    Samples,
    Start,
    counted,
    held_out_lines,
    numbered,
)
from tonerow.generation.starts import end_of_score, notes_of
from tonerow.models.base import START, Notes
from tonerow.models.vocabulary import Vocabularies
from tonerow.progress import progress

IDS = {"pitch": "pitch", "offset": "offset_id", "duration": "duration_id"}
IDS |= {"velocity": "velocity", "instrument": "instrument_id"}


def generate(request: Request) -> Samples:
    """Continues the openings of held-out pieces up to their own length, or as far as is asked for.

    Or that of what is given, as far as is asked for.

    Raises:
        GenerationError: see `held_out_lines` and `from_start`.
    """
    if request.start is not None:
        return counted(request, from_start(request, request.start))
    pieces = held_out_lines(request, list(IDS.values()), melody=False)
    sizes = [min(len(piece), request.settings.max_notes) for piece in pieces]
    ends = ends_of(request, [piece["piece_id"].iloc[0] for piece in pieces], melody=False)
    notes, sources = continued(request, pieces, sizes, pieces, [*ends, *ends])
    return counted(request, Samples(notes, sources, {"samples": len(pieces)}))


def from_start(request: Request, start: Start, told: bool = True) -> Samples:
    """Goes on from the first notes of one piece.

    Args:
        request: a model of the view "events", how to sample, and how many.
        start: the piece.
        told: whether its own notes are asked about too.

    Raises:
        GenerationError: it has no notes with a pitch, or so many that no sample has its own.
    """
    settings, samples = request.settings, request.settings.samples
    piece = notes_of(start.name, start.score, request.tokenizer)
    end, sources = end_of_score(settings, start.score, melody=False), [piece] if told else []
    ends, sizes = [end] * (samples + len(sources)), [settings.max_notes] * samples
    notes, own = continued(request, [piece] * samples, sizes, sources, ends)
    if notes["is_given"].all():
        given = min(len(piece), settings.primer)
        raise GenerationError(
            f"the primer's {given} notes leave no place for the model's own: take fewer of them, or ask "
            "for more music"
        )
    return Samples(notes, own, {"samples": samples}, shared=samples > 1)


def continued(
    request: Request,
    pieces: list[pd.DataFrame],
    sizes: list[int],
    sources: list[pd.DataFrame],
    ends: list[float],
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
        ends: of each sample, then of each source, the quarter notes after its first onset at which it
            ends, given notes too; infinite: no limit.

    Returns:
        Rows of `tonerow.notes.schema.SAMPLES`: samples, and sources up to as many notes.
    """
    settings, rows, cut = request.settings, [*pieces, *sources], len(pieces)
    opening = [min(len(piece), settings.primer) for piece in rows]
    whole = [min(len(piece), settings.max_notes) for piece in sources]
    given, length = opening_notes(rows, [*opening[:cut], *whole], request.device)
    told, sizes = torch.tensor(opening, device=request.device), [*sizes, *whole]
    drawn = continue_primers(request, given, length, told, Stop(request, sizes, ends))
    made = to_notes(request, drawn, sizes, opening, ends)
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


class Stop:
    """Tells when all rows are as long as they may be.

    Args:
        request: with the model and the tokenizer.
        sizes: notes of each row, at most.
        ends: quarter notes after its first onset at which each ends.
    """

    def __init__(self, request: Request, sizes: list[int], ends: list[float]) -> None:
        # without an offset notes follow each other end to end
        self.field = "offset" if "offset" in request.model.predicts else "duration"
        tokenizer = request.tokenizer
        beats = tokenizer.offsets if self.field == "offset" else tokenizer.durations
        self.most = max(sizes)
        self._beats = torch.tensor(beats, dtype=torch.float64)
        self._left = torch.tensor(ends, dtype=torch.float64)  # quarter notes
        self._notes_left = torch.tensor(sizes)

    def reached(self, ids: Notes) -> bool:
        """Whether no note may follow these (B,), which follow those of the calls before."""
        self._left -= self._beats[ids[self.field].cpu()]
        self._notes_left -= 1
        return bool(((self._left <= HAIR) | (self._notes_left <= 0)).all())


@torch.no_grad()
def continue_primers(
    request: Request, given: Notes, length: Tensor, opening: Tensor, stop: Stop
) -> dict[str, Tensor]:
    """Goes on from given notes.

    Args:
        request: a model of the view "events", and how to sample.
        given: ids (B, P) of each field.
        length: int64 (B,), how many notes keep what the model predicts of them.
        opening: int64 (B,), how many keep what it does not predict; later ones have the last one's.
        stop: when all rows have ended.

    Returns:
        Ids (B, L) of every field, and "nats" (B, L), that the model needs for what it predicts of
        each note. Beyond a row's own end they mean nothing.
    """
    model, drawing = request.model, Drawing(request, range(len(length)))
    state = model.begin({}, length)
    ids = {name: torch.full_like(length, START) for name in IDS}
    chosen: dict[str, list[Tensor]] = {name: [] for name in (*IDS, "nats")}
    for t in progress(range(stop.most), desc="generate", unit="notes"):
        predictions, state = model.step(_with_norms(ids, model.vocabularies), state)
        at = {name: of[:, min(t, of.shape[1] - 1)] for name, of in given.items()}
        fixed = {name: torch.where(t < length, own, START) for name, own in at.items()}
        drawn = drawing.draw(predictions, fixed)
        for name in IDS:
            filled = torch.where(t < opening, at[name], ids[name]) if t else at[name]
            ids[name] = drawn.get(name, filled)
            chosen[name].append(ids[name])
        chosen["nats"].append(drawn["nats"])
        if stop.reached(ids):
            break
    return {name: torch.stack(steps, 1) for name, steps in chosen.items()}


def to_notes(
    request: Request,
    drawn: dict[str, Tensor],
    sizes: list[int],
    told: list[int],
    ends: list[float],
) -> list[pd.DataFrame]:
    """Notes from ids (B, L), so many of each row and none beyond its end; the first `told` are given."""
    predicts = request.model.predicts
    samples = []
    for i, (size, given, end) in enumerate(zip(sizes, told, ends, strict=True)):
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
            "duration_beat": shortened(onset - onset[0], duration, end),
            "is_given": np.arange(len(onset)) < given,
            "nats": drawn["nats"][i, :size].numpy(),
        }
        samples.append(pd.DataFrame(columns).head(begins_before(onset - onset[0], end)))
    return samples
