"""Where a model wins and loses: its nats and its rival's on some of the notes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tonerow.evaluation.intervals import over_works
from tonerow.evaluation.note_scores import Floats, Ints
from tonerow.repeats import Bools, heard_before
from tonerow.views import Pieces

OPENING = 16
"""Elements of a piece's opening, in which there is little to look back on."""

Parts = Mapping[str, Bools]
"""By name, whether a note (n,) belongs to the part."""


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
