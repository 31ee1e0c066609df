"""Intervals, pitch classes and the tonic that is heard."""

from __future__ import annotations

import torch

from tonerow.models.base import START
from tonerow.models.relative import Relative, rolled

SCALE = [60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60]


def relative() -> Relative:
    torch.manual_seed(0)
    return Relative(4, 128, 3)


def told(pitches: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of one line: the inputs of each note and the one after the last, and the tonics."""
    of, before = relative(), torch.tensor([[START, *pitches]])
    inputs, tonic, _ = of.told(before, of.begin(torch.tensor([len(pitches) + 1])))
    return inputs[0].detach(), tonic[0].detach()


def test_the_tonic_of_a_scale_is_heard_in_every_key() -> None:
    for up in range(12):
        _, tonic = told([pitch + up for pitch in SCALE])
        assert tonic[-1].argmax() == up
        torch.testing.assert_close(tonic[0], torch.full((12,), 1 / 12))  # nothing heard yet


def test_the_same_tune_higher_is_told_alike_but_for_what_counts_from_c() -> None:
    here, there = told(SCALE)[0], told([pitch + 5 for pitch in SCALE])[0]
    from_c = slice(6, 6 + 12)
    torch.testing.assert_close(here[:, :6], there[:, :6])
    torch.testing.assert_close(here[1:, 18:], there[1:, 18:])
    torch.testing.assert_close(here[:, from_c].roll(5, -1), there[:, from_c])


def test_pitch_classes_are_counted_from_c_from_the_pitch_before_and_from_the_tonic() -> None:
    shares = told([60, 62, 74])[0][:, 6:] / 12**0.5
    expected = torch.zeros(3, 24)
    expected[0, [0, 12]] = 1  # C alone
    expected[1, [0, 2, 12 + 10, 12]] = 1 / 2
    expected[2, [0, 12 + 10]] = 1 / 3
    expected[2, [2, 12]] = 2 / 3
    torch.testing.assert_close(shares[1:, :24], expected)


def test_shares_from_the_tonic_are_weighed_by_how_likely_each_is() -> None:
    inputs, tonics = told([pitch + 7 for pitch in SCALE])
    shares, from_tonic, tonic = inputs[-1, 6:18], inputs[-1, 30:], tonics[-1]
    assert tonic[7] > 0.5
    expected = [sum(tonic[k] * shares[(k + j) % 12] for k in range(12)) for j in range(12)]
    torch.testing.assert_close(from_tonic, torch.stack([torch.as_tensor(x) for x in expected]))


def test_what_is_rolled_has_its_columns_turned() -> None:
    matrix = rolled(torch.arange(12.0))
    assert all(matrix[c, k] == (c - k) % 12 for c in range(12) for k in range(12))


def test_steps_hear_the_same_tonic_where_all_classes_are_alike() -> None:
    of, chromatic = relative(), torch.tensor([[START, *range(60, 72), *range(60, 72)]])
    whole, heard = of.told(chromatic, of.begin(torch.tensor([25])))[0], of.begin(torch.tensor([25]))
    for t in range(25):
        step, _, heard = of.told(chromatic[:, t : t + 1], heard)
        torch.testing.assert_close(step[:, 0], whole[:, t])


def test_intervals_and_degrees_have_a_logit_wherever_they_begin() -> None:
    of, out = relative(), torch.ones(1, 2, 4)
    before, tonic = torch.tensor([[60, 62]]), torch.eye(12)[None, [0, 2]]
    logits = of(out, before, tonic)[0].detach()
    torch.testing.assert_close(logits[0, :126], logits[1, 2:])
    assert len(set(logits[0].tolist())) > 100


def test_before_the_first_note_there_is_no_interval() -> None:
    of, tonic = relative(), torch.full((1, 1, 12), 1 / 12)
    logits = of(torch.ones(1, 1, 4), torch.tensor([[START]]), tonic)[0, 0].detach()
    torch.testing.assert_close(logits, logits.mean().expand(128))
