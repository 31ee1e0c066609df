"""Recolouring: new pitches for the rhythm of melody lines, held out or given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the usual name)
from torch.nn.utils.rnn import pad_sequence

from tonerow.generation.beam import best_pitches, check_search
from tonerow.generation.extent import begins_before, ends_of, shortened
from tonerow.generation.rows import Going
from tonerow.generation.samples import (
    VELOCITY,
    Drawing,
    Request,
    Samples,
    Start,
    counted,
    held_out_lines,
    numbered,
)
from tonerow.generation.starts import end_of_score, melody_of
from tonerow.models.base import START, Batch, Model, Notes
from tonerow.progress import progress
from tonerow.views import BEATS, NORMALISED, rhythm_of

Ints = NDArray[np.int64]


def generate(request: Request) -> Samples:
    """Draws pitches for the rhythms of held-out pieces, or of what is given, cut as the settings say.

    Raises:
        GenerationError: see `held_out_lines` and `from_start`.
    """
    if request.start is not None:
        return counted(request, from_start(request, request.start))
    columns = ["pitch", *BEATS, *NORMALISED]
    held_out = held_out_lines(request, columns, melody=True)
    ends = ends_of(request, [line["piece_id"].iloc[0] for line in held_out], melody=True)
    lines = [cut(request, line, end) for line, end in zip(held_out, ends, strict=True)]
    notes, sources = recolour(request, lines, lines)
    return counted(request, Samples(notes, sources, {"samples": len(lines)}))


def from_start(request: Request, start: Start, told: bool = True) -> Samples:
    """New pitches for the rhythm of one melody line.

    Args:
        request: a model of the view "melody", how to sample or to search, and how many.
        start: the music with that line.
        told: whether its own pitches are asked about too.

    Raises:
        GenerationError: it has no line, or a search cannot find so many samples.
    """
    line = line_of(request, start)
    check_search(request.settings, len(line))
    samples = request.settings.samples
    notes, sources = recolour(request, [line], [line] if told else [], samples)
    return Samples(notes, sources, {"samples": samples}, shared=samples > 1)


def unchanged(request: Request, start: Start) -> pd.DataFrame:
    """The melody line that `from_start` takes, with its own pitches and without nats.

    Returns:
        Rows of `tonerow.notes.schema.SAMPLES` but for the number of a sample.

    Raises:
        GenerationError: there is no line.
    """
    line = line_of(request, start)
    pitch = torch.from_numpy(line["pitch"].to_numpy(np.int64))[None]
    (notes,) = to_notes(request, [line], pitch, torch.full(pitch.shape, torch.nan))
    return notes


def line_of(request: Request, start: Start) -> pd.DataFrame:
    """The melody line of a piece, as long as the settings say."""
    whole = melody_of(start.name, start.score, request.tokenizer)
    return cut(request, whole, end_of_score(request.settings, start.score, melody=True))


def cut(request: Request, line: pd.DataFrame, end: float) -> pd.DataFrame:
    """A line up to `max_notes`, or up to so many quarter notes after its first onset.

    A note that sounds beyond the end is shortened; the first one stays in any case.

    Args:
        request: with the tokenizer that the line's normalised values come from.
        line: columns `BEATS` and `NORMALISED`, and any others.
        end: above 0; infinite sets no limit.
    """
    duration = line["melody_duration"].to_numpy(np.float64)
    onset = (line["melody_rest"].to_numpy(np.float64) + duration).cumsum() - duration
    notes = min(begins_before(onset, end), request.settings.max_notes)
    line, last = line.head(notes), notes - 1
    if onset[last] + duration[last] > end:
        beats = shortened(onset[:notes], duration[:notes], end).astype(np.float32)
        norms = request.tokenizer.scalers["melody_duration"].apply(beats).astype(np.float32)
        line = line.assign(melody_duration=beats, melody_duration_norm=norms)
    return line


def recolour(
    request: Request, lines: list[pd.DataFrame], sources: list[pd.DataFrame], each: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Finds new pitches for the rhythms of lines, and asks the model for the nats of the old ones.

    Args:
        request: a model of the view "melody", and how to sample or to search.
        lines: their columns are `BEATS`, `NORMALISED`, pitch and piece_id.
        sources: lines that are not to be changed.
        each: samples of each line; at most `beam`, if that is set.

    Returns:
        Rows of `tonerow.notes.schema.SAMPLES`: samples and sources.
    """
    settings, rows = request.settings, [line for line in lines for _ in range(each)]
    own = [source["pitch"].to_numpy(np.int64) for source in sources]
    if settings.beam:
        hints = hinted(request, lines)
        found = best_pitches(request, *asked(request, lines, hints), each)
        samples = to_notes(request, rows, *found, len(settings.hints))
        heard = nats_of(request.model, *asked(request, sources, own)) if sources else ()
        return numbered(samples), numbered(to_notes(request, sources, *heard) if heard else [])
    hints = hinted(request, rows)
    pitch, nats = draw_pitches(request, *asked(request, [*rows, *sources], [*hints, *own]))
    n = len(rows)
    samples = to_notes(request, rows, pitch[:n], nats[:n], len(settings.hints))
    return numbered(samples), numbered(to_notes(request, sources, pitch[n:], nats[n:]))


