"""What counting the training pieces tells of the next pitch: n-grams, as experts inside a network.

An n-gram looks at a line from one viewpoint (Conklin and Witten, 1995): at what it is given of the
note itself, and at up to so many notes before. What came next in the training pieces is counted once;
how far each length of context is trusted, and each n-gram at each note, is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import START
from tonerow.models.layers import interval, zeroed

UNKNOWN = START - 1
"""Stands for what lies before a window that begins inside a piece: no context of train holds it."""
BLOCK = 1024
"""Notes whose counts are held at once: 30 MB for 60 contexts."""
MOST_PITCHES = 1 << 7
"""The low 7 bits of a context's hash are free: with what came after it, it is one number."""
MULTIPLIER = 0x9E3779B97F4A7C15 - (1 << 64)
"""Of the hashes: 2^64 by the golden ratio (Knuth), odd."""
LEAST = 1e-7
"""Probability that an n-gram gives at least: the smallest float32 steps below 1."""

Columns = Mapping[str, Tensor]
"""By name int64 (B, n), of n notes: "pitch" >= `UNKNOWN`, that before each, and what else there is."""


@dataclass(frozen=True)
class Past:
    """What has been heard of lines.

    Attributes:
        length: int64 (B,), how many notes each has.
        columns: those that contexts are made of, of as many of the last notes as a context holds.
    """

    length: Tensor
    columns: Columns


@dataclass(frozen=True)
class Viewpoint:
    """What an n-gram looks at.

    Attributes:
        past: columns, of each note before; "interval", the one to its pitch, is found here.
        given: columns, of the note itself.
        moved: count the intervals from the pitch before, modulo V; else the pitches.
    """

    past: tuple[str, ...]
    given: tuple[str, ...] = ()
    moved: bool = False


GIVEN_RHYTHM = (
    Viewpoint(("pitch",)),
    Viewpoint(("interval",), moved=True),
    Viewpoint(("pitch",), ("place_in_4",)),
    Viewpoint(("pitch",), ("place_in_3",)),
    Viewpoint(("interval",), ("place_in_4",), moved=True),
    Viewpoint(("pitch", "rhythm"), ("duration",)),
)
"""Where the note's own rhythm is given: as the rival that sees it (`tonerow.evaluation.viewpoints`)."""

OWN_RHYTHM = (
    Viewpoint(("pitch",)),
    Viewpoint(("interval",), moved=True),
    Viewpoint(("pitch",), ("end_in_4",)),
    Viewpoint(("interval",), ("end_in_4",), moved=True),
    Viewpoint(("pitch", "rhythm")),
)
"""Where only the rhythm of the notes before is known."""


@dataclass(frozen=True)
class Foretold:
    """What n-grams tell of n notes.

    Attributes:
        log_p: (B, n, E, V), of each of E n-grams.
        sure: (B, n, 2 E), how many lengths of context each has met, and the log of what it holds most
            likely.
    """

    log_p: Tensor
    sure: Tensor


