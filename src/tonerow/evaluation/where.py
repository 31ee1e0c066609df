"""Where a model wins and loses: its nats and its rival's on some of the notes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tonerow.evaluation.intervals import over_works
from tonerow.evaluation.ngram import Hashes, extend
from tonerow.evaluation.note_scores import Floats, Ints
from tonerow.views import Pieces

RUN = 12
"""Elements of a run that is no coincidence when a piece has had it before."""
OPENING = 16
"""Elements of a piece's opening, in which there is little to look back on."""

Bools = NDArray[np.bool_]
Parts = Mapping[str, Bools]
"""By name, whether a note (n,) belongs to the part."""


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


def parts(ids: Ints, first: Ints, place: Floats | None = None, beat: Floats | None = None) -> Parts:
    """The parts that are looked at.

    Args:
        ids: (n,) what is predicted: pitches, or characters.
        first: int64 (n_pieces + 1,), where each piece begins.
        place: beats from the bar line to each note, (n,); NaN where no metre is known.
        beat: length of the metre's beat in quarter notes, (n,).
    """
    repeated = heard_before(ids, first)
    opening = np.arange(len(ids)) - np.repeat(first[:-1], np.diff(first)) < OPENING
    some = {"repeated": repeated, "new": ~repeated, "opening": opening, "later": ~opening}
    if place is None or beat is None:
        return some
    on_beat = np.mod(place, beat) == 0
    return some | {
        "downbeat": place == 0,
        "other_beat": on_beat & (place > 0),
        "off_beat": (place > 0) & ~on_beat,
    }


def by_part(
    nats: Floats, rival: Floats | None, of: Parts, pieces: Pieces, works: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """Scores of each part that has notes.

    Args:
        nats: (n,) of the model.
        rival: (n,) of its rival; None where it has none.
        of: the parts.
        pieces: the n notes.
        works: the work of each piece.

    Returns:
        By part: `share` of the notes, `nll` in nats, and beside a rival `rival_nll` and
        `difference`, how much more the model needs; each but the share with its 95 % interval over
        works, ``..._low`` and ``..._high``.
    """
    table = {}
    for name, inside in of.items():
        if not inside.any():
            continue
        values = {"nll": nats}
        if rival is not None:
            values |= {"rival_nll": rival, "difference": nats - rival}
        row = {"share": float(inside.mean())}
        for score, of_note in values.items():
            mean, low, high = over_works(of_note, pieces.ids, pieces.first, works, inside)
            row |= {score: mean, f"{score}_low": low, f"{score}_high": high}
        table[name] = row
    return table