def hinted(request: Request, lines: list[pd.DataFrame]) -> list[Ints]:
    """The pitches that are given of each line."""
    return [np.array(request.settings.hints[: len(line)], np.int64) for line in lines]


def asked(
    request: Request, lines: list[pd.DataFrame], known: list[Ints]
) -> tuple[Notes, Tensor, Tensor]:
    """What is given of lines, their lengths (B,), and the known pitches (B, L), else `START`."""
    given, length = rhythms(lines, request.device)
    fixed = pad_sequence([torch.from_numpy(pitch) for pitch in known], True, START)
    fixed = F.pad(fixed, (0, int(length.max()) - fixed.shape[1]), value=START)
    return given, length, fixed.to(request.device)


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
def nats_of(model: Model, given: Notes, length: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor]:
    """The pitches (B, L) of lines, and the nats that a model needs for each, see `draw_pitches`."""
    before = F.pad(pitch, (1, 0), value=START)[:, :-1]
    padded, real = pitch.clamp(min=0), pitch != START
    batch = Batch({"pitch": padded}, {"pitch": before}, given, length, real)
    return pitch, model(batch)["pitch"].nll(padded).float().cpu()


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
    state, going = request.model.begin(given, length), Going(request.model, given, length, drawing)
    pitches, notes = torch.full_like(fixed, START), length.cpu()
    nats = torch.zeros(fixed.shape)
    for t in progress(range(fixed.shape[1]), desc="generate", unit="notes"):
        state, rows = going.without(notes <= t, state), going.rows.to(length.device)
        before = pitches[rows, t - 1] if t else pitches[rows, 0]
        predictions, state = request.model.step({"pitch": before}, state)
        drawn = drawing.draw(predictions, {"pitch": fixed[rows, t]})
        pitches[rows, t] = drawn["pitch"]
        nats[going.rows, t] = drawn["nats"]
    return pitches, nats


def to_notes(
    request: Request, lines: list[pd.DataFrame], pitch: Tensor, nats: Tensor, told: int = 0
) -> list[pd.DataFrame]:
    """Notes with the lines' rhythms and these pitches (B, L), of which the first `told` were given."""
    rows = []
    for i, line in enumerate(lines):
        duration = line["melody_duration"].astype(float)
        end = (line["melody_rest"] + line["melody_duration"]).astype(float).cumsum()
        columns = {
            "source_piece_id": line["piece_id"],
            "pitch": pitch[i, : len(line)].cpu().numpy(),
            "velocity": VELOCITY,
            "program": request.settings.instrument,
            "is_drum": False,
            "onset_beat": end - duration,
            "duration_beat": duration,
            "is_given": np.arange(len(line)) < told,
            "nats": nats[i, : len(line)].numpy(),
        }
        rows.append(pd.DataFrame(columns))
    return rows
