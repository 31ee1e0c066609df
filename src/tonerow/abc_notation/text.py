"""The text of an ABC file: its encoding, and the mnemonics of letters that are not in ASCII.

Source: the ABC standard 2.1, 2.1 and 8.2.
"""

from __future__ import annotations

import html
import re
import unicodedata

from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_CHARSET = re.compile(
    rb"^(?:%%|I:)[ \t]*abc-charset[ \t]+(iso-8859-\d{1,2}|windows-125\d|utf-8)(?!\S)",
    re.MULTILINE | re.IGNORECASE,
)
_TUNE = re.compile(rb"(?<=[\r\n])(?=[ \t]*X:)")
_ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308"}
_ACCENTS |= {"c": "\u0327", "u": "\u0306", "v": "\u030c", "H": "\u030b"}
_LETTERS = {"AA": "Å", "aa": "å", "AE": "Æ", "ae": "æ", "OE": "Œ", "oe": "œ", "ss": "ß"}
_LETTERS |= {"/O": "Ø", "/o": "ø", "DH": "Ð", "dh": "ð", "TH": "Þ", "th": "þ"}
_MNEMONIC = re.compile(
    r"\\u(?P<code>[0-9a-fA-F]{4})|&(?P<entity>#\d{1,7}|[A-Za-z]{2,8});|\\(?P<plain>[%&\\])"
    rf"|\\(?P<name>{'|'.join(_LETTERS)})|\\(?P<accent>[`'^~\"cuvH])(?P<letter>[A-Za-z])"
)


def decode(data: bytes) -> str:
    r"""The text of an ABC file, its lines ended by ``\n``.

    In the encoding that ``%%abc-charset`` declares. If it declares none, or the file is not of it:
    UTF-8; else each tune by itself, as files put together from others have it: UTF-8, else
    Windows-1252, else Latin-1. Byte-order marks, which stand inside of such files, are left out, and
    so is the control character with which DOS ended a text. ``\r\r\n``, which is ``\r\n`` written as
    if its ``\n`` were all of it, ends one line.

    Raises:
        UnreadableError: NOT_TEXT for UTF-16 or UTF-32 and for control characters.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError(Rejection.NOT_TEXT, "The file is UTF-16; ABC is UTF-8 or Latin-1")
    declared = _CHARSET.search(data)
    text = _decoded(data, [declared[1].decode()] if declared else []) or _decoded(data, ["utf-8"])
    if text is None:
        encodings = ["utf-8", "cp1252", "latin-1"]
        text = "".join(_decoded(tune, encodings) or "" for tune in _TUNE.split(data))
    text = text.replace("\ufeff", "").rstrip("\x1a")
    match = _CONTROL.search(text)
    if match:
        what = f"The file has the control character {ord(match[0]):#04x} at {match.start()}"
        raise UnreadableError(Rejection.NOT_TEXT, what)
    return re.sub(r"\r?\r\n|\r", "\n", text)


def _decoded(data: bytes, encodings: list[str]) -> str | None:
    """The text in the first of the encodings that it is of; None for none."""
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def with_letters(text: str) -> str:
    r"""A text string with its mnemonics written out: ``caf\'e``, ``\AA``, ``\u00e9``, ``&eacute;``."""
    return _MNEMONIC.sub(_letter, text)


def _letter(match: re.Match[str]) -> str:
    if match["code"]:
        letter = chr(int(match["code"], 16))
    elif match["accent"]:
        letter = unicodedata.normalize("NFC", match["letter"] + _ACCENTS[match["accent"]])
    else:
        named = match["plain"] or _LETTERS.get(match["name"])
        letter = named or html.unescape(match[0])
    return letter if len(letter) == 1 and letter.isprintable() else match[0]
