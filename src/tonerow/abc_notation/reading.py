"""Reads ABC notation: file -> tunes as written -> notes as played.

A scanner of our own reads the melodic part of the ABC standard 2.1 and refuses the rest with a
reason; `benchmarks/abc_readers.py` compares it with the libraries that read ABC.

What is left out by design: grace notes and ornaments (they have no written length), chord symbols
and annotations in quotes (among them "D.C." and "Segno": jumps in words are not played), lyrics.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonerow.abc_notation.downbeat import first_downbeat
from tonerow.abc_notation.fields import refuse
from tonerow.abc_notation.lines import FIELD, tune_lines
from tonerow.abc_notation.repeats import Mark, play_order, played_ranges
from tonerow.abc_notation.scanner import Scanner
from tonerow.abc_notation.voice import WHOLE, Bar, Sound, Voice
from tonerow.notes.schema import Rejection
from tonerow.notes.score import Score, UnreadableError

VELOCITY = 80
MAX_NOTES = 1_000_000
MAX_TUNES = 100_000
_MAX_SHARED = 2**26  # characters that the fields for all tunes may add
_MAX_TICK = 2**31 - 1  # as in MIDI
_LONGEST_TUNE = 2**28  # whole notes: keeps sums within 64 bits
_DEFAULT_BPM = 120.0
_TICKS_PER_BEAT = 480
_MAX_TICKS_PER_BEAT = 32767  # the most that a MIDI file can state
_HEADER_FIELD = re.compile(r"([A-Za-z+]):(.*)")
_TUNE = re.compile(
    r"^%%begin(?:(?!^%%begin).)*?^%%end|^[ \t]*(?P<number>X:)", re.MULTILINE | re.DOTALL
)
_HEADER_FIELDS = re.compile(r"[CIKLMQRUm]:|%%")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class WrittenVoice:
    """One voice as written.

    Attributes:
        name: of its `V:` field; "" where the tune has none.
        program: General MIDI program 0-127.
        sounds: notes, chords and rests in order.
        marks: repeats, endings, double bars and part labels between them, in order.
        bars: as written; a voice that goes on after its last bar line ends with an unclosed bar.
        tempos: (index of sound, quarter notes a minute) of each `Q:` in the body.
        key: at its first note, like "G", "Em" or "D mix"; None for none.
        time_signature: at its first note, like "6/8"; None in free metre.
    """

    name: str
    program: int
    sounds: tuple[Sound, ...]
    marks: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    tempos: tuple[tuple[int, float], ...]
    key: str | None
    time_signature: str | None

    @property
    def n_notes(self) -> int:
        """Notes as written: each head once, repeats not played, ties not joined."""
        return sum(len(sound.pitches) for sound in self.sounds)


@dataclass(frozen=True)
class Tune:
    """A tune as written.

    Attributes:
        title: of the first `T:`; None for none.
        composer: of the first `C:`; None for none.
        tempo_bpm: quarter notes a minute by the header's `Q:`; None for none.
        order: the header's `P:` field; None for none.
        voices: those with notes, in order of their first line.
    """

    title: str | None
    composer: str | None
    tempo_bpm: float | None
    order: str | None
    voices: tuple[WrittenVoice, ...]

    @property
    def n_notes_written(self) -> int:
        """Notes as written in all voices: repeats not played, ties not joined."""
        return sum(voice.n_notes for voice in self.voices)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The bars of the first voice as written."""
        return self.voices[0].bars


