"""The pieces that several architectures share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tonerow.models.base import START
from tonerow.models.layers import Dropout, Places, advance, interval, reverse, run_to_length

MANY = 1 << 18


@pytest.mark.parametrize("share", [0.1, 0.35, 0.9])
def test_dropout_drops_its_share_and_scales_the_rest(share: float) -> None:
    torch.manual_seed(0)
    x = torch.full((MANY // 2, 2), 3.0, requires_grad=True)
    drop = Dropout(share)
    found = drop(x)
    found.sum().backward()
    left = found != 0
    assert float((~left).double().mean()) == pytest.approx(share, abs=0.005)  # 5 sd and more
    torch.testing.assert_close(
        found[left], torch.full_like(found[left], 3 / (1 - share)), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(x.grad, found / 3)
    both = left[:, 0] & left[:, 1]
    assert float(both.double().mean()) == pytest.approx((1 - share) ** 2, abs=0.007)
    assert not torch.equal(drop(x), found)


@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_dropout_drops_nothing_out_of_training_and_all_of_a_whole(share: float) -> None:
    x = torch.ones(3, 5, 7)
    assert torch.equal(Dropout(share).eval()(x), x)
    if share in (0, 1):
        assert torch.equal(Dropout(share)(x), x * (1 - share))


lengths = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(lengths)
def test_run_to_length_is_a_packed_run(rows: list[int]) -> None:
    torch.manual_seed(0)
    lstm, x, length = (
        nn.LSTM(3, 4, batch_first=True),
        torch.randn(len(rows), 9, 3),
        torch.tensor(rows),
    )
    packed = nn.utils.rnn.pack_padded_sequence(x, length, batch_first=True, enforce_sorted=False)
    expected, (hidden, cell) = lstm(packed)
    padded, _ = nn.utils.rnn.pad_packed_sequence(expected, batch_first=True, total_length=9)
    found, last_hidden, last_cell = run_to_length(lstm, x, length)
    torch.testing.assert_close(found, padded)
    torch.testing.assert_close(last_hidden, hidden[0])
    torch.testing.assert_close(last_cell, cell[0])


@given(lengths)
def test_reverse_turns_each_row_within_its_length(rows: list[int]) -> None:
    x = torch.arange(len(rows) * 9).view(len(rows), 9)
    found = reverse(x, torch.tensor(rows))
    for row, before, n in zip(found.tolist(), x.tolist(), rows, strict=True):
        assert row == before[:n][::-1] + before[n:]


@pytest.mark.parametrize("of", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_note_by_note_is_the_whole_sequence(
    of: type[nn.RNN | nn.LSTM | nn.GRU], layers: int, training: bool
) -> None:
    torch.manual_seed(0)
    rnn, x = of(3, 4, layers, batch_first=True).train(training), torch.randn(5, 6, 3)
    expected, last = rnn(x)
    state, outputs = None, []
    for t in range(6):
        out, state = advance(rnn, x[:, t, None], state)
        outputs.append(out)
    torch.testing.assert_close(torch.cat(outputs, 1), expected)
    torch.testing.assert_close(state, last)


def test_an_interval_is_known_between_two_pitches() -> None:
    earlier, pitch = torch.tensor([START, 60, 0, 127]), torch.tensor([60, START, 127, 0])
    assert interval(earlier, pitch, -500).tolist() == [-500, -500, 127, -127]


def test_places_come_again_after_ninety_six_beats_and_no_sooner() -> None:
    torch.manual_seed(0)
    places, n = Places(3, ("onset", "remaining")), 96 * 24
    ticks = torch.arange(2 * n)[None]
    embedded = places({"onset": ticks, "remaining": ticks.flip(1)})[0]  # (2 n, 24)
    assert embedded.shape == (2 * n, places.size)
    assert torch.equal(embedded[:n], embedded[n:])
    assert len(torch.unique(embedded, dim=0)) == n
