"""What the information fields of an ABC tune say: key, metre, unit note length and tempo.

Source: the ABC standard 2.1 (section numbers in each docstring). Every function raises
`UnreadableError` for a value that it cannot read right; lengths are fractions of a whole note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

SHARPS = "FCGDAEB"  # the order in which sharps enter a key signature; flats enter in reverse

_TONIC_FIFTHS = {letter: index - 1 for index, letter in enumerate("FCGDAEB")}
_MODE_FIFTHS = {
    **{"maj": 0, "ion": 0, "": 0, "min": -3, "m": -3, "aeo": -3},
    **{"mix": -1, "dor": -2, "phr": -4, "loc": -5, "lyd": 1},
}
_MODE_NAMES = {"maj": "", "ion": "", "min": "m", "aeo": "m"}
_KEY = re.compile(
    r"([A-G])([#b]?)[ \t]*"
    r"((?i:maj(?:or?)?|min(?:or?)?|ion(?:i(?:an?)?)?|aeo(?:l(?:i(?:an?)?)?)?"
    r"|mix(?:o(?:l(?:y(?:d(?:i(?:an?)?)?)?)?)?)?|dor(?:i(?:an?)?)?|phr(?:y(?:g(?:i(?:an?)?)?)?)?"
    r"|loc(?:r(?:i(?:an?)?)?)?|lyd(?:i(?:an?)?)?)|[mM]|)(?![A-Za-z#])"
)
_KEY_ACCIDENTAL = re.compile(r"(\^\^?|__?|=)([A-Ga-g])")
_KEY_CHANGE = re.compile(r"(?:exp(?!\S)|[\^_=])", re.IGNORECASE)
_CLEF = re.compile(
    r"(?:clef=)?\"?(treble|alto|tenor|bass|perc(?:ussion)?|none|[GCF])?[1-5]?([+-]8)?\"?",
    re.IGNORECASE,
)
_OCTAVE_CLEF = re.compile(r'(?:clef=)?"?[a-z]+[1-5]?[-+_^](?:8|15)"?', re.IGNORECASE)
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_UNSUPPORTED_PARAMETERS = ("shift", "sound", "score", "instrument")
_METERS = re.compile(r"\s*(?:(?:\d{1,3}\s*/\s*\d{1,3}|[Cc]\|?)(?:[\s,;=]+|$)){2,16}")
_BEATS = r"(?P<beats>(?:\d{1,3}/\d{1,3}\s*){1,4}|[Cc]\d{0,2}\s*)"
_RATE = r"(?P<rate>\d{1,6}(?:\.\d{1,6})?)(?!\.?\d)"
_TEMPO = re.compile(rf"(?<![\w/=]){_BEATS}=\s*{_RATE}", re.ASCII)
_BARE_TEMPO = re.compile(rf"(?P<beats>)=?\s*{_RATE}(?:\s*-\s*\d{{1,6}})?", re.ASCII)
ALTERATIONS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}


@dataclass(frozen=True)
class Shift:
    """How far the sound lies above what is written, by each of the ways to say so.

    Attributes:
        clef: semitones by the 8 of a clef; None where no clef is named.
        octave: semitones by `octave=`; None where unsaid.
        transpose: semitones by `transpose=`; None where unsaid.
    """

    clef: int | None = None
    octave: int | None = None
    transpose: int | None = None

    @property
    def semitones(self) -> int:
        """All of them together."""
        return (self.clef or 0) + (self.octave or 0) + (self.transpose or 0)

    def updated(self, new: Shift) -> Shift:
        """What holds after a field that says `new`: what it leaves unsaid stays."""
        return Shift(
            self.clef if new.clef is None else new.clef,
            self.octave if new.octave is None else new.octave,
            self.transpose if new.transpose is None else new.transpose,
        )


@dataclass(frozen=True)
class Key:
    """A `K:` field.

    Attributes:
        name: like "G", "Em" or "D mix"; None for no key.
        alterations: semitones by note letter (capitals), natural letters left out.
        shift: what the field says of the voice's clef, octave and transposition.
    """

    name: str | None
    alterations: dict[str, int]
    shift: Shift = Shift()


def refuse(because: Rejection, what: str, line: int) -> UnreadableError:
    """The refusal of something on a line (counted from 1) of the tune's text."""
    return UnreadableError(because, f"{what} (line {line} of the tune)")


