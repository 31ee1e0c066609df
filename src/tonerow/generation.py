"""Free-running generation: each drawn pitch is what the next one follows."""

from __future__ import annotations

import torch
from torch import Tensor

from tonerow.models.base import START, Batch, Model
from tonerow.params import Generate
from tonerow.progress import progress
from tonerow.sampling import decay_repeats, draw, restrict


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
        pitch = draw(restrict(logits, settings.temperature, settings.top_k, settings.top_p), generator)
        run = torch.where(pitch == previous, run + 1, torch.ones_like(run))
        previous = pitch
        drawn.append(pitch)
    return torch.stack(drawn, 1)
