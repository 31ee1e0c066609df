"""The order in which the parts of a tune are played, by the header's `P:` field.

Source: the ABC standard 2.1, 3.1.9. Work is linear in what is played.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tonerow.abc_notation.repeats import Lengths, Range, Section, play_sections
from tonerow.abc_notation.written import WrittenVoice
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

_REMARK = re.compile(r"[A-Z]?[a-z][A-Za-z']*|\(\)")


def play_order(order: str | None, labels: set[str], limit: int) -> list[str] | None:
    """The labels in the order of the header's `P:` field; None where there is no such order.

    Without labels in the body there is none. Words beside the order are remarks ("AABA last time"),
    and so are fields of nothing else ("Slow part"). Parts that are not there are left out.

    Raises:
        UnreadableError: UNSUPPORTED_FORMAT for an order that is not of the standard's form,
            TOO_MANY_NOTES for one of over `limit` labels.
    """
    if not order or not labels:
        return None
    sequence = None if re.search(r"[a-z]\W*\d", order) else _sequence(_REMARK.sub("", order), limit)
    if sequence is None and any(set(word) <= labels for word in re.findall(r"[A-Za-z]+", order)):
        raise UnreadableError(
            Rejection.UNSUPPORTED_FORMAT, f"The play order {order[:40]!r} is of no known form"
        )
    return [label for label in sequence or [] if label in labels] or None


def _sequence(order: str, limit: int) -> list[str] | None:
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


class _Music:
    """Sounds that are played one after the other, with their number and length."""

    def __init__(self, ranges: list[Range], lengths: Lengths) -> None:
        self.ranges = ranges
        self.n_sounds = sum(end - begin for begin, end in ranges)
        self.length = sum(lengths.of(begin, end) for begin, end in ranges)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part: all that is played of it, and each pass where it is one section that is repeated."""

    whole: _Music
    pickup: _Music
    passes: list[_Music]


def played_parts(
    voices: Sequence[WrittenVoice], sequence: Sequence[str] | None, limit: int
) -> list[list[Range]]:
    """Which sounds of each voice are played, in order.

    Where the order names a part that repeats itself twice running (``AAB`` of ``|:A:|B``), it
    counts the repeats: each name is one pass, the last of a run the last pass. Only where the tune
    fills rounds of 32 bars with the repeats, and no 16 without them, each name is all of a part.

    Args:
        voices: as written.
        sequence: labels of the parts, as `play_order` gives them; None to play what is written.
        limit: how many sounds of all voices together may be played at most.

    Raises:
        UnreadableError: CORRUPT where repeats or endings contradict each other or two parts have
            one label, TOO_MANY_NOTES beyond `limit`.
    """
    played: list[list[Range]] = []
    counted = False
    for voice in voices:
        lengths = Lengths(voice)
        if sequence is None:
            sections = play_sections(0, len(voice.sounds), voice.marks, lengths, limit)
            played.append(_flat(sections))
        else:
            lead, parts = _parts(voice, set(sequence), lengths, limit)
            if not played:
                counted = _counts_repeats(sequence, parts, lengths.bar)
            played.append(_within(limit, [lead, *_mentions(sequence, parts, counted=counted)]))
        limit -= sum(end - begin for begin, end in played[-1])
    return played


def _flat(sections: Iterable[Section]) -> list[Range]:
    return [stretch for section in sections for one in section for stretch in one]


def _parts(
    voice: WrittenVoice, named: set[str], lengths: Lengths, limit: int
) -> tuple[_Music, dict[str, _Part]]:
    """What is played before the first label, and each part that is named."""
    labels = [mark for mark in voice.marks if mark.part is not None]
    bounds = [*(mark.position for mark in labels), len(voice.sounds)]
    parts: dict[str, _Part] = {}
    for label, begin, end in zip(labels, bounds, bounds[1:], strict=False):
        if begin == end or label.part not in named:
            continue
        if label.part in parts:
            what = f"Two parts have the label {label.part!r} (line {label.line} of the tune)"
            raise UnreadableError(Rejection.CORRUPT, what)
        parts[label.part] = _part(_stretch(voice, begin, end, lengths, limit), lengths)
    return _Music(_flat(_stretch(voice, 0, bounds[0], lengths, limit)), lengths), parts


def _stretch(
    voice: WrittenVoice, begin: int, end: int, lengths: Lengths, limit: int
) -> list[Section]:
    """What is played between two labels: a repeat that ends there belongs to what is before."""
    inside = [
        mark
        for mark in voice.marks
        if mark.part is None
        and (begin <= mark.position < end or (mark.position == end and mark.times))
        and not (mark.position == begin and mark.times)
    ]
    return play_sections(begin, end, inside, lengths, limit)


def _part(sections: list[Section], lengths: Lengths) -> _Part:
    whole = _Music(_flat(sections), lengths)
    *before, last = sections
    pickup = _Music(_flat(before), lengths)
    if len(last) == 1 or pickup.length >= lengths.bar:
        return _Part(whole, pickup, [])
    return _Part(whole, pickup, [_Music(ranges, lengths) for ranges in last])


def _mentions(
    sequence: Sequence[str], parts: dict[str, _Part], *, counted: bool
) -> Iterator[_Music]:
    """What is played at each name of the order."""
    for name, run in groupby(label for label in sequence if label in parts):
        part, n = parts[name], len(list(run))
        if counted and part.passes:
            yield part.pickup
            for left in reversed(range(n)):  # the last name of a run is the last pass
                yield part.passes[-1 - left % len(part.passes)]
        else:
            yield from [part.whole] * n


def _counts_repeats(sequence: Sequence[str], parts: dict[str, _Part], bar: int) -> bool:
    """Whether each name stands for one pass through a part that repeats itself."""
    runs = [(parts[name], len(list(run))) for name, run in groupby(sequence) if name in parts]
    if not any(part.passes and n > 1 for part, n in runs):
        return False
    with_repeats, without = (
        round(sum(music.length for music in _mentions(sequence, parts, counted=counted)) / bar)
        for counted in (False, True)
    )
    return without % 16 == 0 or with_repeats % 32 != 0


def _within(limit: int, mentions: Iterable[_Music]) -> list[Range]:
    """The ranges one after the other, if they are not too many."""
    ranges: list[Range] = []
    n_played = 0
    for music in mentions:
        ranges += music.ranges
        n_played += music.n_sounds
        if n_played > limit:
            what = f"The play order makes over {limit:,} notes and rests"
            raise UnreadableError(Rejection.TOO_MANY_NOTES, what)
    return ranges
