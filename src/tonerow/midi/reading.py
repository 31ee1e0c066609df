"""MIDI bytes to the notes of one piece.

What other readers disagree about:

- Notes of one pitch that overlap in a channel and track end in the order in which they began, as in
  mido, symusic and most editors, if each note-on has its note-off. Where note-offs are missing, or too
  many, a note-off ends every open note of its pitch, as in `pretty_midi`, so that none goes on to
  another's end; a note that begins on the very tick of the note-off goes on if there was an older one
  to end.
- A note-on that no note-off follows has no length: it is left out. So is a note of 0 ticks.
- Tempo, metre and key count from whichever track they stand in (`pretty_midi` reads track 0 only).
- The program is the last one set for the channel in the note's own track or, where that sets none,
  in any track.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonerow.midi.events import (
    KEY_SIGNATURE,
    TEMPO,
    TIME_SIGNATURE,
    Meta,
    MidiFile,
    Track,
    parse,
)
from tonerow.notes.schema import Rejection
from tonerow.notes.score import Score, UnreadableError

_DEFAULT_TEMPO = 500_000  # microseconds in a quarter note
_DRUM_CHANNEL = 9
_MAX_TICK = 2**31 - 1  # more than a year at any usual tempo; other programs wrap around here
_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")

_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Notes:
    """Note columns, int64; `program` is -1 where the note's own track has set none."""

    track: _Ints
    program: _Ints
    channel: _Ints
    pitch: _Ints
    velocity: _Ints
    onset: _Ints
    end: _Ints


def read_midi(data: bytes) -> Score:
    """Reads one MIDI file of format 0 or 1 (or 2 with one sequence), RIFF-wrapped or not.

    Args:
        data: the file's bytes.

    Returns:
        The notes, in no particular order. Title and composer stay None: what stands first in a
        MIDI file is more often the name of an instrument than that of the piece.

    Raises:
        UnreadableError: the bytes are damaged or of an unsupported kind, the timing is impossible,
            or there is no note.
    """
    midi = parse(data)
    parts = [_notes(track, number) for number, track in enumerate(midi.tracks)]
    columns = np.concatenate([*parts, np.empty((0, 7), np.int64)])
    if not len(columns):
        struck = any(np.any((t.status >> 4 == 9) & (t.data2 > 0)) for t in midi.tracks)
        why = "notes begin, but none has a length" if struck else "no note begins"
        raise UnreadableError(Rejection.NO_NOTES, f"{why}, in {len(midi.tracks)} tracks")
    latest = int(columns[:, 6].max())
    if latest > _MAX_TICK:
        raise UnreadableError(
            Rejection.IMPOSSIBLE_TIMING, f"a note ends at tick {latest}, beyond {_MAX_TICK}"
        )
    notes = _Notes(*columns.T)
    return _score(midi, replace(notes, program=_programs(notes, midi.tracks)))


def _score(midi: MidiFile, notes: _Notes) -> Score:
    """Adds seconds, tempo, metre and key."""
    tempo_tick, tempo, stated = _tempo_map(midi.tracks)
    # Whole microseconds x ticks: exact in 64 bits, rounded once by the division at the end.
    base = np.concatenate([[0], np.cumsum(np.diff(tempo_tick) * tempo[:-1])])
    at_onset = np.searchsorted(tempo_tick, notes.onset, side="right") - 1
    at_end = np.searchsorted(tempo_tick, notes.end, side="right") - 1
    onset = base[at_onset] + (notes.onset - tempo_tick[at_onset]) * tempo[at_onset]
    end = base[at_end] + (notes.end - tempo_tick[at_end]) * tempo[at_end]
    unit = midi.ticks_per_beat * 1e6
    first = int(notes.onset.min())
    known = stated is not None and stated <= first
    metre = _last_meta(midi.tracks, TIME_SIGNATURE, first)
    time_signature = _time_signature(metre)
    return Score(
        ticks_per_beat=midi.ticks_per_beat,
        track=notes.track,
        program=notes.program,
        is_drum=notes.channel == _DRUM_CHANNEL,
        pitch=notes.pitch,
        velocity=notes.velocity,
        onset_tick=notes.onset,
        duration_tick=notes.end - notes.onset,
        onset_sec=onset / unit,
        duration_sec=(end - onset) / unit,
        tempo_bpm=6e7 / float(tempo[at_onset.min()]) if known else None,
        time_signature=time_signature,
        # A metre holds from its event on, and so do its bars.
        downbeat_beat=metre.tick / midi.ticks_per_beat if metre and time_signature else None,
        key=_key(_last_meta(midi.tracks, KEY_SIGNATURE, first)),
    )


