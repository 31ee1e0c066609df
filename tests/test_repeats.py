"""What a piece plays again, and the piece without it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.tiny import lines, melodies, playing
from tonerow.repeats import heard_before, played_once

RUN = [60, 62, 64, 65]
OPENING, LONG = list(range(14)), list(range(20, 40))


def test_a_run_that_comes_again_is_heard_before() -> None:
    ids, first = lines([*RUN, 50, *RUN, 51])
    assert heard_before(ids, first, 4).tolist() == [False] * 5 + [True] * 4 + [False]


def test_another_piece_does_not_count_nor_does_a_shorter_run() -> None:
    ids, first = lines([*RUN, 50], [*RUN, 51], RUN[:3])
    assert not heard_before(ids, first, 4).any()
    assert not heard_before(*lines([*RUN, 50, *RUN]), 5).any()


def test_runs_may_overlap() -> None:
    ids, first = lines([60] * 5)
    assert heard_before(ids, first, 4).tolist() == [False] + [True] * 4


@pytest.mark.parametrize("seed", range(5))
def test_as_a_plain_search_finds_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids, first = lines(*(rng.integers(0, 2, n).tolist() for n in (40, 3, 25, 1)))
    run, expected = 5, np.zeros(len(ids), bool)
    for begin, end in itertools.pairwise(first.tolist()):
        for s in range(begin, end - run + 1):
            if any((ids[s : s + run] == ids[e : e + run]).all() for e in range(begin, s)):
                expected[s : s + run] = True
    assert (heard_before(ids, first, run) == expected).all()


def test_a_piece_that_is_played_once_keeps_the_first_of_what_it_plays_again() -> None:
    notes = melodies([60])
    other = list(range(50, 55))
    whole = playing(notes, [*LONG, *LONG, *other, *LONG], [*OPENING, *other], [*other, *OPENING])
    once = playing(notes, [*LONG, *other], [*OPENING, *other], [*other, *OPENING])
    cut = played_once(whole)
    assert cut.ids == whole.ids
    assert (cut.first == once.first).all()
    for own, expected in ((cut.notes, once.notes), (cut.given, once.given)):
        assert all(torch.equal(own[name], expected[name]) for name in expected)


def test_another_rhythm_is_not_the_same_again() -> None:
    notes = melodies([60])
    notes.notes["pitch"][20:40] = notes.notes["pitch"][:20]  # but with other rests and durations
    assert played_once(playing(notes, list(range(40)))).n_notes == 40


def test_where_a_note_begins_does_not_count() -> None:
    whole = playing(melodies([60]), [*LONG, *LONG])
    whole.given["onset"][20:] += 1_000
    assert played_once(whole).n_notes == 20
