"""The order in which what is written is played, by its repeats and variant endings.

Source: the ABC standard 2.1, 4.8 to 4.10. Work is linear in what is played, nothing recurses.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from tonerow.abc_notation.voice import WHOLE, Mark
from tonerow.abc_notation.written import WrittenVoice
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

Range = tuple[int, int]
"""Sounds that are played in order: indices [begin, end)."""

Section = list[list[Range]]
"""What is played in each pass through a section: as many passes as its repeats ask for."""


class Lengths:
    """How long what stands between two sounds is, and whether its bars add up.

    Attributes:
        bar: the length that most bars of the voice have, in 1 / `WHOLE`.
    """

    def __init__(self, voice: WrittenVoice) -> None:
        self._onsets = list(accumulate((sound.advance for sound in voice.sounds), initial=0))
        self._bars = [bar.begin for bar in voice.bars]
        counts = Counter(bar.length for bar in voice.bars)
        usual = max(counts, key=lambda length: (counts[length], length), default=0)
        self.bar = int(usual * WHOLE)

    def of(self, begin: int, end: int) -> int:
        """In 1 / `WHOLE`, from sound `begin` to sound `end`."""
        return self._onsets[end] - self._onsets[begin]

    def fit(self, begin: int, end: int) -> bool:
        """Whether the last bar and the first are whole together, as where a repeat goes back."""
        second = bisect_right(self._bars, begin)
        first_end = min([*self._bars[second : second + 1], end])
        last_begin = max(self._bars[bisect_left(self._bars, end) - 1], begin)
        both = self.of(begin, first_end) + self.of(last_begin, end)
        return both > 0 and both % self.bar == 0

    def are_sections(self, before: int, double: int, end: int) -> bool:
        """Whether a double bar divides two sections, neither of them a mere scrap.

        A scrap is shorter than three bars and than half of what is on the other side.
        """
        short, long = sorted((self.of(before, double), self.of(double, end)))
        return short > 0 and 2 * short >= min(long, 6 * self.bar)


@dataclass(slots=True)
class _Ending:
    passes: tuple[int, ...]
    begin: int
    end: int | None = None


@dataclass(slots=True)
class _Player:
    """Plays a stretch of a voice: sections close as their last mark is met."""

    start: int
    limit: int
    lengths: Lengths
    explicit: bool = False
    doubles: list[int] = field(default_factory=list)
    endings: list[_Ending] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    played: int = 0

    def play(self, *parts: Range) -> None:
        """Play one pass through the last section: the parts that are not empty."""
        self.sections[-1].append([(begin, end) for begin, end in parts if begin < end])
        self.played += sum(end - begin for begin, end in parts)
        if self.played > self.limit:
            raise UnreadableError(
                Rejection.TOO_MANY_NOTES,
                f"With its repeats played the tune has over {self.limit:,} notes and rests",
            )

    def close(self, position: int, line: int, times: int = 1) -> None:
        """Play the section that ends at `position`; the next one starts there."""
        if self.endings:
            self._play_endings(position, line)
        elif position > self.start:
            self.sections.append([])
            for _ in range(times):
                self.play((self.start, position))
        self.start, self.explicit, self.endings, self.doubles = position, False, [], []

    def begin_repeat(self, position: int) -> None:
        """Play once what stands before the section that the repeat sign at `position` repeats."""
        places = [self.start, *(double for double in self.doubles if double < position)]
        fitting = [
            double
            for before, double in pairwise(places)
            if self.lengths.fit(double, position)
            and self.lengths.are_sections(before, double, position)
        ]
        whole = not fitting and self.lengths.fit(self.start, position)
        begin = self.start if whole else (fitting or places)[-1]
        if begin > self.start:
            self.sections.append([])
            self.play((self.start, begin))
        self.start, self.doubles = begin, []

    def _play_endings(self, position: int, line: int) -> None:
        last = self.endings[-1]
        repeated = last.end is not None  # by a `:|` that no further ending follows
        last.end = position if last.end is None else last.end
        by_pass = {n: ending for ending in self.endings for n in ending.passes}
        final = max(by_pass)
        n_passes = sum(len(ending.passes) for ending in self.endings)
        if not n_passes == len(by_pass) == final or (final == 1 and not repeated):
            names = ", ".join(str(n) for e in self.endings for n in e.passes)
            raise UnreadableError(
                Rejection.CORRUPT,
                f"The variant endings {names[:40]} do not make a whole (up to line {line} of the tune)",
            )
        self.sections.append([])
        common = (self.start, self.endings[0].begin)
        for n in range(1, final + 1):
            self.play(common, (by_pass[n].begin, by_pass[n].end or position))
        if final == 1:
            self.play(common)

    def is_last_ending(self) -> bool:
        """Whether the open ending is one after which the tune goes on."""
        return bool(self.endings) and max(self.endings[-1].passes) > 1


def _repeat(player: _Player, mark: Mark, ending_follows: bool) -> None:
    if player.endings:
        if player.endings[-1].end is None:
            player.begin_repeat(mark.position)
        player.endings[-1].end = mark.position
        if not ending_follows:
            player.close(mark.position, mark.line)
        return
    if mark.position == player.start:
        raise UnreadableError(
            Rejection.CORRUPT,
            f"A repeat ends where nothing has been played (line {mark.line} of the tune)",
        )
    if ending_follows:
        raise UnreadableError(
            Rejection.CORRUPT,
            f"A second ending follows without a first one (line {mark.line} of the tune)",
        )
    player.begin_repeat(mark.position)
    player.close(mark.position, mark.line, mark.times)


def play_sections(
    begin: int, end: int, marks: Sequence[Mark], lengths: Lengths, limit: int
) -> list[Section]:
    """What is played of the sounds [begin, end), section by section.

    A ``:|`` repeats from the last ``|:``, else from the last end of a repeat or part label, else
    from the beginning. Where double bars stand between, it repeats from the last of them, if its
    first bar and the one before the ``:|`` make whole bars and it divides no scrap from the rest;
    if no double bar does, and the beginning's first bar fits, from the beginning; if that does not
    fit either, from the last double bar. (Where transcribers wrote the form of a tune beside it, as
    in ``I: || ::``, they mean the double bar so.) A ``|:`` that is never closed is played once.

    Args:
        begin: index of the first sound.
        end: index after the last sound.
        marks: the bar lines and part labels between them, in order.
        lengths: of the voice.
        limit: how many sounds may be played at most.

    Raises:
        UnreadableError: CORRUPT where repeats or endings contradict each other, TOO_MANY_NOTES
            beyond `limit`.
    """
    player = _Player(begin, limit, lengths)
    last_ending = {mark.position: index for index, mark in enumerate(marks) if mark.endings}
    for index, mark in enumerate(marks):
        ending_follows = last_ending.get(mark.position, -1) >= index  # at the same place
        if mark.times:
            _repeat(player, mark, ending_follows)
        begins_part = mark.part is not None and (
            not player.explicit or (player.is_last_ending() and not ending_follows)
        )
        if mark.starts or begins_part:
            if mark.position > player.start:
                player.close(mark.position, mark.line)
            player.explicit = player.explicit or mark.starts
        elif mark.double and not mark.times and not _repeat_follows(marks, index):
            if player.is_last_ending() and not ending_follows:
                player.close(mark.position, mark.line)
            elif not (player.endings or player.explicit or mark.position == player.start):
                player.doubles.append(mark.position)
        if mark.endings:
            if player.endings and player.endings[-1].end is None:
                raise UnreadableError(
                    Rejection.CORRUPT,
                    "A variant ending follows one without a repeat sign "
                    f"(line {mark.line} of the tune)",
                )
            player.endings.append(_Ending(mark.endings, mark.position))
    player.close(end, marks[-1].line if marks else 1)
    return player.sections


def _repeat_follows(marks: Sequence[Mark], index: int) -> bool:
    """Whether a repeat ends at the same place, right after marks[index]."""
    following = marks[index + 1 : index + 2]
    return bool(following and following[0].times) and (
        following[0].position == marks[index].position
    )
