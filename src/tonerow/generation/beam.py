"""The most probable pitches for a rhythm: a beam search over whole lines."""

from __future__ import annotations

import torch
from torch import Tensor

from tonerow.generation.rows import of_rows, row_axes
from tonerow.generation.samples import GenerationError, Request
from tonerow.generation.sampling import go_on, within
from tonerow.models.base import START, Notes
from tonerow.params import Generate
from tonerow.progress import progress


def check_search(settings: Generate, notes: int) -> None:
    """Refuses to search for more lines of so many notes than are found or possible.

    Raises:
        GenerationError: says how many that is.
    """
    free = max(notes - len(settings.hints), 0)
    lines = (settings.highest - settings.lowest + 1) ** free
    asked = f"samples is {settings.samples}, but"
    if 0 < settings.beam < settings.samples:
        raise GenerationError(f"{asked} a search of {settings.beam} beginnings finds no more lines")
    if settings.beam and settings.samples > lines:
        raise GenerationError(f"{asked} the range and the hints leave only {lines} possible")


@torch.no_grad()
def best_pitches(
    request: Request, given: Notes, length: Tensor, fixed: Tensor, most: int
) -> tuple[Tensor, Tensor]:
    """Searches for the pitches of lines that the model finds most probable as a whole.

    Those outside of the range, and those beside the fixed ones, are left out; what is left keeps the
    probabilities that the model gives it.

    Args:
        request: a model of the view "melody", the `beam` and the range.
        given: see `Batch`, of N lines; padding at the end.
        length: int64 (N,).
        fixed: int64 (N, L), pitches that are not to be found, and `START` where one is.
        most: how many of each line are asked for, 1 to `beam`; they must be possible.

    Returns:
        int64 (N most, L), pitches 0-127, of each line the most probable first; and float
        (N most, L), the nats that the model needs for each. At padding both mean nothing.
    """
    model, beam, lines = request.model, request.settings.beam, len(length)
    given = {name: values.repeat_interleave(beam, 0) for name, values in given.items()}
    state = model.begin(given, length.repeat_interleave(beam))
    axes = row_axes(model, given, length)
    pitch = torch.full((lines * beam,), START, device=length.device)
    scores = torch.full((lines, beam), float("-inf"), dtype=torch.float64, device=length.device)
    scores[:, 0] = 0  # of the one empty beginning
    pitches, nats = pitch.new_zeros(lines, beam, 0), scores.new_zeros(lines, beam, 0)
    first = beam * torch.arange(lines, device=length.device)[:, None]  # row of each line
    for t in progress(range(fixed.shape[1]), desc="generate", unit="notes"):
        predictions, state = model.step({"pitch": pitch}, state)
        logs = predictions["pitch"].log_probabilities().view(lines, beam, -1)  # (N, K, V)
        left = possible(logs, fixed[:, t], request.settings.lowest, request.settings.highest)
        left = torch.where((t < length)[:, None, None], left, _nothing_more(logs))
        scores, source, chosen = go_on(scores, left)  # (N, K) each
        rows = (first + source).flatten()
        state, pitch = of_rows(state, axes, rows), chosen.flatten()
        needed = -logs.flatten(0, 1)[rows].gather(-1, pitch[:, None]).view(lines, beam, 1)
        pitches = torch.cat([_from(pitches, source), chosen[..., None]], -1)
        nats = torch.cat([_from(nats, source), needed], -1)
    return pitches[:, :most].flatten(0, 1), nats[:, :most].flatten(0, 1).float().cpu()


def possible(logs: Tensor, fixed: Tensor, lowest: int, highest: int) -> Tensor:
    """Log-probabilities (N, K, V), -inf but for a fixed class (N,), or where there is none a range."""
    classes = torch.arange(logs.shape[-1], device=logs.device)
    other = (classes != fixed[:, None])[:, None]  # (N, 1, V)
    is_free = (fixed == START)[:, None, None]
    return torch.where(
        is_free, within(logs, lowest, highest), logs.masked_fill(other, float("-inf"))
    )


def _nothing_more(logs: Tensor) -> Tensor:
    """Log-probabilities (N, K, V) that leave a line that has ended as it is."""
    nothing = torch.full_like(logs, float("-inf"))
    nothing[..., 0] = 0
    return nothing


def _from(past: Tensor, source: Tensor) -> Tensor:
    """Of beginnings (N, K, t) those that are gone on from (N, K)."""
    return past.gather(1, source[..., None].expand(-1, -1, past.shape[-1]))