def parse_key(value: str, line: int, before: Key | None = None) -> Key:
    """The key, its explicit accidentals and its transposition (ABC 2.1, 3.1.14 and 4.6).

    `K:` alone and `K:none` have no accidentals; a field of nothing but a clef or other parameters
    (`K:clef=bass`) leaves the key as it was before. A mode may be cut short behind three letters.
    A question mark at the end is a doubt of the transcriber, not of the key. Both highland pipe
    keys are read as sounding F sharp and C sharp, the only F and C that the chanter has.

    Raises:
        UnreadableError: CORRUPT for what is no key, UNSUPPORTED_FORMAT for a percussion clef and
            for parameters outside the standard that would change the pitches.
    """
    text = value.rstrip("? \t").lstrip()
    match = _KEY.match(text)
    name: str | None = None
    alterations: dict[str, int] = {}
    if re.match(r"H[Pp](?!\S)", text):
        name, text, alterations = text[:2], text[2:], {"F": 1, "C": 1}
    elif re.match(r"none(?!\S)", text, re.IGNORECASE):
        text = text[4:]
    elif match:
        tonic, accidental, mode = match.groups()
        mode = mode.lower()[:3]  # capitals do not matter: "EM" is E minor
        fifths = _TONIC_FIFTHS[tonic] + _MODE_FIFTHS[mode]
        fifths += {"#": 7, "b": -7, "": 0}[accidental]
        suffix = _MODE_NAMES.get(mode, mode)
        name = tonic + accidental + (f" {suffix}" if len(suffix) > 1 else suffix)
        alterations = _signature(fifths, line, name)
        text = text[match.end() :]
    elif text[:1].islower() and _KEY.match(text.capitalize()):
        raise refuse(
            Rejection.CORRUPT, f"{text[:20]!r} is no key: a tonic is a capital letter", line
        )
    elif before and text and not _KEY_CHANGE.match(text):
        name, alterations = before.name, before.alterations
    alterations, shift = _key_modifiers(text, alterations, line)
    return Key(name, alterations, shift)


def _signature(fifths: int, line: int, name: str) -> dict[str, int]:
    if abs(fifths) > 7:
        raise refuse(Rejection.CORRUPT, f"The key {name!r} has {abs(fifths)} accidentals", line)
    if fifths >= 0:
        return dict.fromkeys(SHARPS[:fifths], 1)
    return dict.fromkeys(SHARPS[fifths:], -1)


def _key_modifiers(
    text: str, alterations: dict[str, int], line: int
) -> tuple[dict[str, int], Shift]:
    modifiers = field_words(text)
    if modifiers and modifiers[0].lower() == "exp":
        alterations, modifiers = {}, modifiers[1:]
    rest: list[str] = []
    for word in modifiers:
        if _KEY_ACCIDENTAL.match(word) and not _KEY_ACCIDENTAL.sub("", word):
            changes = {b.upper(): ALTERATIONS[a] for a, b in _KEY_ACCIDENTAL.findall(word)}
            alterations = {**alterations, **changes}
        else:
            rest.append(word)
    return alterations, voice_shift(rest, line, strict=True)


def field_words(value: str) -> list[str]:
    """The words of a `K:` or `V:` field; blanks in quotes divide none (``name="Tenor I"``)."""
    return _WORD.findall(value)


def voice_shift(words: list[str], line: int, *, strict: bool) -> Shift:
    """What `octave=`, `transpose=` and clefs say of the sound.

    Source: ABC 2.1, 4.6 and 7.1.

    Args:
        words: the parameters of a `K:` or `V:` field.
        line: where the field stands.
        strict: refuse a word that is no parameter (in `K:`, it may be a garbled key).
    """
    shift = Shift()
    for word in words:
        name, has_value, value = word.partition("=")
        name, value = name.lower(), value.strip('"')
        clef = _CLEF.fullmatch(word)
        if has_value and name in ("octave", "transpose", "t"):
            if not re.fullmatch(r"[+-]?\d{1,2}", value):
                raise refuse(Rejection.CORRUPT, f"{word[:20]!r} is no transposition", line)
            if name == "octave":
                shift = replace(shift, octave=12 * int(value))
            else:
                shift = replace(shift, transpose=int(value))
        elif has_value and name in _UNSUPPORTED_PARAMETERS:
            raise refuse(
                Rejection.UNSUPPORTED_FORMAT, f"The parameter {word[:20]!r} is unknown", line
            )
        elif clef and (clef[1] or clef[2]):
            if (clef[1] or "").lower().startswith("perc"):
                raise refuse(Rejection.UNSUPPORTED_FORMAT, "A percussion clef has no pitches", line)
            shift = replace(shift, clef={"+8": 12, "-8": -12}.get(clef[2] or "", 0))
        elif _OCTAVE_CLEF.fullmatch(word):
            raise refuse(Rejection.UNSUPPORTED_FORMAT, f"The clef {word[:20]!r} is unknown", line)
        elif strict and not has_value:
            raise refuse(
                Rejection.CORRUPT, f"{word[:20]!r} is neither a key nor its parameter", line
            )
    return shift


