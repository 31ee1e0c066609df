"""What an epoch learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tonerow.models.base import Batch
from tonerow.params import Training
from tonerow.repeats import played_once
from tonerow.views import Pieces
from tonerow.windows import Windows, batches, make_batch, training_windows, transpose


@dataclass(frozen=True)
class Lessons:
    """The training pieces, as epochs choose from them.

    Attributes:
        pieces: the pieces; behind them, where repeats are skipped, all once more as `played_once`.
        n: how many pieces there are.
        settings: of the training.
    """

    pieces: Pieces
    n: int
    settings: Training

    @classmethod
    def of(cls, train: Pieces, settings: Training) -> Lessons:
        """The lessons of the training pieces."""
        pieces = _joined(train, played_once(train)) if settings.skip_repeats else train
        return cls(pieces, len(train.ids), settings)

    def epoch(self, epoch: int, seed: int, network: int = 0) -> tuple[int, Iterator[Batch]]:
        """How many batches an epoch has, and the batches; both depend on the three numbers alone."""
        settings, generator = self.settings, np.random.default_rng([seed, epoch, network])
        groups = batches(self.windows(generator), settings.batch_size, generator)
        made = (make_batch(self.pieces, group) for group in groups)
        return len(groups), (transpose(of, settings.transpose, generator) for of in made)

    def windows(self, generator: np.random.Generator) -> Windows:
        """The windows of an epoch."""
        share, which = self.settings.skip_repeats, None
        if share:
            which = np.arange(self.n) + self.n * (generator.random(self.n) < share)
        return training_windows(self.pieces, self.settings, generator, which)


def _joined(pieces: Pieces, more: Pieces) -> Pieces:
    """Pieces, and more of them behind."""

    def both(some: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: torch.cat([values, others[name]]) for name, values in some.items()}

    return replace(
        pieces,
        ids=pieces.ids + more.ids,
        first=np.append(pieces.first, more.first[1:] + pieces.n_notes),
        notes=both(pieces.notes, more.notes),
        given=both(pieces.given, more.given),
    )