def _notes(track: Track, number: int) -> _Ints:
    """The closed notes of a track, (n, 7) in the order of `_Notes`."""
    index = np.flatnonzero((track.status >> 4 == 8) | (track.status >> 4 == 9))
    tick = track.tick[index]
    channel = (track.status[index] & 0x0F).astype(np.int64)
    voice = channel << 7 | track.data1[index]
    is_on = (track.status[index] >> 4 == 9) & (track.data2[index] > 0)
    end = _ends(tick, voice, is_on)
    kept = end > tick  # -1 where the note is not closed
    columns = (
        np.full(len(index), number),
        _own_programs(track, index, channel),
        channel,
        voice & 0x7F,
        track.data2[index].astype(np.int64),
        tick,
        end,
    )
    return np.stack(columns, axis=1)[kept]


def _ends(tick: _Ints, voice: _Ints, is_on: NDArray[np.bool_]) -> _Ints:
    """When each note-on is ended: its tick, or -1 where it is not (and for note-offs).

    Args:
        tick: of each note event, non-decreasing.
        voice: channel and pitch.
        is_on: whether the event begins a note; else it is a note-off.
    """
    n = len(tick)
    end = np.full(n, -1, dtype=np.int64)
    order = np.argsort(voice, kind="stable")
    tick, voice, is_on = tick[order], voice[order], is_on[order]
    in_turn = _ends_in_turn(tick, voice, is_on)
    end[order] = in_turn
    following = np.minimum.accumulate(np.where(is_on, n, np.arange(n))[::-1])[::-1]
    following = np.minimum(following, n - 1)  # the next note-off, if there is one in the voice
    closed = is_on & ~is_on[following] & (voice[following] == voice) if n else is_on
    closed &= in_turn < 0
    end[order[closed]] = tick[following[closed]]
    # A note-off on the tick of a note-on may be meant for an older note: those voices are rare.
    for disputed in np.unique(voice[closed][tick[following[closed]] == tick[closed]]):
        low, high = np.searchsorted(voice, [disputed, disputed + 1])
        end[order[low:high]] = _ends_all_at_once(tick[low:high].tolist(), is_on[low:high].tolist())
    return end


def _ends_in_turn(tick: _Ints, voice: _Ints, is_on: NDArray[np.bool_]) -> _Ints:
    """`_ends` where the first note to begin is the first to end; -1 in voices without as many ends.

    Such a voice has a note-off for each note-on, none before its note-on.
    """
    end = np.full(len(tick), -1, dtype=np.int64)
    if not len(tick):
        return end
    _, own = np.unique(voice, return_inverse=True)
    surplus = np.bincount(own, np.where(is_on, 1.0, -1.0))
    even = surplus[own] == 0
    ons, offs = np.flatnonzero(is_on & even), np.flatnonzero(~is_on & even)
    early = np.bincount(own[ons], tick[offs] < tick[ons], minlength=len(surplus))
    good = early[own[ons]] == 0
    end[ons[good]] = tick[offs[good]]
    return end


def _ends_all_at_once(tick: list[int], is_on: list[bool]) -> list[int]:
    """`_ends` of a single voice that lacks note-offs, or has too many: each ends all open notes."""
    end = [-1] * len(tick)
    older: list[int] = []  # open notes that began before `now`
    fresh: list[int] = []  # open notes that began at `now`
    now, ended = -1, 0  # ended: notes that have ended at `now` by another's note-off
    for i, at in enumerate(tick):
        if at > now:
            older += fresh
            fresh, now, ended = [], at, 0
        if is_on[i]:
            fresh.append(i)
        elif older:
            for note in older:
                end[note] = at
            older, ended = [], len(older) - 1
        elif ended:
            ended -= 1
        else:
            fresh = []  # notes of 0 ticks
    return end