class NgramExperts(nn.Module):
    """n-grams of the training pieces, and what a network makes of them.

    With N counts of T different pitches after a context, its share of what is foretold is
    N / (N + w T), and the rest is the next shorter context's (Witten and Bell, 1991); the w of each
    length is learned. Each n-gram's log-probabilities, times a factor that depends on the decoder's
    output, are added to the decoder's logits: a product of experts (Hinton, 2002).

    A piece counts once for each pitch after a context. While training, what a piece itself has added is
    taken out again, as far as it lies in the same window (and is not its last note). Else the network
    would learn to trust the counts too much.

    Args:
        hidden_size: H, size of the decoder's output.
        n_pitches: V.
        longest: notes in the longest context.
        viewpoints: of each n-gram.
    """

    def __init__(
        self, hidden_size: int, n_pitches: int, longest: int, viewpoints: Sequence[Viewpoint]
    ) -> None:
        super().__init__()
        if n_pitches > MOST_PITCHES:
            raise ValueError(f"n-grams know {MOST_PITCHES} pitches at most, not {n_pitches}")
        self.n_pitches, self.longest, self.viewpoints = n_pitches, longest, viewpoints
        self.lengths = [1 + bool(of.given) + longest for of in viewpoints]
        """Contexts of each n-gram: nothing, what is given, and 1 to `longest` notes."""
        past = {name for of in viewpoints for name in of.past}
        self.past = sorted(past - {"interval"} | {"pitch"})
        moved = [of.moved for of, n in zip(viewpoints, self.lengths, strict=True) for _ in range(n)]
        self.register_buffer("moved", torch.tensor(moved), persistent=False)
        self.log_weights = nn.Parameter(torch.ones(len(moved)))
        self.factors = zeroed(nn.Linear(hidden_size, len(viewpoints)))
        nn.init.constant_(self.factors.bias, 1 / len(viewpoints))
        self.by_sure = zeroed(nn.Linear(2 * len(viewpoints), len(viewpoints)))
        nothing = torch.empty(0, dtype=torch.int64)
        self._set_tables(nothing, nothing)

    moved: Tensor

    def _set_tables(self, pairs: Tensor, counts: Tensor) -> None:
        """Sets what has been counted.

        Args:
            pairs: int64 (P,), rising: of a context, and a pitch or an interval that came after it.
            counts: int64 (P,), in how many pieces.
        """
        hashes, sizes = torch.unique_consecutive(pairs & -MOST_PITCHES, return_counts=True)
        self.register_buffer("hashes", hashes)  # (C,), of the contexts
        self.register_buffer("first", F.pad(sizes.cumsum(0), (1, 0)).int())  # of their pairs
        self.register_buffer("symbols", (pairs % MOST_PITCHES).to(torch.uint8))
        self.register_buffer("counts", counts.int())

    hashes: Tensor
    first: Tensor
    symbols: Tensor
    counts: Tensor

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *rest: Any, **more: Any
    ) -> None:
        """Makes room for as many counts as there are."""
        for name in ("hashes", "first", "symbols", "counts"):
            own, saved = self.get_buffer(name), state_dict.get(prefix + name)
            if saved is not None:
                self.register_buffer(name, own.new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest, **more)

    def begin(self, length: Tensor) -> Past:
        """Before the first note of lines; length (B,)."""
        return Past(length, {name: length.new_empty(len(length), 0) for name in self.past})

    def _keys(self, columns: Columns, past: Past) -> tuple[Tensor, Past]:
        """A hash of every context of n notes, (B, n, K), and what has been heard then.

        The low 7 bits are 0.
        """
        n, before = columns["pitch"].shape[1], columns["pitch"]
        so_far = {name: torch.cat([past.columns[name], columns[name]], 1) for name in self.past}
        begun = torch.where(so_far["pitch"][:, :1] == START, START, UNKNOWN)
        begun = begun.expand(-1, self.longest)
        lines = {name: torch.cat([begun, own], 1) for name, own in so_far.items()}
        lines["interval"] = _intervals(lines["pitch"])
        keys = []
        for i, of in enumerate(self.viewpoints):
            key = extended(torch.zeros_like(before), torch.full_like(before, i))
            if of.moved:  # the first pitch of a piece, which no interval leads to, counts as it is
                key = extended(key, (before == START).long())
            keys.append(key)
            for name in of.given:
                key = extended(key, columns[name])
            keys += [key] if of.given else []
            for back in range(self.longest):
                for name in of.past:
                    end = lines[name].shape[1] - back
                    key = extended(key, lines[name][:, end - n : end])
                keys.append(key)
        kept = {name: column[:, -self.longest :] for name, column in so_far.items()}
        return torch.stack(keys, -1) & -MOST_PITCHES, Past(past.length, kept)

    def _symbols(self, pitch: Tensor, before: Tensor) -> Tensor:
        """What each context counts, (..., K), where `pitch` (...) came and `before` (...) before it."""
        interval = (pitch - before.clamp(min=0)) % self.n_pitches
        return torch.where(self.moved, interval[..., None], pitch[..., None])

    def fill(self, pieces: Iterator[tuple[Columns, Tensor]]) -> None:
        """Counts in how many pieces each pitch comes after each context.

        Args:
            pieces: of each the columns (1, n) and its pitches (1, n).
        """
        parts = [torch.empty(0, dtype=torch.int64, device=self.moved.device)]
        for columns, pitch in pieces:
            keys = self._keys(columns, self.begin(pitch[:, 0]))[0]  # (1, n, K)
            parts.append(torch.unique(keys + self._symbols(pitch, columns["pitch"])))
        self._set_tables(*torch.unique(torch.cat(parts), return_counts=True))

    def foretell(self, columns: Columns, past: Past) -> tuple[Foretold, Past]:
        """Looks up n notes.

        Args:
            columns: of these notes.
            past: the notes before them.

        Returns:
            What is foretold, and what has been heard then.
        """
        keys, heard = self._keys(columns, past)
        rows = max(1, BLOCK // keys.shape[1])
        of = keys, columns["pitch"], past.length
        blocks = zip(*(torch.split(tensor, rows) for tensor in of), strict=True)
        log_p, sure = zip(*(self._foretold(*block) for block in blocks), strict=True)
        return Foretold(torch.cat(log_p), torch.cat(sure)), heard

    def forward(self, out: Tensor, foretold: Foretold) -> Tensor:
        """What is added to the logits of n notes, (B, n, V).

        Args:
            out: (B, n, H), the decoder's outputs.
            foretold: of these notes.
        """
        factors = self.factors(out) + self.by_sure(foretold.sure)  # (B, n, E)
        added: Tensor = (factors[..., None, :] @ foretold.log_p).squeeze(-2)
        return added

    def _foretold(self, keys: Tensor, before: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """`log_p` and `sure` of rows of notes, from hashes (B, n, K) and the pitches before (B, n)."""
        counts = self._counts(keys)  # (B, n, K, V)
        if self.training:
            counts = self._without_own(counts, keys, before, length)
        total, different = counts.sum(-1), (counts > 0).sum(-1)  # (B, n, K)
        known = total > 0
        kept = different * self.log_weights.exp()
        kept = torch.where(known, kept / (total + kept).clamp(min=LEAST), 1.0)  # for the shorter
        pitches = torch.arange(self.n_pitches, device=before.device)
        interval = (pitches - before.clamp(min=0)[..., None]) % self.n_pitches  # (B, n, V)
        parts = (torch.split(x, self.lengths, 2) for x in (counts, total, kept))
        log_p = []
        for of, (own, n, left) in zip(self.viewpoints, zip(*parts, strict=True), strict=True):
            longer = (left.log() @ left.new_ones(left.shape[-1], left.shape[-1] + 1).tril()).exp()
            # (B, n, K + 1): the product of `left` from each length on, 1 behind the last
            share = longer[..., 1:] * (1 - left) / n.clamp(min=1)  # of each count
            p = (share[..., None, :] @ own).squeeze(-2) + longer[..., :1] / self.n_pitches
            p = p.gather(-1, interval) if of.moved else p
            log_p.append(p.clamp(min=LEAST).log())
        met = torch.stack([of.sum(-1) for of in torch.split(known, self.lengths, -1)], -1)
        likeliest = torch.stack([own.detach().amax(-1) for own in log_p], -1)
        return torch.stack(log_p, 2), torch.cat([met / self.longest, likeliest], -1)

    def _counts(self, keys: Tensor) -> Tensor:
        """In how many pieces each pitch or interval came after contexts (...): float (..., V)."""
        counts = keys.new_zeros(keys.numel(), self.n_pitches, dtype=torch.float32)
        if len(self.hashes) == 0:
            return counts.view(*keys.shape, self.n_pitches)
        key = keys.flatten()
        at = torch.searchsorted(self.hashes, key).clamp(max=len(self.hashes) - 1)
        row = (self.hashes[at] == key).nonzero().squeeze(-1)  # of those that have been met
        begin, end = self.first[at[row]].long(), self.first[at[row] + 1].long()
        sizes = end - begin
        done = sizes.cumsum(0) - sizes
        pair = torch.arange(int(sizes.sum()), device=key.device)
        pair = pair + (begin - done).repeat_interleave(sizes)
        counts[row.repeat_interleave(sizes), self.symbols[pair].long()] = self.counts[pair].float()
        return counts.view(*keys.shape, self.n_pitches)

    def _without_own(self, counts: Tensor, keys: Tensor, before: Tensor, length: Tensor) -> Tensor:
        """Counts (B, n, K, V) less what each row has added itself, as far as its notes tell.

        What came at the last note is not among the pitches before: its own contexts count as never met.
        """
        row = torch.arange(len(keys), device=keys.device)
        by_row = extended(keys, row[:, None, None].expand_as(keys))
        groups, group = torch.unique(by_row, return_inverse=True)
        known = torch.arange(keys.shape[1] - 1, device=keys.device) < length[:, None] - 1
        came = self._symbols(before[:, 1:], before[:, :-1])
        own = counts.new_zeros(len(groups), self.n_pitches)
        own[group[:, :-1][known], came[known]] = 1.0
        counts = (counts - own[group]).clamp(min=0)
        counts[row, length - 1] = 0.0
        return counts


def extended(key: Tensor, value: Tensor) -> Tensor:
    """Hashes (...) of contexts that hold one more value (...); int64, which overflows."""
    key = (key ^ (value - UNKNOWN)) * MULTIPLIER
    return key ^ ((key >> 29) & ((1 << 35) - 1))  # without the sign: no two keys become one


def _intervals(pitch: Tensor) -> Tensor:
    """The interval to each pitch (B, T) >= `UNKNOWN` from the one before it, as a column."""
    earlier = F.pad(pitch, (1, 0), value=UNKNOWN)[:, :-1]
    return interval(earlier, pitch, torch.minimum(earlier, pitch) - 128)  # no interval is as wide
