"""Parts of the notes: what a tune has played before, its opening, places in the bar."""

from __future__ import annotations

import numpy as np

from tests.tiny import lines, melodies
from tonerow.evaluation.where import by_part, parts


def test_each_note_is_in_one_part_of_a_kind() -> None:
    ids, first = lines(list(range(40, 70)))
    place, beat = np.array([0.5 * i % 3 for i in range(30)]), np.ones(30)
    of = parts(ids, first, place, beat)
    for kind in (("repeated", "new"), ("opening", "later"), ("downbeat", "other_beat", "off_beat")):
        assert (np.sum([of[name] for name in kind], axis=0) == 1).all()
    assert of["opening"].sum() == 16
    assert of["downbeat"].tolist() == [True, *[False] * 5] * 5


def test_without_a_metre_a_note_has_no_place() -> None:
    ids, first = lines([60] * 4)
    place = np.array([0.0, 0.5, np.nan, np.nan])
    of = parts(ids, first, place, np.array([1.0, 1.0, np.nan, np.nan]))
    assert sum(of[name].sum() for name in ("downbeat", "other_beat", "off_beat")) == 2
    assert set(parts(ids, first)) == {"repeated", "new", "opening", "later"}


def test_scores_of_a_part_are_of_its_notes_alone() -> None:
    pieces, works = melodies([2, 2]), {"0": "a", "1": "b"}
    nats, rival = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 2.0, 3.5, 1.0])
    inside = np.array([True, False, True, False])
    of = by_part(nats, rival, {"some": inside, "none": np.zeros(4, bool)}, pieces, works)
    assert set(of) == {"some"}
    assert of["some"]["share"] == 0.5
    assert of["some"]["nll"] == 2.0
    assert of["some"]["rival_nll"] == 2.0
    assert of["some"]["difference"] == 0.0
    assert set(by_part(nats, None, {"some": inside}, pieces, works)["some"]) == {
        *("share", "nll", "nll_low", "nll_high")
    }


def test_every_level_of_a_part_has_an_interval_over_works() -> None:
    pieces, works = melodies([2, 2]), {"0": "a", "1": "b"}
    nats, rival = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 2.0, 3.5, 1.0])
    inside = np.array([True, False, True, False])
    of = by_part(nats, rival, {"some": inside}, pieces, works)["some"]
    # one note of each of two works: a draw of one work alone gives the ends
    ends = {name: (of[f"{name}_low"], of[f"{name}_high"]) for name in ("nll", "rival_nll")}
    assert ends == {"nll": (1.0, 3.0), "rival_nll": (0.5, 3.5)}
    assert (of["difference_low"], of["difference_high"]) == (-0.5, 0.5)
