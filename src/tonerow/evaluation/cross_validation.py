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
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tonerow.evaluation.counting import Rival, results
from tonerow.evaluation.intervals import Estimate, bootstrap, per_work
from tonerow.evaluation.lines import Lines
from tonerow.evaluation.ngram import CACHE_ORDERS, WEIGHTS, Ngram, cache_nats
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
        """
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


def read_lines(tokens: Path, split: str) -> tuple[list[str], Lines]:
    """Reads the melodies of one side, and the ids of their pieces."""
    columns = ["piece_id", "pitch", "melody_rest", "melody_duration"]
    keep: Any = [("split", "==", split), ("is_melody", "==", True)]
    table = pq.read_table(tokens / "notes.parquet", columns=columns, filters=keep)
    piece = table["piece_id"].to_numpy()
    starts = np.flatnonzero(np.append(True, piece[1:] != piece[:-1])[: len(piece)])
    rest, duration = (table[name].to_numpy().astype(np.float64) for name in columns[2:])
    first = np.append(starts, len(piece)).astype(np.int64)
    pitch = table["pitch"].to_numpy().astype(np.int64)
    return [str(piece[i]) for i in starts], Lines(pitch, first, rest, duration)


def counted(tokens: Path, orders: list[int], rivals: tuple[Rival, ...]) -> dict[str, PieceNats]:
    """Fits the n-gram with cache and the rivals on train and val, and scores test.

    Args:
        tokens: folder with the notes of one fold's split.
        orders: candidates for the n-gram's order.
        rivals: which.

    Returns:
        By name; the n-gram is "ngram_cache".
    """
    read = {split: read_lines(tokens, split) for split in SPLITS}
    lines = {split: own for split, (_, own) in read.items()}
    pieces, first = read["test"][0], lines["test"].first
    scores = {"ngram_cache": _ngram_nats(lines, orders)}
    fitted = results(lines.pop("train"), lines, rivals)
    scores |= {name: of.scores["test"]["nll"] for name, of in fitted.items()}
    return {name: PieceNats.of(pieces, first, nats) for name, nats in scores.items()}


def _ngram_nats(lines: Mapping[str, Lines], orders: list[int]) -> Floats:
    """Nats of each test note (n,) by the n-gram with cache, its orders and weights chosen on val."""
    train, val, test = ((lines[split].pitch, lines[split].first) for split in SPLITS)
    model = Ngram(*train, max(orders))
    nats = {key: own for key, own in model.nats(*val, WEIGHTS).items() if key[0] in orders}
    chosen = min(nats, key=lambda key: float(nats[key].mean()))
    cached = cache_nats(nats[chosen], *val, CACHE_ORDERS, WEIGHTS)
    cache = min(cached, key=lambda key: float(cached[key].mean()))
    on_test = model.nats(*test, [chosen[1]])[chosen]
    return cache_nats(on_test, *test, [cache[0]], [cache[1]])[cache]
