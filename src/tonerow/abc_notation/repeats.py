"""The order in which a written tune is played: repeats, variant endings and parts.

Source: the ABC standard 2.1, 3.1.9 and 4.8 to 4.10. Work is linear in what is played, nothing
recurses.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from tonerow.abc_notation.voice import WHOLE, Mark
from tonerow.abc_notation.written import WrittenVoice
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError


class _Lengths:
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
    """Plays one part: sections close as their last mark is met."""

    start: int
    limit: int
    lengths: _Lengths
    explicit: bool = False
    doubles: list[int] = field(default_factory=list)
    endings: list[_Ending] = field(default_factory=list)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    played: int = 0

    def play(self, begin: int, end: int) -> None:
        if begin < end:
            self.ranges.append((begin, end))
            self.played += end - begin
        if self.played > self.limit:
            raise UnreadableError(
                Rejection.TOO_MANY_NOTES,
                f"With its repeats played the tune has over {self.limit:,} notes and rests",
            )

    def close(self, position: int, line: int, times: int = 1) -> None:
        """Play the section that ends at `position`; the next one starts there."""
        if self.endings:
            self._play_endings(position, line)
        else:
            for _ in range(times):
                self.play(self.start, position)
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
        self.play(self.start, begin)
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
        for n in range(1, final + 1):
            self.play(self.start, self.endings[0].begin)
            self.play(by_pass[n].begin, by_pass[n].end or position)
        if final == 1:
            self.play(self.start, self.endings[0].begin)

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


def _play_part(
    begin: int, end: int, marks: Sequence[Mark], limit: int, lengths: _Lengths
) -> list[tuple[int, int]]:
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
    return player.ranges


def _repeat_follows(marks: Sequence[Mark], index: int) -> bool:
    """Whether a repeat ends at the same place, right after marks[index]."""
    following = marks[index + 1 : index + 2]
    return bool(following and following[0].times) and (
        following[0].position == marks[index].position
    )


def played_ranges(voice: WrittenVoice, order: str | None, limit: int) -> list[tuple[int, int]]:
    """Which sounds are played, in order, as ranges [begin, end) of their indices.

    A ``:|`` repeats from the last ``|:``, else from the last end of a repeat or part label, else
    from the beginning. Where double bars stand between, it repeats from the last of them, if its
    first bar and the one before the ``:|`` make whole bars and it divides no scrap from the rest;
    if no double bar does, and the beginning's first bar fits, from the beginning; if that does not
    fit either, from the last double bar. (Where transcribers wrote the form of a tune beside it, as
    in ``I: || ::``, they mean the double bar so.) A ``|:`` that is never closed is played once. The
    `P:` order of the header is followed where the body has part labels; each part's repeats are
    played whenever the part is.

    Args:
        voice: as written.
        order: the header's `P:` field; None for none.
        limit: how many sounds may be played at most.

    Raises:
        UnreadableError: CORRUPT where repeats or endings contradict each other or the play order
            names a part that is not there, UNSUPPORTED_FORMAT where it is unclear whether the order
            counts the repeats in, TOO_MANY_NOTES beyond `limit`.
    """
    marks, n_sounds, lengths = voice.marks, len(voice.sounds), _Lengths(voice)
    labels = [mark for mark in marks if mark.part is not None]
    sequence = play_order(order, {str(mark.part) for mark in labels}, limit)
    if sequence is None:
        return _play_part(0, n_sounds, marks, limit, lengths)
    bounds = [*(mark.position for mark in labels), n_sounds]
    parts: dict[str, list[tuple[int, int]]] = {}
    named = set(sequence)
    for label, begin, end in zip(labels, bounds, bounds[1:], strict=False):
        if str(label.part) in parts:
            raise UnreadableError(
                Rejection.CORRUPT,
                f"Two parts have the label {str(label.part)[:20]!r} (line {label.line})",
            )
        if label.part not in named:
            continue
        inside = [m for m in marks if begin <= m.position < end or (m.position == end and m.times)]
        inside = [m for m in inside if m.part is None and not (m.times and m.position == begin)]
        parts[str(label.part)] = _play_part(begin, end, inside, limit, lengths)
    ranges = [(0, bounds[0])] if bounds[0] else []
    _check_order(sequence, parts)
    n_played = 0
    for name in sequence:
        ranges += parts[name]
        n_played += sum(end - begin for begin, end in parts[name])
        if n_played > limit:
            raise UnreadableError(
                Rejection.TOO_MANY_NOTES, f"The play order makes over {limit:,} notes and rests"
            )
    return ranges


def _check_order(sequence: list[str], parts: dict[str, list[tuple[int, int]]]) -> None:
    for name in sequence:
        if name not in parts:
            raise UnreadableError(
                Rejection.CORRUPT, f"The play order names part {name!r}, which is not there"
            )
    repeating = {name for name, ranges in parts.items() if len(ranges) > len(set(ranges))}
    for name, following in pairwise(sequence):
        if name == following and name in repeating:
            raise UnreadableError(
                Rejection.UNSUPPORTED_FORMAT,
                f"The play order has part {name!r} twice running and the part repeats itself: "
                "it is unclear whether the order counts these repeats",
            )


def play_order(order: str | None, labels: set[str], limit: int) -> list[str] | None:
    """The labels in the order of the header's `P:` field; None where there is no such order.

    Without labels in the body there is none, and some fields are a remark ("Slow part").

    Raises:
        UnreadableError: UNSUPPORTED_FORMAT for an order that is not of the standard's form (ABC
            2.1, 3.1.9), TOO_MANY_NOTES for one of over `limit` labels.
    """
    if not order or not labels:
        return None
    sequence = _part_sequence(order, limit)
    if sequence is None and any(set(word) <= labels for word in re.findall(r"[A-Za-z]+", order)):
        raise UnreadableError(
            Rejection.UNSUPPORTED_FORMAT, f"The play order {order[:40]!r} is of no known form"
        )
    return sequence


def _part_sequence(order: str, limit: int) -> list[str] | None:
    """The labels in order, ``(AB)2.C3`` written out; None where the field is no play order."""
    text = re.sub(r"[\s.,*]", "", order)
    if not re.fullmatch(r"(?:[A-Z]\d{0,2}|\(|\)\d{0,2})+", text):
        return None
    stack: list[list[str]] = [[]]
    for symbol, count in re.findall(r"([A-Z()])(\d*)", text):
        times = int(count or 1)
        if symbol == "(":
            stack.append([])
            continue
        if symbol == ")":
            if len(stack) == 1:
                return None
            group = stack.pop() * times
        else:
            group = [symbol] * times
        stack[-1] += group
        if len(stack[-1]) > limit:
            raise UnreadableError(Rejection.TOO_MANY_NOTES, "The play order names too many parts")
    return stack[0] if len(stack) == 1 else None
