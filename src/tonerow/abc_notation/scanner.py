"""Reads the text of an ABC tune, symbol by symbol, into voices of notes and bar lines as written.

Source: the ABC standard 2.1 (section numbers in the docstrings). Whatever is not music by the
standard is refused with its line and column; only these departures, usual in real collections, are
read: ``!`` as the end of a line, ``=`` and ``=20`` there (left by mail programs), ``+CEG+`` as a
chord, ``J``, ``K``, ``R``, ``U``, ``V`` and ``k`` as ornaments, ``A -A`` as a tie.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from tonerow.abc_notation.fields import ALTERATIONS, refuse
from tonerow.abc_notation.grammar import GRACE_NOTE, MEMBER, TOKEN, UNCLEAR
from tonerow.abc_notation.state import Fields
from tonerow.abc_notation.voice import WHOLE, Mark, Sound
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

_SEMITONES = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
_SEMITONES |= {letter.lower(): pitch + 12 for letter, pitch in _SEMITONES.items()}
_COMPOUND = frozenset({"6", "9", "12"})  # beats of the metres in which (5, (7 and (9 take 3
_LONGEST_CHORD = 10_000
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}


class Scanner(Fields):
    """Reads one tune; fields of the header first, then `music` line by line.

    Attributes:
        max_notes: notes and rests that may be written at most.
    """

    def __init__(self, max_notes: int) -> None:
        super().__init__()
        self.max_notes = max_notes
        self._n_sounds = 0
        self._handlers: dict[str, Callable[[re.Match[str]], None]] = {
            "note": self._read_note,
            "bar": self._read_bar,
            "broken": self._read_broken,
            "rest": self._read_rest,
            "tuplet": self._read_tuplet,
            "grace": self._read_grace,
            "inline": self._read_inline,
            "ending": self._read_ending,
            "chord": self._read_chord,
            "named": self._read_named,
            "line_end": self._read_line_end,
            "old_chord": self._read_old_chord,
            "ornament": self._read_ornament,
            "bars_rest": self._read_bars_rest,
            "late_tie": self._read_late_tie,
            "colon": self._read_colon,
            "overlay": self._read_overlay,
        }

    def music(self, text: str, line: int) -> None:
        """Read a line of music code.

        Raises:
            UnreadableError: for whatever is not music, with its line and column.
        """
        self._line = line
        position, handlers, match_at = 0, self._handlers, TOKEN.match
        while position < len(text):
            match = match_at(text, position)
            if match is None:
                raise self._no_music(text, position)
            if match.lastgroup != "skip":
                try:
                    handlers[match.lastgroup or ""](match)
                except UnreadableError as error:
                    raise self._located(error, position) from None
            position = match.end()

    def _located(self, error: UnreadableError, position: int) -> UnreadableError:
        detail = error.detail.replace(
            f"(line {self._line} of", f"(line {self._line}, column {position + 1} of"
        )
        return UnreadableError(error.because, detail)

    def _no_music(self, text: str, position: int) -> UnreadableError:
        symbol = text[position]
        where = f"(line {self._line}, column {position + 1} of the tune)"
        kinds = {'"': "A quoted text", "{": "A group of grace notes", "[": "A bracket"}
        if symbol in kinds:
            return UnreadableError(Rejection.CORRUPT, f"{kinds[symbol]} is not closed {where}")
        return UnreadableError(Rejection.CORRUPT, f"{symbol!r} is no music {where}")

    def _add(self, sound: Sound) -> None:
        self._n_sounds += len(sound.pitches) or 1
        if self._n_sounds > self.max_notes:
            what = f"The tune has over {self.max_notes:,} notes and rests"
            raise refuse(Rejection.TOO_MANY_NOTES, what, self._line)
        self._current.add(sound)

    def _pitch(self, match: re.Match[str]) -> tuple[int, str, int]:
        """The pitch of a note, what names its staff position, and its alteration."""
        accidental, letter, octave = match.group("accidental", "letter", "octave")
        voice = self._current
        staff = letter + octave
        where = letter.upper() if self._propagate == "pitch" else staff
        if accidental:
            alteration = ALTERATIONS[accidental]
            if self._propagate != "not":
                voice.altered[where] = alteration
        elif staff in voice.tied:
            alteration = voice.tied[staff]
        elif where in voice.altered and self._propagate != "not":
            alteration = voice.altered[where]
        else:
            alteration = voice.key.alterations.get(letter.upper(), 0)
        pitch = _SEMITONES[letter] + alteration + voice.shift.semitones + voice.transpose
        if octave:
            pitch += 12 * (octave.count("'") - octave.count(","))
        if not 0 <= pitch <= 127:
            raise self._refuse(f"The pitch {pitch} of {match['note'][:20]!r} is not in 0-127")
        return pitch, staff, alteration

    def _read_note(self, match: re.Match[str]) -> None:
        pitch, staff, alteration = self._pitch(match)
        voice = self._current
        length = voice.length(match["length"], self._line)
        tied = match["tie"] == "-"
        voice.last = {staff: alteration}
        voice.tied = voice.last if tied else {}
        self._add(Sound((pitch,), (length,), (tied,), length, self._line))

    def _read_chord(self, match: re.Match[str]) -> None:
        self._chord(match["members"], match["chord_length"], match["chord_tie"] == "-")

    def _chord(self, members: str, multiplier: str, all_tied: bool) -> None:
        """A chord lasts as long as its first note (ABC 2.1, 4.17)."""
        voice = self._current
        notes: dict[int, tuple[int, bool]] = {}
        carried: dict[str, int] = {}
        voice_last: dict[str, int] = {}
        position, first = 0, 0
        outer = voice.length(multiplier, self._line)
        if len(members) > _LONGEST_CHORD:
            raise self._refuse(f"A chord of over {_LONGEST_CHORD:,} characters")
        while position < len(members):
            part = MEMBER.match(members, position)
            if part is None:
                raise self._refuse(f"{members[position]!r} is no note of a chord")
            position = part.end()
            if part.lastgroup == "skip":
                continue
            pitch, staff, alteration = self._pitch(part)
            inner = voice.length(part["length"], self._line)
            exact = Fraction(inner * outer) / (voice.unit * WHOLE)
            if exact.denominator != 1:
                raise refuse(Rejection.IMPOSSIBLE_TIMING, "Too fine a note length", self._line)
            first = first or exact.numerator
            tied = all_tied or part["tie"] == "-"
            voice_last[staff] = alteration
            if tied:
                carried[staff] = alteration
            notes.setdefault(pitch, (exact.numerator, tied))  # a unison sounds once
        if not notes:
            raise self._refuse("A chord has no notes")
        voice.tied, voice.last = carried, voice_last
        lengths, ties = zip(*notes.values(), strict=True)
        self._add(Sound(tuple(notes), lengths, ties, first, self._line))

    def _read_rest(self, match: re.Match[str]) -> None:
        voice = self._current
        voice.tied = voice.last = {}
        self._add(Sound((), (), (), voice.length(match["rest_length"], self._line), self._line))

    def _read_bars_rest(self, match: re.Match[str]) -> None:
        self._current.tied = self._current.last = {}
        self._current.rest_bars(match["count"], self._line)

    def _read_broken(self, match: re.Match[str]) -> None:
        sign = match["broken"]
        if len(set(sign)) > 1:
            raise self._refuse(f"{sign[:9]!r} is no broken rhythm")
        self._current.break_rhythm(sign, self._line)

    def _read_tuplet(self, match: re.Match[str]) -> None:
        """Begin a tuplet of p notes in the time of q, for r notes (ABC 2.1, 4.13)."""
        voice = self._current
        if any(len(text or "") > 3 for text in match.group("p", "q", "r")):
            raise refuse(Rejection.IMPOSSIBLE_TIMING, "A tuplet of over 999 notes", self._line)
        p = int(match["p"])
        compound = voice.meter_name is not None and voice.meter_name.split("/")[0] in _COMPOUND
        q = int(match["q"] or _TUPLET_TIME.get(p, 3 if compound else 2))
        r = int(match["r"] or p)
        if not p or not q or not r:
            raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No tuplet can be ({p}:{q}:{r}", self._line)
        if voice.tuplet or p == 1 or (p > 9 and not match["q"]):
            rule = (
                "tuplets inside tuplets are" if voice.tuplet else "a tuplet of other than 2 to 9 is"
            )
            raise self._refuse(
                f"{match['tuplet']!r} begins a tuplet, but {rule} not in the standard"
            )
        voice.tuplet = (q, p, r)

    def _read_grace(self, match: re.Match[str]) -> None:
        """Grace notes take no time and are left out; their accidentals hold up to the bar line."""
        for accidental, letter, octave in GRACE_NOTE.findall(match["grace"]):
            if self._propagate != "not":
                where = letter.upper() if self._propagate == "pitch" else letter + octave
                self._current.altered[where] = ALTERATIONS[accidental]

    def _read_inline(self, match: re.Match[str]) -> None:
        self.field(match["field"], match["value"], self._line)

    def _read_named(self, match: re.Match[str]) -> None:
        """A ``!decoration!`` or a ``+decoration+``."""
        name = match["named"]
        if UNCLEAR.fullmatch(name):
            raise self._refuse(f"It is unclear whether {name[:20]!r} is a decoration or notes")

    def _read_line_end(self, _: re.Match[str]) -> None:
        """A ``!`` that ended a line before ABC 2."""

    def _read_old_chord(self, match: re.Match[str]) -> None:
        """A chord as ABC 1 wrote it."""
        self._chord(match["old_members"], "", all_tied=False)

    def _read_ornament(self, match: re.Match[str]) -> None:
        if match["ornament"] not in self._ornaments:
            raise self._refuse(f"{match['ornament']!r} is no music")

    def _read_late_tie(self, match: re.Match[str]) -> None:
        """A tie after a space, a bar line or a chord symbol; after a rest it means nothing."""
        voice = self._current
        if voice.newest is None:
            raise self._refuse("A tie follows no note")
        voice.newest.tied = (True,) * len(voice.newest.pitches)
        voice.tied = voice.last

    def _read_colon(self, _: re.Match[str]) -> None:
        """The colon of a ``|:`` whose bar line ends the line before."""
        voice = self._current
        if voice.bar_begin != len(voice.sounds):
            raise self._refuse("':' is no bar line")
        voice.marks.append(Mark(len(voice.sounds), self._line, starts=True))

    def _read_bar(self, match: re.Match[str]) -> None:
        """A bar line with its repeats, and the variant ending that it begins (ABC 2.1, 4.8)."""
        voice = self._current
        sign, passes = match.group("sign", "passes")
        if voice.broken:
            raise self._refuse("A broken rhythm stands before a bar line")
        voice.end_bar(self._line)
        if sign == "|" and not passes:
            return
        if sign == "|:|":  # not in the standard
            sign = "|:" if voice.is_in_pickup() else ":|:"
        before = len(sign) - len(sign.lstrip(":"))
        after = len(sign) - len(sign.rstrip(":"))
        if before == len(sign):  # "::" stands for ":|:"
            before, after = (1, 1) if before == 2 else (before // 2, before - before // 2)
        core = sign.strip(":")
        voice.marks.append(
            Mark(
                position=len(voice.sounds),
                line=self._line,
                times=before + 1 if before else 0,
                starts=after > 0,
                double=core in ("||", "|]", "[|", "||]", "|||", "]"),  # "[|]" is invisible
                endings=self._passes(passes) if passes else (),
            )
        )

    def _read_overlay(self, match: re.Match[str]) -> None:
        if match["overlay"] != "&":
            what = f"The overlay {match['overlay'][:9]!r} is of several bars"
            raise refuse(Rejection.UNSUPPORTED_FORMAT, what, self._line)
        self._current.begin_layer(self._line)

    def _read_ending(self, match: re.Match[str]) -> None:
        voice = self._current
        endings = self._passes(match["ending_passes"])
        voice.marks.append(Mark(len(voice.sounds), self._line, endings=endings))

    def _passes(self, text: str) -> tuple[int, ...]:
        """The passes of a variant ending: "1", "1,3", "1-3", "2." (ABC 2.1, 4.10)."""
        passes: list[int] = []
        for part in text.strip(",.").split(","):
            first, dash, last = part.strip(".").partition("-")
            if not re.fullmatch(r"[1-9]\d?", first) or (dash and not re.fullmatch(r"\d\d?", last)):
                raise self._refuse(f"{text[:20]!r} names no ending")
            passes += range(int(first), int(last or first) + 1)
        if not passes or len(set(passes)) < len(passes):
            raise self._refuse(f"{text[:20]!r} names no ending")
        return tuple(passes)
