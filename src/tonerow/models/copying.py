"""Copying from earlier in the piece, told what makes a place worth copying.

`InformedCopy` scores the earlier notes by how far their surroundings agree with those of the note to
come (`tonerow.models.pairs`), among other evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import START
from tonerow.models.layers import rhythm_ids, zeroed
from tonerow.models.pairs import (
    DISTANCES,
    distance_classes,
    folded,
    intervals,
    lookup,
    matched_back,
    matched_next,
    matches,
    not_yet,
)

WIDEST = 24
"""Semitones of the widest interval that can be copied."""
INTERVALS = 2 * WIDEST + 1
"""Classes of intervals: down, none, up."""

AHEAD = 32
"""Steps for which what the given rhythm tells is worked out at once."""

LEAST = 1e-30
"""Probability below which a logarithm is not taken."""


def rising_with(longest: int) -> Tensor:
    """What a match of 0 to `longest` notes counts before any training, (longest + 1,)."""
    return (0.5 * torch.arange(longest + 1) - 5).clamp(max=2.0)


@dataclass(frozen=True)
class Line:
    """What is known of the time of lines.

    Attributes:
        behind: int32 (B, L), equal where the rhythm of the notes before is.
        onset: int (B, L), ticks; of the notes before where those of the notes themselves are not known.
        rhythm: int32 (B, L), equal where rest and duration of the notes are, if they are given;
            padding is equal to nothing.
    """

    behind: Tensor
    onset: Tensor
    rhythm: Tensor | None = None

    def longer(self, behind: Tensor, onset: Tensor) -> Line:
        """The line with n more notes, (B, n), whose own rhythm is not known."""
        return Line(torch.cat([self.behind, behind], 1), torch.cat([self.onset, onset], 1))


@dataclass(frozen=True)
class Rows:
    """What the time of lines tells of some notes t, beside all notes s up to the last of them.

    Attributes:
        first: the first t.
        ahead: uint8 (B, rows, T), how far the rhythm agrees from t and s on; a single 0 where it is not
            known.
        apart: int (B, rows, T), ticks from s to t, folded; 0 for a later note.
    """

    first: int
    ahead: Tensor
    apart: Tensor

    @property
    def end(self) -> int:
        """One beyond the last t."""
        return self.first + self.apart.shape[1]

    def row(self, t: int) -> tuple[Tensor, Tensor]:
        """`ahead` and `apart` of one t, (B, 1, t + 1), where the rhythm is known."""
        at = t - self.first
        return self.ahead[:, at, None, : t + 1], self.apart[:, at, None, : t + 1]


@dataclass(frozen=True)
class Memory:
    """What has been heard of lines.

    Attributes:
        line: what is known of their time.
        before: int64 (B, m), the pitches before the first m notes.
        keys: (B, m, size), of these notes.
        runs: none, or three of uint8 (B, m): how far pitches, rhythm and intervals agree backwards
            from the last of them and each.
        rows: what time tells of the notes next to come, where it is given.
    """

    line: Line
    before: Tensor
    keys: Tensor
    runs: tuple[Tensor, ...] = ()
    rows: Rows | None = None


@dataclass(frozen=True)
class Came:
    """What came at each of T places, for shares that are added up by it.

    Attributes:
        ids: int64 (B, T), below `size`.
        size: V, how many there are.
        one_hot: (B, T, V), or None.
    """

    ids: Tensor
    size: int
    one_hot: Tensor | None

    @classmethod
    def of(cls, ids: Tensor, size: int, n: int) -> Came:
        """For the shares of n places."""
        # one place is added up as it is, but for GPUs, which would not do it in the same order again
        few = n == 1 and not ids.is_cuda
        return cls(ids, size, None if few else F.one_hot(ids, size).float())

    def added_up(self, shares: Tensor) -> Tensor:
        """Shares (B, n, T) by what came there: (B, n, V)."""
        if self.one_hot is not None:
            return torch.bmm(shares, self.one_hot)
        none = shares.new_zeros(len(shares), self.size)
        return none.scatter_add(1, self.ids, shares[:, 0])[:, None]


@dataclass(frozen=True)
class Evidence:
    """What speaks for copying from each of T notes, for the last n of them.

    Attributes:
        before: int64 (B, n), the pitch before each.
        came: the pitch that came at each note.
        step: the interval that came there.
        barred: bool (B, n, 1 + 2 T): False for the sentinel, then whether each pitch and then whether
            each interval cannot be copied.
        matched: uint8, two of (B, n, T): how far the pitches before agree, and how far the rhythm.
        apart: int (B, n, T), ticks between the notes, folded.
        pitch: three of (B, n, T), the numbers that speak for the pitch that came.
        moved: three of (B, n, T), the numbers that speak for the interval that came.
    """

    before: Tensor
    came: Came
    step: Came
    barred: Tensor
    matched: tuple[Tensor, Tensor]
    apart: Tensor
    pitch: list[Tensor]
    moved: list[Tensor]


class InformedCopy(nn.Module):
    """Lets a decoder repeat what came earlier, by how well the surroundings agree.

    At t every earlier note s is scored by three tables of learned numbers: of (how far the pitches
    before both agree, how far the rhythm agrees from both on), of (how far pitch and rhythm agree
    together, how far the intervals do) and of the time between the two. Each is scaled by 1 + a
    linear map of the decoder's output; a scaled product of a query of t and a key of s is added. One
    softmax shares out the probability among a sentinel, which stands for the decoder's own
    distribution, all s, each for the pitch that came there, and all s once more for the interval that
    came there, from the pitch before t. The copies of intervals have three tables of their own, the
    first of how far the intervals agree in place of the pitches.

    After the pointer sentinel mixture (Merity, Xiong, Bradbury and Socher, 2017).

    Args:
        hidden_size: H, size of the decoder's output.
        size: of queries and keys.
        longest: longer matches count as this long.
        n_pitches: V.
        whole_rhythm: whether the rhythm after t may be known; else rhythms are compared at t alone,
            or if that of t is not given not at all.
    """

    def __init__(
        self, hidden_size: int, size: int, longest: int, n_pitches: int, whole_rhythm: bool
    ) -> None:
        super().__init__()
        self.longest, self.n_pitches, self.whole_rhythm = longest, n_pitches, whole_rhythm
        self.size = n_pitches + 1
        """Of what `guess` returns."""
        self.register_buffer("distances", distance_classes(), persistent=False)
        wide = longest + 1
        # a longer match counts for more from the start, for a pitch more than for an interval
        rising = rising_with(longest).repeat_interleave(wide)
        rest = torch.zeros(wide * wide), torch.zeros(DISTANCES)
        self.pitch = nn.ParameterList([rising, *(table.clone() for table in rest)])
        self.moved = nn.ParameterList([rising - 2, *(table.clone() for table in rest)])
        self.gain = zeroed(nn.Linear(hidden_size, 6))
        self.sentinel = zeroed(nn.Linear(hidden_size, 1))
        self.query, self.key = nn.Linear(hidden_size, size), nn.Linear(hidden_size, size)

    distances: Tensor

    def begin(self, given: Mapping[str, Tensor], length: Tensor) -> Memory:
        """The memory before the first note of lines.

        Args:
            given: `ticks` (B, L, 2) and `onset` (B, L), see `Batch`.
            length: int64 (B,).
        """
        rhythm, onset = rhythm_ids(given).int(), given["onset"].clamp(max=1 << 30).int()  # (B, L)
        at = torch.arange(rhythm.shape[1], device=rhythm.device, dtype=torch.int32)
        rhythm = torch.where(at < length[:, None], rhythm, -1 - at)
        return self._nothing_yet(Line(F.pad(rhythm, (1, 0), value=-1)[:, :-1], onset, rhythm))

    def begin_without_rhythm(self, length: Tensor) -> Memory:
        """The memory before the first note of lines (B,) of whose time nothing is given."""
        empty = length.new_empty(len(length), 0)  # (B, 0)
        return self._nothing_yet(Line(empty.int(), empty))

    def _nothing_yet(self, line: Line) -> Memory:
        no_pitches = line.onset[:, :0].long()
        keys = self.key.weight.new_empty(len(no_pitches), 0, self.key.out_features)
        return Memory(line, no_pitches, keys)

    def recall(self, before: Tensor, memory: Memory) -> tuple[Evidence, Memory]:
        """Compares the next n notes with all T up to them.

        Args:
            before: int64 (B, n), the pitch before each note; `START` before a piece's first.
            memory: of the notes before these.

        Returns:
            The evidence, and the memory with `before`; its keys follow in `forward`.
        """
        n = before.shape[1]
        memory = replace(memory, before=torch.cat([memory.before, before], 1))
        before, wide = memory.before, self.longest + 1
        keys = before, memory.line.behind[:, : before.shape[1]], intervals(before)
        if n == 1 and memory.runs:
            runs = zip(keys, memory.runs, strict=True)
            pitch, rhythm, moved = (matched_next(*run, self.longest) for run in runs)
        else:
            pitch, rhythm, moved = (matched_back(key, n, self.longest) for key in keys)
        memory = replace(memory, runs=(pitch[:, -1], rhythm[:, -1], moved[:, -1]))
        both = torch.minimum(pitch, rhythm).int() * wide + moved
        ahead, apart, memory = self._of_time(memory, n)
        came = self._what_came(before, n)
        by_pitch = self._looked_up(self.pitch, pitch.int() * wide + ahead, both, apart)
        by_interval = self._looked_up(self.moved, moved.int() * wide + ahead, both, apart)
        matched = pitch, rhythm
        return Evidence(before[:, -n:], *came, matched, apart, by_pitch, by_interval), memory

    def _looked_up(self, tables: nn.ParameterList, *indices: Tensor) -> list[Tensor]:
        """The numbers (B, n, T) of the three tables."""
        by_distance = tables[2].index_select(0, self.distances)
        of = zip((tables[0], tables[1], by_distance), indices, strict=True)
        return [lookup(table, index) for table, index in of]

    def _of_time(self, memory: Memory, n: int) -> tuple[Tensor, Tensor, Memory]:
        """`ahead` and `apart` (B, n, T) of the last n notes, see `Rows`, and the memory with these."""
        total = memory.before.shape[1]
        if n > 1 or memory.line.rhythm is None:
            these = self._rows(memory.line, total - n, total)
            return these.ahead, these.apart, memory
        rows = memory.rows
        if rows is None or total > rows.end:
            end = min(total - 1 + AHEAD, memory.line.rhythm.shape[1])
            rows = self._rows(memory.line, total - 1, end)
        return *rows.row(total - 1), replace(memory, rows=rows)

    def _rows(self, line: Line, first: int, end: int) -> Rows:
        """What time tells of the notes from the first to the one before `end`."""
        onset = line.onset[:, :end]
        apart = folded((onset[:, first:, None] - onset[:, None]).clamp_(min=0))
        if line.rhythm is None:
            return Rows(first, apart.new_zeros(()), apart)
        far = self.longest if self.whole_rhythm else 1
        known = line.rhythm[:, : end + far - 1]
        same = known[:, first:, None] == known[:, None]
        ahead = matches(same, same.shape[1], far, forwards=True)
        return Rows(first, ahead[:, : end - first, :end], apart)

    def _what_came(self, before: Tensor, n: int) -> tuple[Came, Came, Tensor]:
        """`came`, `step` and `barred` of `Evidence`."""
        came = before.roll(-1, 1)  # the last has not come yet and is barred
        came_by = came - before + WIDEST
        known = (before != START) & (came_by >= 0) & (came_by < INTERVALS)  # (B, T)
        later = not_yet(before, n).expand(len(before), -1, -1)  # (B, n, T)
        nothing = (before[:, -n:] == START)[..., None]  # (B, n, 1)
        barred = [torch.zeros_like(nothing), later, later | ~known[:, None] | nothing]
        pitch = Came.of(came.clamp(min=0), self.n_pitches, n)
        step = Came.of(torch.where(known, came_by, 0), INTERVALS, n)
        return pitch, step, torch.cat(barred, -1)

    def guess(self, of: Evidence) -> Tensor:
        """What the tables alone would copy: (B, n, V + 1), the sentinel's share last."""
        sentinel = torch.zeros_like(of.pitch[0][..., :1])
        return self._copied(
            [sentinel, torch.stack(of.pitch).sum(0), torch.stack(of.moved).sum(0)], of
        )

    def forward(
        self, logits: Tensor, out: Tensor, of: Evidence, memory: Memory
    ) -> tuple[Tensor, Memory]:
        """Mixes copying into the predictions of n notes.

        Args:
            logits: (B, n, V), the decoder's own.
            out: (B, n, H), the decoder's outputs.
            of: evidence of the n notes.
            memory: with their `before`.

        Returns:
            log-probabilities (B, n, V), up to what is lost by copies that leave the range of pitches;
            and the memory with their keys.
        """
        keys = torch.cat([memory.keys, self.key(out)], 1)  # (B, T, size)
        query = self.query(out) / keys.shape[-1] ** 0.5
        alike = torch.bmm(query, keys.transpose(1, 2))  # (B, n, T)
        gain = (1 + self.gain(out))[..., None].unbind(-2)  # six of (B, n, 1)
        pitch, moved = alike, alike
        for i in range(3):
            pitch = torch.addcmul(pitch, gain[i], of.pitch[i])
            moved = torch.addcmul(moved, gain[3 + i], of.moved[i])
        shares = self._copied([self.sentinel(out), pitch, moved], of)  # (B, n, V + 1)
        own = logits.log_softmax(-1) + shares[..., -1:].clamp(min=LEAST).log()
        copied = shares[..., :-1].clamp(min=LEAST).log()
        return torch.logaddexp(own, copied), replace(memory, keys=keys)

    def _copied(self, scores: list[Tensor], of: Evidence) -> Tensor:
        """One softmax over (B, n, 1), (B, n, T), (B, n, T): by pitch, the sentinel's share last."""
        total = of.came.ids.shape[1]
        shares = torch.cat(scores, -1).masked_fill_(of.barred, float("-inf")).softmax(-1)
        sentinel, pitch, moved = (
            shares[..., :1],
            shares[..., 1 : 1 + total],
            shares[..., 1 + total :],
        )
        came = of.came.added_up(pitch)  # (B, n, V)
        steps = F.pad(of.step.added_up(moved), (1, 1))  # (B, n, 1 + intervals + 1)
        at = torch.arange(self.n_pitches, device=shares.device) + WIDEST + 1
        at = (at - of.before[..., None]).clamp(0, INTERVALS + 1)  # (B, n, V)
        return torch.cat([came + steps.gather(-1, at), sentinel], -1)
