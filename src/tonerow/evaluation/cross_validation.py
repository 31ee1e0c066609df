"""Cross-validated scores of pitch: the counting models of one fold, and the means over all folds.

Two means are in use: over notes, as everywhere here, and over pieces of each piece's mean, as IDyOM
reports it (mean of the compositions' mean information contents), where a short piece counts as much
as a long one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation import counting
from tonerow.evaluation.baselines import melody_lines
from tonerow.evaluation.choices import baselines
from tonerow.evaluation.counting import Rival
from tonerow.evaluation.intervals import Estimate, bootstrap, per_work
from tonerow.evaluation.note_scores import Floats, Ints
from tonerow.notes.splits import SPLITS


@dataclass(frozen=True)
class PieceNats:
    """What held-out pieces cost a model, each scored once.

    Attributes:
        pieces: their ids.
        notes: int64 (n_pieces,), at least 1 each.
        nats: (n_pieces,), summed over the notes.
    """

    pieces: list[str]
    notes: Ints
    nats: Floats

    @classmethod
    def of(cls, pieces: Sequence[str], first: Ints, nats: NDArray[Any]) -> PieceNats:
        """Sums notes by piece.

        Args:
            pieces: ids.
            first: int64 (n_pieces + 1,), where each piece begins; none is empty.
            nats: of each note.

        Raises:
            ValueError: there are more nats than notes, or fewer.
        """
        if len(nats) != first[-1]:
            raise ValueError(f"there are {len(nats)} nats for {first[-1]} notes")
        return cls(
            list(pieces), np.diff(first), np.add.reduceat(nats.astype(np.float64), first[:-1])
        )

    @classmethod
    def joined(cls, parts: Sequence[PieceNats]) -> PieceNats:
        """All folds' pieces, in the order of their ids.

        Raises:
            ValueError: a piece was scored twice.
        """
        pieces = [piece for part in parts for piece in part.pieces]
        if len(set(pieces)) < len(pieces):
            raise ValueError("a piece was scored in two folds; each must be test once")
        order = sorted(range(len(pieces)), key=pieces.__getitem__)
        notes = np.concatenate([part.notes for part in parts])
        nats = np.concatenate([part.nats for part in parts])
        return cls([pieces[i] for i in order], notes[order], nats[order])

    def over_notes(self, works: Mapping[str, str]) -> Estimate:
        """Bits a note.

        Args:
            works: the work of each piece; what the bootstrap draws.
        """
        return _bits(
            bootstrap(self._by_work(self.nats, works)[0], self._by_work(self.notes, works)[0])
        )

    def over_pieces(self, works: Mapping[str, str]) -> Estimate:
        """Bits a note, as the mean of the pieces' means."""
        return _bits(bootstrap(*self._by_work(self.nats / self.notes, works)))

    def minus(self, other: PieceNats, works: Mapping[str, str]) -> Estimate:
        """How many bits a note more than another model, paired; below 0 is better.

        Raises:
            ValueError: the other was not scored on the same notes.
        """
        if self.pieces != other.pieces or (self.notes != other.notes).any():
            raise ValueError("the two models were not scored on the same notes")
        return PieceNats(self.pieces, self.notes, self.nats - other.nats).over_notes(works)

    def _by_work(
        self, values: NDArray[Any], works: Mapping[str, str]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values of pieces summed by work, and each work's number of pieces."""
        each = np.arange(len(values) + 1)
        return per_work(values, each, [works[piece] for piece in self.pieces])


def _bits(nats: Estimate) -> Estimate:
    return Estimate(*(value / math.log(2) for value in nats))


def counted(tokens: Path, orders: list[int], rivals: tuple[Rival, ...]) -> dict[str, Floats]:
    """Fits the n-gram with cache and the rivals on train and val, and scores test.

    Args:
        tokens: folder with the notes of one fold's split.
        orders: candidates for the n-gram's order.
        rivals: which.

    Returns:
        Nats of each test note by name; the n-gram is "ngram_cache".
    """
    lines = {split: melody_lines(tokens, split) for split in SPLITS}
    train = lines.pop("train")
    pitches = {split: (own.pitch, own.first) for split, own in lines.items()}
    cached = baselines((train.pitch, train.first), pitches, orders)["ngram_cache"]
    scores = {"ngram_cache": cached.scores}
    names = dict.fromkeys(name for rival in rivals for name in rival.viewpoints)
    models = {name: counting.counted(name, train, lines) for name in names}
    scores |= {rival.name: counting.result(rival, models, lines).scores for rival in rivals}
    return {name: of["test"]["nll"] for name, of in scores.items()}
