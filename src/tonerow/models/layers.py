"""The parts that several architectures share: rows of different length, intervals, rhythm, places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import Notes
from tonerow.models.vocabulary import TICKS_PER_BEAT

CHANCES = 1 << 16
"""A share that is dropped is a whole number of these parts."""


class Dropout(nn.Dropout):
    """As PyTorch's, but on a CPU it draws four numbers of 16 bits at once, in a fifth of the time."""

    def forward(self, x: Tensor) -> Tensor:
        """Drops each number of x (...) with probability `p`, and scales the others, in training."""
        dropped = round(self.p * CHANCES)
        if not self.training or dropped in (0, CHANCES) or x.device.type != "cpu":
            return super().forward(x)
        drawn = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
        chances = drawn.view(torch.int16)[: x.numel()].view(x.shape)  # all 16 bits of each
        kept = (chances >= dropped - CHANCES // 2).to(x.dtype)
        return x * kept.mul_(CHANCES / (CHANCES - dropped))


def reverse(x: Tensor, length: Tensor) -> Tensor:
    """Reverses each row of (B, L, ...) within its own length; padding stays where it is."""
    at = torch.arange(x.shape[1], device=x.device).expand(x.shape[0], -1)
    index = torch.where(at < length[:, None], length[:, None] - 1 - at, at)
    return x.gather(1, index.view(*index.shape, *[1] * (x.dim() - 2)).expand_as(x))


def run_to_length(lstm: nn.LSTM, x: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Runs a one-layer LSTM over rows of different length.

    The result is that of a packed sequence. It is computed in one dense call per distinct length,
    because the dense kernel is two to five times faster on a CPU than the packed one.

    Args:
        lstm: one layer, one direction, batch_first.
        x: (B, L, I), padded at the end.
        length: (B,), 1..L.

    Returns:
        outputs (B, L, H), zero at padding, and each row's final hidden and cell state, (B, H).
    """
    order = length.argsort(descending=True, stable=True)
    x, sorted_length = x[order], length[order]
    ends = sorted(set(sorted_length.tolist()))
    state: tuple[Tensor, Tensor] | None = None
    outputs, finals, done = [], [], 0
    for end in ends:
        active = int((sorted_length >= end).sum())
        if state is not None:
            finals.append((state[0][0, active:], state[1][0, active:]))
            state = (state[0][:, :active].contiguous(), state[1][:, :active].contiguous())
        piece, state = lstm(x[:active, done:end], state)
        outputs.append(F.pad(piece, (0, 0, 0, 0, 0, len(x) - active)))
        done = end
    assert state is not None
    finals.append((state[0][0], state[1][0]))
    if done < x.shape[1]:
        outputs.append(x.new_zeros(len(x), x.shape[1] - done, lstm.hidden_size))
    back = order.argsort()
    hidden = torch.cat([h for h, _ in reversed(finals)])[back]
    cell = torch.cat([c for _, c in reversed(finals)])[back]
    return torch.cat(outputs, 1)[back], hidden, cell


CELLS: dict[str, Callable[..., Any]] = {
    "LSTM": torch.lstm_cell,
    "GRU": torch.gru_cell,
    "RNN_TANH": torch.rnn_tanh_cell,
}
"""One step of a layer, by `nn.RNNBase.mode`."""


def advance(rnn: nn.RNNBase, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """`rnn(x, state)`, but faster where it goes on by one note on a CPU.

    The kernel of an LSTM for sequences lays the weights out anew in each call, which for one note takes
    two to four times as long as the product with them. A cell does not.

    Args:
        rnn: batch_first.
        x: (B, n, I).
        state: as the module's own: None is zeros.

    Returns:
        outputs (B, n, H), and the state after them.
    """
    one_note = x.shape[1] == 1 and x.device.type == "cpu" and not rnn.training
    if not one_note or rnn.mode not in CELLS or rnn.bidirectional or rnn.proj_size:
        outputs, state = rnn(x, state)
        return outputs, state
    is_lstm, out, after = rnn.mode == "LSTM", x[:, 0], []
    if state is None:
        zeros = x.new_zeros(rnn.num_layers, len(x), rnn.hidden_size)
        state = (zeros, zeros) if is_lstm else zeros
    layers = zip(*state, strict=True) if is_lstm else state
    for before, weights in zip(layers, rnn.all_weights, strict=True):
        after.append(CELLS[rnn.mode](out, before, *weights))
        out = after[-1][0] if is_lstm else after[-1]
    if is_lstm:
        return out[:, None], tuple(torch.stack(states) for states in zip(*after, strict=True))
    return out[:, None], torch.stack(after)


def interval(earlier: Tensor, pitch: Tensor, none: Tensor | int) -> Tensor:
    """Semitones (...) from one pitch (...) to another; `none` where either is none, below 0."""
    return torch.where((earlier >= 0) & (pitch >= 0), pitch - earlier, none)


def rhythm_ids(given: Notes) -> Tensor:
    """A number for each note's rest and duration: int64 (B, L), from `Batch.given`."""
    rest, duration = given["ticks"].clamp(0, (1 << 15) - 1).unbind(-1)
    return (rest << 15) + duration


def zeroed(layer: nn.Linear) -> nn.Linear:
    """The layer, which answers 0 until it has learned."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class RhythmEncoder(nn.Module):
    """Linear 2 -> hidden, then a bidirectional LSTM over the whole line's rhythm.

    The two directions are two LSTMs (with the parameters of one bidirectional LSTM): the backward
    one reads each row reversed within its own length, so that padding touches neither.

    Args:
        hidden_size: units of each direction, and of the projection before.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(2, hidden_size)
        self.forwards = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.backwards = nn.LSTM(hidden_size, hidden_size, batch_first=True)

    def forward(self, rhythm: Tensor, length: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Encodes rhythm (B, L, 2) = (rest before the note, its duration), normalised.

        Returns:
            outputs (B, L, 2 * hidden) and the forward LSTM's final (hidden, cell), each (B, hidden).
        """
        x = self.project(rhythm)
        ahead, hidden, cell = run_to_length(self.forwards, x, length)
        back = reverse(self.backwards(reverse(x, length))[0], length)
        return torch.cat([ahead, back], -1), (hidden, cell)


class Places(nn.Module):
    """Embeds where notes stand in bars and in phrases, from several points in time.

    A bar is a group of three and of four beats, a place in it a tick. A phrase is eight of either, a
    place in it a whole beat: tunes come to rest where one ends. Which of these says something depends
    on the metre and on a pickup; the model finds out.

    Args:
        size: of each embedding.
        times: names of the times that a group is counted in.
    """

    BARS = 3, 4
    PHRASES = 24, 32

    def __init__(self, size: int, times: Sequence[str]) -> None:
        super().__init__()
        groups = [(beats * TICKS_PER_BEAT, 1) for beats in self.BARS]
        groups += [(beats, TICKS_PER_BEAT) for beats in self.PHRASES]
        self.places = [(name, *group) for name in times for group in groups]
        self.embeddings = nn.ModuleList([nn.Embedding(n, size) for _, n, _ in self.places])
        self.size = len(self.places) * size

    def forward(self, given: Notes) -> Tensor:
        """From ticks (B, L) by the name of the time to (B, L, self.size)."""
        embedded = [
            embedding(given[name] // step % n)
            for embedding, (name, n, step) in zip(self.embeddings, self.places, strict=True)
        ]
        return torch.cat(embedded, -1)