def decode(data: bytes) -> str:
    r"""The text of an ABC file, its lines ended by ``\n``.

    UTF-8, else Windows-1252, else Latin-1, as old collections have it (ABC 2.1, 2.1). Byte-order
    marks, which stand inside of files that were put together from others, are left out, and so is
    the control character with which DOS ended a text. ``\r\r\n``, which is ``\r\n`` written as if
    its ``\n`` were all of it, ends one line.

    Raises:
        UnreadableError: NOT_TEXT for UTF-16 or UTF-32 and for control characters.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError(Rejection.NOT_TEXT, "The file is UTF-16; ABC is UTF-8 or Latin-1")
    text = ""
    for encoding in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    text = text.replace("\ufeff", "").rstrip("\x1a")
    match = _CONTROL.search(text)
    if match:
        what = f"The file has the control character {ord(match[0]):#04x} at {match.start()}"
        raise UnreadableError(Rejection.NOT_TEXT, what)
    return re.sub(r"\r?\r\n|\r", "\n", text)


def split_tunes(text: str) -> list[str]:
    """The tunes of a file, each as written from its `X:` line on (ABC 2.1, 2.2).

    Fields before the first `X:` hold for every tune and are put below its `X:` line, unless there
    is a `K:` among them: then they begin a tune without a number. An `X:` between `%%begintext` and
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
            tunes.insert(0, text[:first].strip("\n"))
        return tunes
    shared = [line for line in head if _HEADER_FIELDS.match(line)]
    if sum(map(len, shared)) * len(tunes) > _MAX_SHARED:
        raise UnreadableError(Rejection.TOO_LARGE, "The fields before the first tune are too long")
    if shared:
        parts = [tune.partition("\n") for tune in tunes]
        tunes = ["\n".join([number, *shared, rest]) for number, _, rest in parts]
    return tunes


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
        letter, value = match.groups()
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
    title, composer = (texts.get(letter) or None for letter in "TC")
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
        voice.program,
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


def play(tune: Tune, max_notes: int = MAX_NOTES) -> Score:
    """The notes of a tune as played: repeats, endings and parts in order, tied notes joined.

    Onsets in seconds follow the tempo; 120 quarter notes a minute where none is given. Every voice
    is a track of its own.

    Args:
        tune: as `parse_tune` gives it.
        max_notes: notes and rests that it may have at most, as played.

    Raises:
        UnreadableError: repeats, endings or parts contradict each other, no note is played or too
            many are, or the note lengths fit no common tick.
    """
    notes: list[tuple[int, int, int, int, int]] = []  # track, program, pitch, onset, duration
    tempos: list[tuple[int, float]] = []
    played_voices = _played_voices(tune, max_notes)
    for track, (voice, ranges) in enumerate(zip(tune.voices, played_voices, strict=True)):
        played, changes = _play_voice(voice, ranges)
        notes += [(track, voice.program, *note) for note in played]
        tempos += changes
    if len(notes) > max_notes:
        raise UnreadableError(Rejection.TOO_MANY_NOTES, f"The tune has over {max_notes:,} notes")
    if not notes:
        raise UnreadableError(Rejection.NO_NOTES, "The play order leaves out every note")
    return _score(tune, notes, sorted(tempos), _downbeat(tune.voices[0], played_voices[0]))


def _played_voices(tune: Tune, max_notes: int) -> list[list[tuple[int, int]]]:
    """Which sounds of each voice are played, in order; voices with parts must end together."""
    labels = {mark.part for voice in tune.voices for mark in voice.marks if mark.part is not None}
    if len(tune.voices) > 1 and play_order(tune.order, labels, max_notes) is not None:
        what = "The tune has several voices and an order of parts, which one voice alone may have"
        raise UnreadableError(Rejection.UNSUPPORTED_FORMAT, what)
    played, ends, left = [], set(), max_notes
    for voice in tune.voices:
        ranges = played_ranges(len(voice.sounds), list(voice.marks), tune.order, left)
        left -= sum(end - begin for begin, end in ranges)
        ends.add(sum(s.advance for begin, end in ranges for s in voice.sounds[begin:end]))
        played.append(ranges)
    if labels and len(ends) > 1:
        what = "The tune has parts, and with their repeats played its voices do not end together"
        raise UnreadableError(Rejection.CORRUPT, what)
    return played


