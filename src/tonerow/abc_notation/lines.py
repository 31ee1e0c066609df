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

_CHORD_CHART = re.compile(r"[|: ]*(?:[A-G][67]?(?: *[|:]+ *| +)){2,}[A-G]?[67]?[|: ]*")


def tune_lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines without comments; an empty line after music ends them (ABC 2.1, 2.2.1).

    Raises:
        UnreadableError: CORRUPT where music or another header follows that empty line. Text may.
    """
    music = in_body = False
    lines = _outside_blocks(text)
    for number, full in lines:
        if full.startswith("%%"):
            yield number, full
            continue
        if music and not full.strip():
            break
        line = COMMENT.sub("", full)
        if not line.strip():
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
