"""ABC text without what is not the tune.

A character model should spend itself on notes. What a reader of the tune's notes ignores goes:
comments, lyrics, remarks, chord symbols and annotations in quotes, decorations, grace notes,
spacers, continuation marks. What it needs stays: the key, the metre, the unit note length, voices,
and every character of the notes, bars, repeats, endings, tuplets, ties and slurs.
Grammar: the ABC standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tonerow.abc_notation.grammar import COMMENT, DECORATION
from tonerow.abc_notation.lines import FIELD

_BODY_FIELDS = "MLKV"  # V: without its voices, a tune in parts reads as other notes

_TEXT_BLOCK = re.compile(r"^%%begin.*?(?:^%%end[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_NOT_NOTES = re.compile(
    rf"""
    "[^"]*"?                                    # chord symbols, annotations
    | \[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]  # inline fields: some are kept
    | \{{[^}}^_=]*\}}                              # grace notes; an accidental holds for the bar
    | {DECORATION} | !                          # !trill!; a mark alone ended a line in ABC 1
    | y[0-9/]*                                  # spacers
    | [.~H-Wh-w]                                # decorations of one letter
    | [$*;?@\#`\\]                              # what is for the printer, or means nothing
    """,
    re.VERBOSE,
)

_GAP = "\0"
_BETWEEN_BARS = re.compile(f"(?<=[|:\\]]){_GAP}+(?=[|:\\[])")  # two bar lines are no double one


def reduce_tune(text: str, fields: Sequence[str]) -> str:
    r"""One tune's ABC with the header fields asked for and a body of notes alone.

    It reads as the same notes as the tune, if `fields` has L and M (which set the unit length), P
    (if the tune has labelled parts) and V (if voices are transposed). What stands outside the
    notation is gone: a tempo, and instructions such as `%%MIDI transpose`.

    Args:
        text: the tune, from its `X:` field on, lines ended by ``\n``; what follows an empty line
            after music is no part of it.
        fields: letters of the header fields to keep, in this order; K is always kept, as the last.

    Returns:
        One line per header field (`R:reel`), then the lines of the body, without a line end at the
        end of the text. Runs of blanks are one blank.

    Raises:
        ValueError: there is no `K:` field, so that nothing says where the body starts.
    """
    lines = _TEXT_BLOCK.sub("%", text).split("\n")
    split = [FIELD.match(COMMENT.sub("", line)) for line in lines]
    key = next((i for i, field in enumerate(split) if field and field[1] == "K"), None)
    if key is None:
        raise ValueError("the tune has no K: field, which ends its header")
    header: dict[str, list[str]] = {}
    for field in split[: key + 1]:
        if field:
            header.setdefault(field[1], []).append(f"{field[1]}:{_single_spaced(field[2])}")
    wanted = [*(f for f in fields if f != "K"), "K"]
    kept = [line for letter in wanted for line in header.get(letter, [])]
    parts = "P" if "P" in fields else ""
    return "\n".join([*kept, *_body(lines[key + 1 :], _BODY_FIELDS + parts)])


def _body(lines: Iterable[str], kept_fields: str) -> Iterator[str]:
    """The music lines, continued ones joined, and the fields between them that change notes."""
    music, begun = "", False
    for raw in [*lines, ""]:
        line = COMMENT.sub("", raw).rstrip()
        field = FIELD.match(line)
        comment = not line and raw.strip()
        if comment or (field and field[1] not in kept_fields):
            continue
        if line.endswith("\\"):
            music += line[:-1] + " "
            continue
        if not field:
            music += line
        begun = begun or bool(music)
        if reduced := _reduce_line(music, kept_fields):
            yield reduced
        music = ""
        if field:
            yield f"{field[1]}:{_single_spaced(field[2])}"
        if begun and not raw.strip():
            return


def _reduce_line(line: str, kept_fields: str) -> str:
    """A music line's notes, bars and the inline fields that change notes."""

    def kept(match: re.Match[str]) -> str:
        field, value = match["field"], match["value"]
        return f"[{field}:{_single_spaced(value)}]" if field and field in kept_fields else _GAP

    reduced = _BETWEEN_BARS.sub(" ", _NOT_NOTES.sub(kept, line))
    return _single_spaced(reduced.replace(_GAP, ""))


def _single_spaced(text: str) -> str:
    return " ".join(text.split())


def header_of(tune: str) -> str:
    """The header of an ABC tune: up to the end of its first `K:` line, which closes it."""
    key = re.search(r"^K:.*\n?", tune, re.MULTILINE)
    return tune[: key.end()] if key else ""