def _own_programs(track: Track, index: _Ints, channel: _Ints) -> _Ints:
    """The program last set on each event's channel earlier in the same track, or -1."""
    change = np.flatnonzero(track.status >> 4 == 12)
    if not len(change):
        return np.full(len(index), -1, dtype=np.int64)
    size = len(track.status)
    key = (track.status[change] & 0x0F).astype(np.int64) * size + change
    order = np.argsort(key)
    place = np.searchsorted(key[order], channel * size + index) - 1
    last = change[order][place]
    own = (place >= 0) & ((track.status[last] & 0x0F) == channel)
    return np.where(own, track.data1[last].astype(np.int64), -1)


def _programs(notes: _Notes, tracks: list[Track]) -> _Ints:
    """Fills in, where a note's own track sets no program, what any track set on the channel."""
    program = notes.program.copy()
    missing = np.flatnonzero(program < 0)
    if not len(missing):
        return program
    changes = [np.flatnonzero(t.status >> 4 == 12) for t in tracks]
    tick = np.concatenate([t.tick[c] for t, c in zip(tracks, changes, strict=True)])
    channel = np.concatenate([t.status[c] & 0x0F for t, c in zip(tracks, changes, strict=True)])
    number = np.concatenate([t.data1[c] for t, c in zip(tracks, changes, strict=True)])
    order = np.argsort(tick, kind="stable")
    for at in np.unique(notes.channel[missing]):
        mine = order[channel[order] == at]
        here = missing[notes.channel[missing] == at]
        place = np.searchsorted(tick[mine], notes.onset[here], side="right") - 1
        values = np.concatenate([number[mine].astype(np.int64), [0]])  # the last one: none set
        program[here] = values[place]
    return program


def _tempo_map(tracks: list[Track]) -> tuple[_Ints, _Ints, int | None]:
    """Ticks (from 0, increasing) and microseconds a quarter note; the tick of the first stated."""
    changes = {0: _DEFAULT_TEMPO}
    events = sorted(
        (m for t in tracks for m in t.metas if m.kind == TEMPO and m.tick <= _MAX_TICK),
        key=lambda m: m.tick,  # stable: of two at one tick the later in the file counts
    )
    for event in events:
        tempo = int.from_bytes(event.payload, "big")
        if len(event.payload) != 3:
            raise UnreadableError(
                Rejection.CORRUPT, f"a tempo of {len(event.payload)} bytes; there must be 3"
            )
        if tempo == 0:
            raise UnreadableError(
                Rejection.IMPOSSIBLE_TIMING, f"tempo of 0 microseconds a beat at tick {event.tick}"
            )
        changes[event.tick] = tempo
    ticks, tempos = zip(*sorted(changes.items()), strict=True)
    stated = events[0].tick if events else None
    return np.array(ticks, dtype=np.int64), np.array(tempos, dtype=np.int64), stated


def _last_meta(tracks: list[Track], kind: int, tick: int) -> Meta | None:
    """The last event of a type at or before a tick, from any track."""
    events = [m for t in tracks for m in t.metas if m.kind == kind and m.tick <= tick]
    return max(events, key=lambda m: m.tick, default=None)


def _time_signature(meta: Meta | None) -> str | None:
    """Like "6/8"; None for a metre that no music has, which changes no note."""
    if meta is None or len(meta.payload) < 2 or meta.payload[0] == 0 or meta.payload[1] > 6:
        return None
    return f"{meta.payload[0]}/{2 ** meta.payload[1]}"


def _key(meta: Meta | None) -> str | None:
    """Like "G" or "Em"; None when out of range, which changes no note."""
    if meta is None or len(meta.payload) != 2 or meta.payload[1] > 1:
        return None
    sharps = int.from_bytes(meta.payload[:1], "big", signed=True)
    if not -7 <= sharps <= 7:
        return None
    return f"{_MINOR[sharps + 7]}m" if meta.payload[1] else _MAJOR[sharps + 7]
