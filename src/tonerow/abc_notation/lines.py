"""The lines of an ABC tune: which of them are fields, which music, and where the tune ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tonerow.abc_notation.fields import refuse
from tonerow.abc_notation.grammar import COMMENT, TOKEN
from tonerow.abc_notation.state import ORNAMENTS
from tonerow.notes.schema import Rejection

FIELD = re.compile(r"([HIK-Wmrsw](?=:)|[A-Za-z+](?=:(?![|:]))):(.*)")
"""A field of the body: "G:|" is music, for G is a note, but "w:|" and "T:|" are fields."""

_HEADER_LINE = re.compile(r"[A-Za-z+]:|%")
_TAGS = re.compile(r"\s*(?:</?[A-Za-z][^<>]*>\s*)+")
_CHORD_CHART = re.compile(r"[|: ]*(?:[A-G][67]?(?: *[|:]+ *| +)){2,}[A-G]?[67]?[|: ]*")


def tune_lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines without comments; an empty line after music ends them (ABC 2.1, 2.2.1).

    Lines of nothing but HTML tags, left by web pages, are left out. In the header a directive or a
    field that ends with a backslash goes on in the next line, if that is none.

    Raises:
        UnreadableError: CORRUPT where music or another header follows that empty line. Text may.
    """
    music = in_body = False
    lines = _joined(_outside_blocks(text))
    for number, full in lines:
        if full.startswith("%%"):
            yield number, full
            continue
        if music and not full.strip():
            break
        line = COMMENT.sub("", full)
        if not line.strip() or _TAGS.fullmatch(line):
            continue
        in_body = in_body or line.startswith("K:")
        music = music or (in_body and not FIELD.match(line))
        yield number, line
    _check_rest(lines)


def _outside_blocks(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines outside of `%%begintext` and the like."""
    in_block = False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("%%"):
            in_block = line.startswith("%%begin") or (in_block and not line.startswith("%%end"))
        if not in_block:
            yield number, line


def _joined(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines, those of the header that a backslash continues together with what continues them."""
    in_body = False
    parts: list[str] = []
    begun = 0
    for number, line in lines:
        if parts and parts[-1].endswith("\\") and line.strip() and not _HEADER_LINE.match(line):
            parts[-1] = parts[-1][:-1]
            parts.append(line.rstrip())
            continue
        if parts:
            yield begun, "".join(parts)
        in_body = in_body or line.startswith("K:")
        goes_on = not in_body and _HEADER_LINE.match(line)
        parts, begun = [line.rstrip()] if goes_on else [], number
        if not parts:
            yield number, line
    if parts:
        yield begun, "".join(parts)


def _check_rest(lines: Iterable[tuple[int, str]]) -> None:
    """Refuse music and headers below the tune's end: the empty line may be there by mistake."""
    begun = False
    for number, full in lines:
        line = COMMENT.sub("", full)
        field = FIELD.match(line)
        begun = begun or bool(field and field[1] in "TML")
        if (begun and field and field[1] == "K") or (not field and _is_music(line)):
            what = "Music after an empty line, which ends a tune, was found"
            raise refuse(Rejection.CORRUPT, what, number)


def _is_music(line: str) -> bool:
    """Whether a line is certainly music: notes and bar lines, nothing else, and no chord chart."""
    if "|" not in line:
        return False
    position, kinds = 0, set()
    while position < len(line):
        match = TOKEN.match(line, position)
        if not match or (match["ornament"] or ".") not in ORNAMENTS:
            return False
        kinds.add(match.lastgroup)
        position = match.end()
    return "bar" in kinds and bool(kinds & {"note", "chord"}) and not _CHORD_CHART.fullmatch(line)
