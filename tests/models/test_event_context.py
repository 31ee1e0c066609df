"""What a model of all fields is told, and how it copies."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.models.test_contract import VOCABULARIES, valued
from tonerow.models.base import START
from tonerow.models.event_context import Clock, EventContext
from tonerow.models.field_copying import FieldCopy
from tonerow.models.predictions import Categorical, Predictions

QUARTERS = {**VOCABULARIES, "offset": valued(9), "duration": valued(9)}
"""Offsets and durations whose id is a number of quarters of a beat: of 6 ticks."""
NOW = torch.tensor([0])


def before(pitch: list[int], offset: list[int], duration: list[int]) -> dict[str, Tensor]:
    fields = {"pitch": pitch, "offset": offset, "duration": duration}
    return {name: torch.tensor([[START, *ids]]) for name, ids in fields.items()}


NOTES = before([60, 62, 64], [0, 4, 2], [4, 1, 8])


@pytest.mark.parametrize(
    ("fields", "onset", "end"),
    [
        (["offset", "duration"], [0, 0, 24, 36], [0, 24, 30, 84]),
        (["duration"], [0, 0, 24, 30], [0, 24, 30, 78]),
        (["offset"], [0, 0, 24, 36], [0, 12, 36, 48]),
        ([], [0, 0, 12, 24], [0, 12, 24, 36]),
    ],
)
def test_times_of_the_note_before(fields: list[str], onset: list[int], end: list[int]) -> None:
    times, _, now = Clock(QUARTERS, ["pitch", *fields])(NOTES, NOW)
    assert times["onset"][0].tolist() == onset
    assert times["end"][0].tolist() == end
    assert now.tolist() == [onset[-1] if "offset" in fields else end[-1]]


@pytest.mark.parametrize("fields", [["offset", "duration"], ["duration"], ["offset"], []])
def test_a_clock_goes_on_where_it_stopped(fields: list[str]) -> None:
    clock = Clock(QUARTERS, fields)
    whole, rhythm, end = clock(NOTES, NOW)
    first, begin, now = clock({name: ids[:, :2] for name, ids in NOTES.items()}, NOW)
    second, rest, now = clock({name: ids[:, 2:] for name, ids in NOTES.items()}, now)
    for name, ticks in whole.items():
        assert torch.equal(torch.cat([first[name], second[name]], 1), ticks)
    assert torch.equal(torch.cat([begin, rest], 1), rhythm)
    assert torch.equal(now, end)


def test_a_rhythm_is_that_of_all_times_that_a_model_has() -> None:
    notes = before([60, 60, 60], [4, 4, 2], [4, 1, 4])
    _, both, _ = Clock(QUARTERS, ["offset", "duration"])(notes, NOW)
    _, one, _ = Clock(QUARTERS, ["duration"])(notes, NOW)
    assert len(set(both[0].tolist())) == 4
    assert one[0, 1] == one[0, 3] != one[0, 2]


def context_of(**options: int) -> EventContext:
    torch.manual_seed(0)
    return EventContext(5, QUARTERS, ["offset", "duration"], ["duration"], **options).eval()


def test_without_options_nothing_is_told_and_nothing_mixed_in() -> None:
    context = context_of()
    told, heard = context.told(NOTES, context.begin(torch.tensor([4])))
    assert (told.shape, context.size, list(context.parameters())) == ((1, 4, 0), 0, [])
    own: Predictions = {k: Categorical(torch.randn(1, 4, QUARTERS[k].size)) for k in NOTES}
    mixed, _ = context.mix_all(own, torch.randn(1, 4, 5), NOTES["pitch"], heard)
    for name, prediction in own.items():
        assert torch.equal(mixed[name].log_probabilities(), prediction.log_probabilities())


TUNE = [60, 62, 64, 65, 67]
LASTS = [4, 1, 2, 3, 8]


def copied_duration(pitch: list[int], duration: list[int]) -> Tensor:
    """What is copied for the note after these, (9,), where long matches count for everything."""
    context = context_of(copy_size=3, copy_matches=3)
    copy = context.copies["duration"]
    assert isinstance(copy, FieldCopy)
    with torch.no_grad():
        copy.tables[0] += 10 * torch.arange(4).repeat_interleave(4)
    notes = before(pitch, duration, duration)
    _, heard = context.told(notes, context.begin(torch.tensor([len(pitch) + 1])))
    n = len(pitch) + 1
    own: Predictions = {k: Categorical(torch.zeros(1, n, QUARTERS[k].size)) for k in notes}
    mixed, _ = context.mix_all(own, torch.zeros(1, n, 5), notes["pitch"], heard)
    return mixed["duration"].log_probabilities()[0, -1].exp()


def test_a_duration_that_came_after_the_same_notes_comes_again() -> None:
    assert copied_duration([*TUNE, *TUNE[:3]], [*LASTS, *LASTS[:3]]).argmax() == 3


def test_what_has_not_come_yet_is_not_copied() -> None:
    shares = copied_duration(TUNE, LASTS)
    torch.testing.assert_close(shares.sum(), torch.tensor(1.0))
    never = [i for i in range(9) if i not in LASTS]
    torch.testing.assert_close(shares[never], shares[never[0]].expand(len(never)))
    assert (shares[LASTS] > shares[never[0]]).all()
