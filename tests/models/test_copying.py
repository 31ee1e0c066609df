"""Matches against a search by hand, classes of distances, and what an informed copy may look at."""

from __future__ import annotations

import pytest
import torch

from tonerow.models.base import START
from tonerow.models.copying import Came, Evidence, InformedCopy
from tonerow.models.pairs import (
    DISTANCES,
    NEAR,
    distance_class,
    folded,
    intervals,
    lookup,
    matched_back,
    matched_next,
    matches,
    summed_by,
)
from tonerow.models.vocabulary import TICKS_PER_BEAT

LONGEST = 4


def by_hand(key: list[int], t: int, s: int, move: int) -> int:
    n = 0
    while n < LONGEST and min(t, s) >= 0 and max(t, s) < len(key) and key[t] == key[s]:
        n, t, s = n + 1, t + move, s + move
    return n


@pytest.mark.parametrize("forwards", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 9])
def test_matches_are_those_of_a_search(forwards: bool, rows: int) -> None:
    key = torch.randint(0, 2, (3, 9), generator=torch.Generator().manual_seed(0))
    found = matches(key[:, :, None] == key[:, None], rows, LONGEST, forwards)
    for row, own in zip(key.tolist(), found, strict=True):
        expected = [
            [by_hand(row, t, s, 1 if forwards else -1) for s in range(9)]
            for t in range(9 - rows, 9)
        ]
        assert own.tolist() == expected


def test_the_last_rows_need_only_what_a_match_can_reach() -> None:
    key = torch.randint(0, 2, (2, 30), generator=torch.Generator().manual_seed(0))
    every = matches(key[:, :, None] == key[:, None], 30, LONGEST)
    near = matches(key[:, 30 - 2 - LONGEST :, None] == key[:, None], 2, LONGEST)
    assert torch.equal(every[:, -2:], near)


def test_one_place_more_matches_as_it_does_among_all() -> None:
    key = torch.randint(0, 2, (3, 12), generator=torch.Generator().manual_seed(0))
    for t in range(1, 12):
        run = matched_back(key[:, :t], 1, LONGEST)[:, 0]
        following = matched_next(key[:, : t + 1], run, LONGEST)
        assert torch.equal(following, matched_back(key[:, : t + 1], 1, LONGEST))


@pytest.mark.parametrize("n", [1, 4])
def test_shares_are_added_up_by_what_came(n: int) -> None:
    came = Came.of(torch.tensor([[2, 0, 2, 1], [0, 0, 0, 2]]), 3, n)
    found = came.added_up(torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]).expand(2, n, 4))
    expected = torch.tensor([[0.2, 0.4, 0.4], [0.6, 0.0, 0.4]])[:, None].expand(2, n, 3)
    torch.testing.assert_close(found, expected)


def test_distances_have_their_classes() -> None:
    beats = torch.tensor([0, 0.5, 1, 79.5, 80, 80.5, 81, 96, 192, 1 / 3, 88, 97])
    classes = distance_class((beats * TICKS_PER_BEAT).round().long()).tolist()
    assert classes[:4] == [0, 1, 2, 159]
    assert classes[4:6] == [NEAR + 2 + 8 - 1, NEAR + 1]  # 80 and 96 have 16 in common
    assert classes[6:9] == [NEAR + 2 + 2, DISTANCES - 1, DISTANCES - 1]
    assert classes[9:] == [NEAR, NEAR + 2 + 5, NEAR + 2]


def test_far_distances_keep_their_class_when_folded() -> None:
    ticks = torch.arange(0, 5 * 96 * TICKS_PER_BEAT)
    assert torch.equal(distance_class(folded(ticks)), distance_class(ticks))
    assert folded(ticks).max() < NEAR * TICKS_PER_BEAT // 2 + 96 * TICKS_PER_BEAT


@pytest.mark.parametrize("size", [1, 2, 16, 17, 60, 256])
def test_sums_by_index(size: int) -> None:
    index = torch.randint(0, size, (300,), generator=torch.Generator().manual_seed(0))
    values = torch.arange(300.0)
    torch.testing.assert_close(summed_by(index, values, size), index.bincount(values, size).float())


