"""The texts that the rivals of characters read, and where in its bar each character stands.

A model of characters has the whole text before, so its rival does too: it reads how much of the bar has
passed off the notes so far. The reading is simple (no voices, no changes of metre or unit): what it does
not understand makes it foretell less, never see more.
"""

from __future__ import annotations

import itertools
import zlib

import numpy as np

from tonerow.evaluation.lines import Lines
from tonerow.evaluation.note_scores import Ints
from tonerow.tokens.characters import FIRST_CHARACTER, decode_text
from tonerow.views import Pieces

TICKS = 48
"""In the unit note length (``L:``)."""

_NOTES = frozenset("ABCDEFGabcdefgxz")
_DIGITS = frozenset("0123456789")
_BEHIND_NOTES = _DIGITS | frozenset(",'/")
"""Heights and lengths."""


class BarClock:
    """How much of its bar a tune's body has passed, read character by character.

    Attributes:
        bar: bar lines so far; a row of signs, as ``:||:``, is one.
    """

    def __init__(self) -> None:
        self.bar = 0
        self._passed = self._length = 0  # ticks of the bar before the last note, and of that note
        self._whole = self._next = TICKS  # of the last note without its numbers, and of the next
        self._digits, self._divides = "", False
        self._in_triplet = 0  # notes that are still to come
        self._silent = ""  # the sign that ends a chord or grace notes
        self._before, self._in_note = "", False
        self._in_row = False  # of the signs of a bar line

    @property
    def place(self) -> int:
        """Ticks since the bar line."""
        return self._passed + self._length

    def read(self, character: str) -> None:
        """Goes on by one character."""
        if self._silent:
            self._silent = "" if character == self._silent else self._silent
        elif character == "|":
            self.bar += not self._in_row
            self._passed = self._length = 0
        elif character == "{":
            self._silent = "}"
        elif character in _NOTES:
            self._begin_note()
        elif character in ("<", ">"):
            self._dot(character)
        else:
            self._lengthen(character)
        self._in_row = character == "|" or (self._in_row and character in ":]")
        self._in_note = character in _NOTES or (self._in_note and character in _BEHIND_NOTES)
        self._before = character

    def _begin_note(self) -> None:
        self._passed += self._length
        self._length = self._whole = self._next * 2 // 3 if self._in_triplet else self._next
        self._in_triplet = max(0, self._in_triplet - 1)
        self._next, self._digits, self._divides = TICKS, "", False
        self._silent = "]" if self._before == "[" else ""  # of a chord the first note counts

    def _dot(self, sign: str) -> None:
        """Broken rhythm: one note takes half of the other."""
        half = self._length // 2
        self._length += half if sign == ">" else -half
        self._next = TICKS // 2 if sign == ">" else TICKS * 3 // 2

    def _lengthen(self, character: str) -> None:
        """Numbers right behind a note, and the one that begins a triplet."""
        if self._before == "(" and character in _DIGITS:
            self._in_triplet = 3 * (character == "3")
        elif self._in_note and character == "/":
            self._whole, self._length = self._length, self._length // 2
            self._digits, self._divides = "", True
        elif self._in_note and character in _DIGITS:
            self._digits += character
            number = max(1, int(self._digits))
            self._length = self._whole // number if self._divides else self._whole * number


def _known(text: str, n_header: int) -> list[tuple[int, int, int]]:
    """Of each character what the text before tells: header, place and bar; 0 in the header.

    The header goes without its key, which says little of rhythm.
    """
    header = "".join(line for line in text[:n_header].splitlines(True) if line[:2] != "K:")
    code, clock = zlib.crc32(header.encode()), BarClock()
    known = [(0, 0, 0)] * n_header
    for character in text[n_header:]:
        known.append((code, clock.place, clock.bar))
        clock.read(character)
    return [*known, (code, clock.place, clock.bar)]  # the end of the text


def text_lines(pieces: Pieces, alphabet: str) -> Lines:
    """Texts as lines, whose rivals are `tonerow.evaluation.counting.TEXT_RIVALS`.

    Args:
        pieces: of the view "chars".
        alphabet: of the ids.

    Returns:
        The characters' ids under `pitch`, with no rhythm, and `known`: `header`, an id of the header
        without its key once it is over; `place` in `TICKS` since the bar line; and `bar`, bar lines
        so far.
    """
    ids, body = pieces.notes["char"].numpy(), pieces.notes["body"].numpy()
    rows = [np.zeros((0, 3), np.int64)]
    for start, end in itertools.pairwise(pieces.first.tolist()):
        text = decode_text(ids[start:end].tolist(), alphabet)
        rows.append(np.array(_known(text, int((~body[start:end]).sum())), np.int64))
    columns = np.concatenate(rows).T.copy()
    known: dict[str, Ints] = dict(zip(("header", "place", "bar"), columns, strict=True))
    none = np.zeros(len(ids))
    return Lines(
        ids.astype(np.int64), pieces.first, none, none, known, FIRST_CHARACTER + len(alphabet)
    )
