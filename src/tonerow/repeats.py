"""What pieces play again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonerow.parts import Hashes, Ints, extend
from tonerow.views import Pieces

RUN = 12
"""Elements of a run that is no coincidence when a piece has had it before."""

Bools = NDArray[np.bool_]


def heard_before(ids: Ints, first: Ints, run: int = RUN) -> Bools:
    """Which elements lie in a run of `run` elements that their piece has had before.

    Args:
        ids: (n,), such as pitches.
        first: int64 (n_pieces + 1,), where each piece begins; the last entry is n.
        run: elements in a run, >= 1; the two may overlap, but not begin together.

    Returns:
        bool (n,).
    """
    n = len(ids)
    piece = np.repeat(np.arange(len(first) - 1), np.diff(first))
    starts = np.flatnonzero(np.arange(n) + run <= first[piece + 1] if n else np.zeros(0, bool))
    key: Hashes = extend(np.zeros(len(starts), np.uint64), piece[starts])
    for ahead in range(run):
        key = extend(key, ids[starts + ahead])
    _, earliest = np.unique(key, return_index=True)  # of equal runs the first
    again = np.ones(len(starts), bool)
    again[earliest] = False
    edges = np.bincount(starts[again], minlength=n + 1) - np.bincount(
        starts[again] + run, minlength=n + 1
    )
    inside: Bools = np.cumsum(edges)[:n] > 0
    return inside


def played_once(pieces: Pieces) -> Pieces:
    """The pieces without the notes of runs that they play again.

    What is left stays as it was: in its place in the bar, after the same rest. A note is played again
    if all its ids are the same (of melodies: its pitch), and what is given of its own rhythm.
    """
    n = pieces.n_notes
    key: Hashes = np.zeros(n, np.uint64)
    for column in _columns(pieces):
        key = extend(key, column)
    kept = ~heard_before(key.view(np.int64), pieces.first)
    mask = torch.from_numpy(kept).to(pieces.device)

    def cut(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: values[mask] for name, values in tensors.items()}

    first = np.append(0, np.cumsum(kept))[pieces.first]
    return replace(pieces, first=first, notes=cut(pieces.notes), given=cut(pieces.given))


def _columns(pieces: Pieces) -> list[Ints]:
    """What two notes have in common of which one plays the other again, (n,) each."""
    ids = [of for of in pieces.notes.values() if not of.is_floating_point()]
    ticks = pieces.given.get("ticks")
    columns = ids if ticks is None else [*ids, *ticks.unbind(-1)]
    return [of.cpu().numpy().astype(np.int64) for of in columns]