def test_a_lookup_has_the_gradient_of_an_embedding() -> None:
    table = torch.randn(7, requires_grad=True)
    index, weight = torch.randint(0, 7, (4, 5), dtype=torch.int32), torch.randn(4, 5)
    ours, usual = (
        torch.autograd.grad((numbers * weight).sum(), table)[0]
        for numbers in (lookup(table, index), table[index.long()])
    )
    torch.testing.assert_close(ours, usual)


def test_intervals_are_known_between_two_pitches() -> None:
    before = torch.tensor([[START, 60, 64, 62]])
    assert intervals(before).tolist() == [[256, 257, 4, -2]]
    assert intervals(before[:, 1:]).tolist() == [[256, 4, -2]]


def copy_of() -> InformedCopy:
    torch.manual_seed(0)
    return InformedCopy(5, 3, LONGEST, 128, whole_rhythm=True).eval()


def evidence_of(copy: InformedCopy, before: torch.Tensor) -> Evidence:
    """Of all notes of lines in even beats."""
    beats = torch.full_like(before, TICKS_PER_BEAT)
    ticks = torch.stack([torch.zeros_like(beats), beats], -1)
    given = {"ticks": ticks, "onset": beats.cumsum(1) - beats}
    length = torch.full((len(before),), before.shape[1])
    return copy.recall(before, copy.begin(given, length))[0]


def test_what_has_not_come_yet_is_not_copied() -> None:
    copy, pitch = copy_of(), torch.tensor([[60, 62, 64, 60, 62, 64]])
    before = torch.cat([torch.tensor([[START]]), pitch[:, :-1]], 1)
    shares = copy.guess(evidence_of(copy, before))[0]
    torch.testing.assert_close(shares.sum(-1), torch.ones(6))
    assert shares[0, -1] == 1  # nothing to copy
    assert shares[1, :-1].sum() > 0
    for t in range(1, 6):
        heard = set(pitch[0, :t].tolist())
        steps = {
            a - b for a, b in zip(pitch[0, 1:t].tolist(), pitch[0, : t - 1].tolist(), strict=True)
        }
        moved = {pitch[0, t - 1].item() + step for step in steps}
        possible = shares[t, :-1].nonzero().flatten().tolist()
        assert set(possible) == heard | moved, t


def test_the_longest_match_is_copied_when_tables_say_so() -> None:
    copy, pitch = copy_of(), torch.tensor([[60, 62, 64, 65, 67, 60, 62, 64]])
    with torch.no_grad():
        copy.pitch[0] += 10 * torch.arange(LONGEST + 1).repeat_interleave(LONGEST + 1)
        copy.moved[0] -= 100
    before = torch.cat([torch.tensor([[START]]), pitch], 1)
    assert copy.guess(evidence_of(copy, before))[0, -1].argmax() == 65


def test_an_interval_is_copied_from_another_pitch() -> None:
    copy, pitch = copy_of(), torch.tensor([[60, 62, 67, 70, 72]])
    with torch.no_grad():
        copy.moved[0] += 10 * torch.arange(LONGEST + 1).repeat_interleave(LONGEST + 1)
    before = torch.cat([torch.tensor([[START]]), pitch], 1)
    assert copy.guess(evidence_of(copy, before))[0, -1].argmax() == 77


def test_hours_between_two_notes_are_a_distance_like_others() -> None:
    copy, before = copy_of(), torch.tensor([[START, 60, 60]])
    onset = torch.tensor([[0, 1 << 40, (1 << 40) + 24]])
    given = {"ticks": torch.tensor([[[0, 1 << 40], [0, 24], [0, 24]]]), "onset": onset}
    evidence, _ = copy.recall(before, copy.begin(given, torch.tensor([3])))
    shares = copy.guess(evidence)[0]
    torch.testing.assert_close(shares.sum(-1), torch.ones(3))


def test_the_longest_match_that_settings_allow_is_counted() -> None:
    key = torch.zeros(1, 100)
    assert matches(key[:, :, None] == key[:, None], 100, 64).max() == 64
