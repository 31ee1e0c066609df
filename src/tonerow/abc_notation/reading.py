"""Reads ABC notation: file -> tunes as written -> notes as played.

A scanner of our own reads the melodic part of the ABC standard 2.1 and refuses the rest with a
reason; `benchmarks/abc_readers.py` compares it with the libraries that read ABC.

What is left out by design: grace notes and ornaments (they have no written length), chord symbols
and annotations in quotes (among them "D.C." and "Segno": jumps in words are not played), lyrics.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tonerow.abc_notation.fields import refuse
from tonerow.abc_notation.lines import FIELD, tune_lines
from tonerow.abc_notation.playing import MAX_NOTES, play
from tonerow.abc_notation.scanner import Scanner
from tonerow.abc_notation.text import with_letters
from tonerow.abc_notation.voice import Voice
from tonerow.abc_notation.written import Tune, WrittenVoice
from tonerow.notes.schema import Rejection
from tonerow.notes.score import Score, UnreadableError

MAX_TUNES = 100_000
_MAX_SHARED = 2**26  # characters that the fields for all tunes may add
_HEADER_FIELD = re.compile(r"([A-Za-z+]):(.*)")
_TUNE = re.compile(
    r"^%%begin(?:(?!^%%begin).)*?^%%end|^[ \t]*(?P<number>X:)", re.MULTILINE | re.DOTALL
)
_HEADER_FIELDS = re.compile(r"[CIKLMQRUm]:|%%")


def split_tunes(text: str) -> list[str]:
    """The tunes of a file, each as written from its `X:` line on (ABC 2.1, 2.2).

    Fields before the first `X:` hold for every tune and are put below its `X:` line, unless there
    is a `K:` among them: then they begin a tune without a number, and so does each field behind an
    empty line, where a key stands before it and another one follows. An `X:` between `%%begintext` and
    `%%endtext` begins no tune. A text without any `X:` is one tune, for `read_tune` to judge; one
    without anything but comments is none.

    Raises:
        UnreadableError: TOO_LARGE for over `MAX_TUNES` tunes, or if the fields for all would make
            the text grow to many times its length.
    """
    starts = [match.start() for match in _TUNE.finditer(text) if match["number"]]
    if len(starts) > MAX_TUNES:
        raise UnreadableError(Rejection.TOO_LARGE, f"The file has over {MAX_TUNES:,} tunes")
    first = starts[0] if starts else len(text)
    head = [line for line in text[:first].split("\n") if line.strip()]
    ends = [*starts[1:], len(text)] if starts else []
    tunes = [text[a:b].strip("\n") for a, b in zip(starts, ends, strict=True)]
    if not starts or any(line.startswith("K:") for line in head):
        if any(not line.lstrip().startswith("%") for line in head):
            tunes[:0] = _unnumbered(text[:first])
        return tunes
    shared = [line for line in head if _HEADER_FIELDS.match(line)]
    if sum(map(len, shared)) * len(tunes) > _MAX_SHARED:
        raise UnreadableError(Rejection.TOO_LARGE, "The fields before the first tune are too long")
    if shared:
        parts = [tune.partition("\n") for tune in tunes]
        tunes = ["\n".join([number, *shared, rest]) for number, _, rest in parts]
    return tunes


def _unnumbered(text: str) -> list[str]:
    """The tunes of a text without `X:` lines."""
    lines = text.split("\n")
    keys = [number for number, line in enumerate(lines) if line.startswith("K:")]
    begins = [0]
    for before, number in pairwise(keys):
        first = next(
            (
                n
                for n in range(before + 1, number + 1)
                if not lines[n - 1].strip() and re.match(r"[A-Z]:(?![|:])", lines[n])
            ),
            None,
        )
        begins += [] if first is None else [first]
    return ["\n".join(lines[a:b]).strip("\n") for a, b in pairwise([*begins, len(lines)])]


def parse_tune(text: str, max_notes: int = MAX_NOTES) -> Tune:
    """One tune as written.

    Args:
        text: one tune, as `split_tunes` gives it.
        max_notes: notes and rests that it may have at most.

    Raises:
        UnreadableError: for anything that cannot be read right; the detail says what, and where.
    """
    scanner = Scanner(max_notes)
    texts: dict[str, str] = {}
    in_body, last = False, ""
    for number, line in tune_lines(text):
        if line.startswith("%%"):
            scanner.directive(line[2:], number)
            continue
        match = (FIELD if in_body else _HEADER_FIELD).match(line)
        if not match:
            if not in_body and last == "H":
                continue  # history may take many lines (ABC 2.1, 3.1.18)
            if not in_body:
                what = f"{line.strip()[:20]!r} stands before the key and is no field"
                raise refuse(_before_key(text), what, number)
            scanner.music(line, number)
            continue
        letter, value = match[1], match[2].rstrip().removesuffix("\\")
        if letter == "X" and "X" in texts:
            raise refuse(Rejection.CORRUPT, "A second tune begins inside the tune", number)
        texts.setdefault(letter, value.strip())
        last = letter if letter != "+" else last
        if letter == "K" and not in_body:
            scanner.end_header(value, number)
            in_body = True
        elif letter != "+":
            scanner.field(letter, value, number)
    if not in_body:
        raise UnreadableError(Rejection.NO_KEY, "The tune has no K: field, which ends the header")
    voices = tuple(_written(voice) for voice in scanner.voices if voice.sounds)
    if not any(voice.n_notes for voice in voices):
        raise UnreadableError(Rejection.NO_NOTES, "The tune has no notes")
    title, composer = (with_letters(texts.get(letter, "")) or None for letter in "TC")
    return Tune(title, composer, scanner.tempo_bpm, scanner.order, voices)


def _before_key(text: str) -> Rejection:
    """Why something that is no field stands in the header."""
    if not re.search(r"^[A-Za-z]:", text, re.MULTILINE):
        return Rejection.UNREADABLE_HEADER
    return Rejection.CORRUPT if re.search(r"^K:", text, re.MULTILINE) else Rejection.NO_KEY


def _written(voice: Voice) -> WrittenVoice:
    voice.finish()
    return WrittenVoice(
        voice.name,
        tuple(voice.sounds),
        tuple(voice.marks),
        tuple(voice.bars),
        tuple(voice.tempos),
        voice.first_key,
        voice.first_meter,
    )


def read_tune(text: str, max_notes: int = MAX_NOTES) -> Score:
    """The notes of one tune as played: `parse_tune`, then `play`.

    Args:
        text: one tune, as `split_tunes` gives it.
        max_notes: notes and rests that it may have at most, as written and as played.

    Raises:
        UnreadableError: for anything that cannot be read right; the detail says what, and where.
    """
    return play(parse_tune(text, max_notes), max_notes)