def _play_voice(
    voice: WrittenVoice, ranges: list[tuple[int, int]]
) -> tuple[list[tuple[int, int, int]], list[tuple[int, float]]]:
    """(pitch, onset, duration) and (onset, tempo) in 1 / `WHOLE`, in the order of playing."""
    notes: list[tuple[int, int, int]] = []
    changes: list[tuple[int, float]] = []
    tempo_at = dict(voice.tempos)
    held: dict[int, int] = {}  # pitch -> index in `notes` of the note that a tie holds
    now = 0
    for begin, end in ranges:
        for index in range(begin, end):
            sound = voice.sounds[index]
            if index in tempo_at:
                changes.append((now, tempo_at[index]))
            holding: dict[int, int] = {}
            for pitch, duration, tied in zip(
                sound.pitches, sound.durations, sound.tied, strict=True
            ):
                place = held.get(pitch)
                if place is not None and notes[place][1] + notes[place][2] == now:
                    notes[place] = (pitch, notes[place][1], notes[place][2] + duration)
                else:
                    place = len(notes)
                    notes.append((pitch, now, duration))
                if tied:
                    holding[pitch] = place
            held = holding
            now += sound.advance
    if now > _LONGEST_TUNE * WHOLE:
        raise UnreadableError(Rejection.IMPOSSIBLE_TIMING, "The tune lasts for years")
    return notes, changes


def _downbeat(voice: WrittenVoice, ranges: list[tuple[int, int]]) -> float | None:
    """When a bar begins, in quarter notes; None in free metre."""
    if voice.time_signature is None:
        return None
    return float(first_downbeat(voice.sounds, voice.bars, ranges, voice.time_signature))


def _score(
    tune: Tune,
    notes: list[tuple[int, int, int, int, int]],
    tempos: list[tuple[int, float]],
    downbeat_beat: float | None,
) -> Score:
    table = np.array(notes, dtype=np.int64).reshape(-1, 5)
    onset, duration = table[:, 3], table[:, 4]
    step = math.gcd(WHOLE // 4, *map(int, np.unique(onset)), *map(int, np.unique(duration)))
    ticks_per_beat = WHOLE // 4 // step
    if _TICKS_PER_BEAT % ticks_per_beat == 0:
        ticks_per_beat = _TICKS_PER_BEAT
    if ticks_per_beat > _MAX_TICKS_PER_BEAT:
        what = f"The note lengths need {ticks_per_beat:,} ticks in a quarter note"
        raise UnreadableError(Rejection.IMPOSSIBLE_TIMING, what)
    if int(onset.max() + duration.max()) // (WHOLE // 4 // ticks_per_beat) > _MAX_TICK:
        raise UnreadableError(Rejection.IMPOSSIBLE_TIMING, "The tune lasts for years")
    tempo = tune.tempo_bpm or next((bpm for at, bpm in tempos if at == 0), None)
    onset_sec = _seconds(onset, tempo, tempos)
    first = tune.voices[0]
    return Score(
        ticks_per_beat=ticks_per_beat,
        track=table[:, 0],
        program=table[:, 1],
        is_drum=np.zeros(len(table), dtype=np.bool_),
        pitch=table[:, 2],
        velocity=np.full(len(table), VELOCITY, dtype=np.int64),
        onset_tick=onset // (WHOLE // 4 // ticks_per_beat),
        duration_tick=duration // (WHOLE // 4 // ticks_per_beat),
        onset_sec=onset_sec,
        duration_sec=_seconds(onset + duration, tempo, tempos) - onset_sec,
        tempo_bpm=tempo,
        time_signature=first.time_signature,
        downbeat_beat=downbeat_beat,
        key=first.key,
        title=tune.title,
        composer=tune.composer,
    )


def _seconds(
    times: NDArray[np.int64], tempo: float | None, changes: list[tuple[int, float]]
) -> NDArray[np.float64]:
    """Seconds at times in 1 / `WHOLE`, by the first tempo and its changes in order."""
    at, bpm, elapsed = [0], [tempo or _DEFAULT_BPM], [0.0]
    for when, new in changes:
        elapsed.append(elapsed[-1] + (when - at[-1]) * 240.0 / (bpm[-1] * WHOLE))
        at.append(when)
        bpm.append(new)
    index = np.searchsorted(np.array(at), times, side="right") - 1
    rate = 240.0 / (np.array(bpm)[index] * WHOLE)
    seconds: NDArray[np.float64] = np.array(elapsed)[index] + (times - np.array(at)[index]) * rate
    return seconds
