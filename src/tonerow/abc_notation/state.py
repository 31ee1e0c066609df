"""What the fields and directives of an ABC tune set: for the tune and for each of its voices.

Source: the ABC standard 2.1, 3, 7 and 11, and abc2midi's `%%MIDI` directives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from tonerow.abc_notation.fields import (
    Key,
    Shift,
    default_unit,
    field_words,
    parse_key,
    parse_meter,
    parse_tempo,
    parse_unit,
    refuse,
    voice_shift,
)
from tonerow.abc_notation.grammar import COMMENT
from tonerow.abc_notation.voice import Mark, Voice
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

ORNAMENTS = ".~HLMOPSTuvJKRUVk"
"""Decorations of one letter, by the standard or by the use of real collections."""


@dataclass(slots=True)
class _Start:
    """How a voice starts by fields and directives before it; None where they do not say."""

    shift: Shift = field(default_factory=Shift)
    program: int | None = None
    transpose: int | None = None


class Fields:
    """Applies the fields and directives of one tune.

    Attributes:
        voices: those that have begun in the body, in order.
        order: the header's `P:` field.
        tempo_bpm: quarter notes a minute by the header's `Q:`; None for none.
    """

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.order: str | None = None
        self.tempo_bpm: float | None = None
        self._unit: Fraction | None = None
        self._meter: tuple[str, Fraction] | None = None
        self._key = Key(None, {})
        self._line = 0
        self._tempo_field: tuple[str, int] | None = None
        self._start = _Start()  # of every voice, and below of a voice by its name
        self._starts: dict[str, _Start] = {}
        self._voice_named = False  # by a `V:` field in the body
        self._header_voice: str | None = None  # whose `V:` field was the header's last
        self._propagate = "pitch"  # what accidentals apply to up to the bar line (ABC 2.1, 11.3)
        self._ornaments = set(ORNAMENTS)
        self._voice: Voice | None = None
        self._part: str | None = None  # by the last label in the body

    def field(self, letter: str, value: str, line: int) -> None:
        """Apply a field of the header or, once a voice has begun, of the body (ABC 2.1, 3)."""
        self._line = line
        if letter == "m":
            raise refuse(Rejection.UNSUPPORTED_FORMAT, "A macro rewrites the notes", line)
        if letter == "U":
            self._ornaments |= set(value.split("=", maxsplit=1)[0].strip())
        elif letter == "I":
            self.directive(value, line)
        elif letter == "V":
            self._field_voice(value)
        elif self._voice is None:
            self._header_field(letter, value)
        else:
            self._body_field(self._voice, letter, value)

    def end_header(self, key: str, line: int) -> None:
        """Apply the `K:` field that ends the header and begin the first voice."""
        self._key = parse_key(key, line)
        self._start.shift = self._key.shift
        self._unit = self._unit or default_unit(self._meter[1] if self._meter else None)
        if self._tempo_field:
            value, at = self._tempo_field
            self.tempo_bpm = parse_tempo(value, self._unit, at)
        self._voice = self._begin_voice(next(iter(self._starts), ""))

    def directive(self, text: str, line: int) -> None:
        """Apply a stylesheet directive that changes the notes; ignore others (ABC 2.1, 11).

        Raises:
            UnreadableError: CORRUPT for a value that makes no sense, UNSUPPORTED_FORMAT for what
                would move the notes in a way that this reader does not know.
        """
        self._line = line
        words = re.sub(r"(?i)^\s*midi\s*=", "midi ", COMMENT.sub("", text)).lower().split()
        if words[:1] == ["propagate-accidentals"] and len(words) > 1:
            if words[1] not in ("not", "octave", "pitch"):
                raise self._refuse(f"{words[1][:20]!r} is no rule for accidentals")
            self._propagate = words[1]
        elif words[:1] == ["transpose"] and words[1:] != ["0"]:
            what = "The directive 'transpose' moves the notes"
            raise refuse(Rejection.UNSUPPORTED_FORMAT, what, line)
        elif words[:1] == ["midi"] and len(words) > 1:
            self._midi(words[1], words[2:])

    def _midi(self, command: str, values: list[str]) -> None:
        """Apply what follows `%%MIDI` or `I:MIDI=`, as abc2midi does, but what colours the sound."""
        if command in ("nobarlines", "barlines"):
            self._propagate = "not" if command == "nobarlines" else "pitch"
        elif command in ("transpose", "rtranspose"):
            if not values or not re.fullmatch(r"[+-]?\d{1,2}", values[0]):
                raise self._refuse(f"{' '.join(values)[:20]!r} is no transposition")
            self._set_transpose(int(values[0]), relative=command == "rtranspose")
        elif command in ("c", "octave"):
            what = f"The directive 'MIDI {command}' moves the notes"
            raise refuse(Rejection.UNSUPPORTED_FORMAT, what, self._line)
        elif command == "channel" and values[:1] == ["10"]:
            raise refuse(Rejection.UNSUPPORTED_FORMAT, "Percussion has no pitches", self._line)
        elif command == "program" and values and re.fullmatch(r"[0-9]{1,3}", values[-1]):
            if (program := int(values[-1])) > 127:
                raise self._refuse(f"There is no MIDI program {program}")
            self._set_program(program)

    def _set_transpose(self, semitones: int, *, relative: bool) -> None:
        start = self._start_in_force()
        if relative:
            own = start.transpose if start else self._current.transpose
            semitones += (self._start.transpose or 0) if own is None else own
        if start:
            start.transpose = semitones
        if self._voice:
            self._voice.transpose = semitones

    def _set_program(self, program: int) -> None:
        if start := self._start_in_force():
            start.program = program
        if self._voice:
            self._voice.program = program

    def _start_in_force(self) -> _Start | None:
        """What a directive here sets for voices to come; None inside a voice, whose own it is."""
        if self._voice is None and self._header_voice is not None:
            return self._starts[self._header_voice]
        return self._start if self._voice is None or self._is_before_voices() else None

    def _is_before_voices(self) -> bool:
        """Whether the body has begun, but neither its music nor a voice."""
        return self._voice is not None and not (self._voice_named or self._voice.sounds)

    def _header_field(self, letter: str, value: str) -> None:
        if letter == "L":
            self._unit = parse_unit(value, self._line)
        elif letter == "M":
            self._meter = parse_meter(value, self._line)
        elif letter == "Q":
            self._tempo_field = (value, self._line)
        elif letter == "P":
            self.order = value.strip() or None

    def _body_field(self, voice: Voice, letter: str, value: str) -> None:
        for_all = self._is_before_voices()
        if letter == "L":
            voice.set_unit(parse_unit(value, self._line))
            self._unit = voice.unit if for_all else self._unit
        elif letter == "M":
            meter = parse_meter(value, self._line)
            voice.set_meter(meter)
            self._meter = meter if for_all else self._meter
        elif letter == "K":
            voice.key = parse_key(value, self._line, voice.key)
            voice.shift = voice.shift.updated(voice.key.shift)
            if for_all:
                self._key = voice.key
                self._start.shift = self._start.shift.updated(voice.key.shift)
        elif letter == "P" and re.fullmatch("[A-Za-z]", value.strip()):  # else it is a remark
            self._part = value.strip()
            for each in self.voices:  # a part begins in all of them
                if each is voice or not each.is_at_label():
                    each.marks.append(Mark(len(each.sounds), self._line, part=self._part))
        elif letter == "Q" and (bpm := parse_tempo(value, voice.unit, self._line)) is not None:
            voice.tempos.append((len(voice.sounds), bpm))

    def _field_voice(self, value: str) -> None:
        name, *parameters = field_words(value) or [""]
        shift = voice_shift(parameters, self._line, strict=False)
        if self._voice is None:
            start = self._starts.setdefault(name, _Start())
            start.shift = start.shift.updated(shift)
            self._header_voice = name
            return
        known = [voice for voice in self.voices if voice.name == name]
        if not known and self._is_before_voices():
            self._prepare(self._voice, name)
            known = [self._voice]
        elif not known and not self._voice.name:
            what = "Music stands before the first voice: it needs a V: field, too"
            raise refuse(Rejection.UNSUPPORTED_FORMAT, what, self._line)
        self._voice_named = True
        self._voice = known[0] if known else self._begin_voice(name)
        self._voice.shift = self._voice.shift.updated(shift)

    def _begin_voice(self, name: str) -> Voice:
        if len(self.voices) == 256:
            raise refuse(Rejection.CORRUPT, "The tune has over 256 voices", self._line)
        meter_name, meter = self._meter or (None, None)
        voice = Voice(name, self._unit or Fraction(1, 8), meter, meter_name, self._key)
        self._prepare(voice, name)
        if self._part is not None:
            voice.marks.append(Mark(0, self._line, part=self._part))
        self.voices.append(voice)
        return voice

    def _prepare(self, voice: Voice, name: str) -> None:
        """Give a voice without notes its name and what was said of it, or else of all."""
        voice.name = name
        own, every = self._starts.get(name, _Start()), self._start
        voice.shift = every.shift.updated(own.shift)
        voice.program = (every.program if own.program is None else own.program) or 0
        voice.transpose = (every.transpose if own.transpose is None else own.transpose) or 0

    @property
    def _current(self) -> Voice:
        assert self._voice is not None, "music before the header's end"
        return self._voice

    def _refuse(self, what: str) -> UnreadableError:
        return refuse(Rejection.CORRUPT, what, self._line)