def parse_meter(value: str, line: int) -> tuple[str, Fraction] | None:
    """The metre as (name, length of a bar in whole notes); None for free metre.

    Source: ABC 2.1, 3.1.6. `C` is 4/4 and `C|` is 2/2, by name too; `(2+3)/8` is 5/8. A number alone
    and several metres in one field do not say how long a bar is: none.

    Raises:
        UnreadableError: CORRUPT for what is no metre (music on the field's line, too), and
            IMPOSSIBLE_TIMING for one with a zero in it.
    """
    text = value.strip().replace(" ", "")
    if text.lower() in ("", "none") or re.fullmatch(r"\d{1,3}", text) or _METERS.fullmatch(value):
        return None
    text = {"C": "4/4", "c": "4/4", "C|": "2/2", "c|": "2/2"}.get(text, text)
    match = re.fullmatch(r"\(?(\d{1,3}(?:\+\d{1,3}){0,15})\)?/(\d{1,3})", text)
    if not match:
        raise refuse(Rejection.CORRUPT, f"{value.strip()[:40]!r} is no metre", line)
    beats, unit = sum(map(int, match[1].split("+"))), int(match[2])
    if not beats or not unit:
        raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No bar can have the metre {text[:20]!r}", line)
    return f"{beats}/{unit}", Fraction(beats, unit)


def parse_unit(value: str, line: int) -> Fraction:
    """The unit note length in whole notes (ABC 2.1, 3.1.7).

    Raises:
        UnreadableError: CORRUPT for what is no fraction, IMPOSSIBLE_TIMING for a zero.
    """
    match = re.fullmatch(r"(\d{1,3})(?:\s*/\s*(\d{1,4}))?", value.strip())
    if not match:
        raise refuse(Rejection.CORRUPT, f"{value.strip()[:40]!r} is no unit note length", line)
    top, bottom = int(match[1]), int(match[2] or 1)
    if not top or not bottom:
        raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No note can last {value.strip()!r}", line)
    return Fraction(top, bottom)


def default_unit(meter: Fraction | None) -> Fraction:
    """The unit note length where no `L:` gives one: 1/16 below a metre of 3/4, else 1/8."""
    return Fraction(1, 16) if meter is not None and meter < Fraction(3, 4) else Fraction(1, 8)


def parse_tempo(value: str, unit: Fraction, line: int) -> float | None:
    """Quarter notes a minute; None where the field only has words or a 0 (ABC 2.1, 3.1.8 and 10.1).

    Reads `1/4=120`, `"Allegro" 1/4=120`, `1/4 3/8=40` (the beats are added), `C=120`, `C3=120` and
    a bare `120`, which counts unit notes. Of a range such as `1/4=60-70` it is the first number.

    Raises:
        UnreadableError: IMPOSSIBLE_TIMING outside 1 to 2,000 quarter notes a minute.
    """
    text = re.sub(r"\"[^\"]*\"?", " ", value).strip()
    match = _TEMPO.search(text) or _BARE_TEMPO.fullmatch(text)
    if not match or not float(match["rate"]):
        return None
    beat = unit
    if match["beats"]:
        words = match["beats"].split()
        if words[0][0] in "Cc":
            beat = unit * int(words[0][1:] or 1)
        elif any(int(word.split("/")[1]) == 0 for word in words):
            raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No tempo can be {text[:40]!r}", line)
        else:
            beat = sum((Fraction(word) for word in words), Fraction(0))
    tempo = float(beat * 4 * Fraction(match["rate"]))
    if not 1 <= tempo <= 2000:
        raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No tempo can be {text[:40]!r}", line)
    return tempo
