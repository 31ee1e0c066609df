"""The parts that several architectures share: rows of different length, rhythm, copying."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)


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


class CopyHead(nn.Module):
    """Lets a decoder repeat what came after similar moments of the same sequence.

    At t it compares the decoder's output with those of all s < t. The softmax over these
    comparisons and one sentinel shares out the probability: what falls to s goes to the class that
    came at s, what falls to the sentinel to the decoder's own distribution. This is the pointer
    sentinel mixture (Merity, Xiong, Bradbury and Socher, 2017) with classes of the decoder's own
    earlier outputs as the memory.

    Args:
        hidden_size: H, size of the decoder's output.
        size: of the queries and keys.
    """

    def __init__(self, hidden_size: int, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden_size, size)
        self.key = nn.Linear(hidden_size, size)
        self.sentinel = nn.Parameter(torch.zeros(size))

    def forward(
        self, logits: Tensor, out: Tensor, before: Tensor, memory: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Mixes copying into the predictions of n notes.

        Args:
            logits: (B, n, V), the decoder's own.
            out: (B, n, H), the decoder's outputs.
            before: int64 (B, n), the class before each note; `START` before the first.
            memory: keys (B, m, size) of the m notes before, and `before` (B, m) of these; None
                before the first.

        Returns:
            log-probabilities (B, n, V), and the memory after these notes.
        """
        keys = self.key(out)  # (B, n, size)
        if memory is not None:
            keys, before = torch.cat([memory[0], keys], 1), torch.cat([memory[1], before], 1)
        n, total, size = out.shape[1], keys.shape[1], keys.shape[2]  # total = m + n
        query = self.query(out) / size**0.5  # (B, n, size)
        at = torch.arange(total, device=out.device)
        later = at >= at[total - n :, None]  # (n, m + n)
        scores = torch.bmm(query, keys.transpose(1, 2)).masked_fill(later, float("-inf"))
        sentinel = (query @ self.sentinel)[..., None]  # (B, n, 1)
        scores = torch.cat([sentinel, scores], -1).log_softmax(-1)  # (B, n, 1 + m + n)
        # what came at s is what stands before s + 1; the last has not come yet and is masked
        came = F.one_hot(before.roll(-1, 1).clamp(min=0), logits.shape[-1]).to(scores.dtype)
        copied = torch.bmm(scores[..., 1:].exp(), came)  # (B, n, m + n) x (B, m + n, V)
        own = logits.log_softmax(-1) + scores[..., :1]  # (B, n, V)
        return torch.logaddexp(own, copied.clamp(min=1e-30).log()), (keys, before)
