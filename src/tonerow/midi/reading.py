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
    notes = _notes(midi)
    if not len(notes.pitch):
        struck = bool(np.any((midi.status >> 4 == 9) & (midi.data2 > 0)))
        why = "notes begin, but none has a length" if struck else "no note begins"
        raise UnreadableError(Rejection.NO_NOTES, f"{why}, in {midi.n_tracks} tracks")
    latest = int(notes.end.max())
    if latest > _MAX_TICK:
        raise UnreadableError(
            Rejection.IMPOSSIBLE_TIMING, f"a note ends at tick {latest}, beyond {_MAX_TICK}"
        )
    return _score(midi, replace(notes, program=_programs(notes, midi)))


def _score(midi: MidiFile, notes: _Notes) -> Score:
    """Adds seconds, tempo, metre and key."""
    tempo_tick, tempo, stated = _tempo_map(midi.metas)
    # Whole microseconds x ticks: exact in 64 bits, rounded once by the division at the end.
    base = np.concatenate([[0], np.cumsum(np.diff(tempo_tick) * tempo[:-1])])
    at_onset = np.searchsorted(tempo_tick, notes.onset, side="right") - 1
    at_end = np.searchsorted(tempo_tick, notes.end, side="right") - 1
    onset = base[at_onset] + (notes.onset - tempo_tick[at_onset]) * tempo[at_onset]
    end = base[at_end] + (notes.end - tempo_tick[at_end]) * tempo[at_end]
    unit = midi.ticks_per_beat * 1e6
    first = int(notes.onset.min())
    known = stated is not None and stated <= first
    metre = _last_meta(midi.metas, TIME_SIGNATURE, first)
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
        key=_key(_last_meta(midi.metas, KEY_SIGNATURE, first)),
    )


def _notes(midi: MidiFile) -> _Notes:
    """The closed notes of all tracks, in file order."""
    index = np.flatnonzero(midi.status < 0xA0)  # note-ons and note-offs
    status, tick, velocity = midi.status[index], midi.tick[index], midi.data2[index]
    lane = midi.track[index] << 4 | status & 0x0F
    voice = lane << 7 | midi.data1[index]
    end = _ends(tick, voice, (status >= 0x90) & (velocity > 0))
    kept = np.flatnonzero(end > tick)  # -1 where the note is not closed
    lane, voice = lane[kept], voice[kept]
    return _Notes(
        track=lane >> 4,
        program=_own_programs(midi, index[kept], lane),
        channel=lane & 0x0F,
        pitch=voice & 0x7F,
        velocity=velocity[kept].astype(np.int64),
        onset=tick[kept],
        end=end[kept],
    )


def _ends(tick: _Ints, voice: _Ints, is_on: NDArray[np.bool_]) -> _Ints:
    """When each note-on is ended: its tick, or -1 where it is not (and for note-offs).

    Args:
        tick: of each note event, non-decreasing in each voice.
        voice: track, channel and pitch.
        is_on: whether the event begins a note; else it is a note-off.
    """
    n = len(tick)
    end = np.full(n, -1, dtype=np.int64)
    if not n:
        return end
    # Numbers of 16 bits, those of up to 32 tracks, are sorted several times as fast.
    small = voice.astype(np.uint16) if voice.max() < 2**16 else voice
    order = np.argsort(small, kind="stable")
    tick, voice, is_on = tick[order], voice[order], is_on[order]
    in_turn, odd = _ends_in_turn(tick, voice, is_on)
    end[order] = in_turn
    if not odd.any():
        return end
    following = np.minimum.accumulate(np.where(is_on, n, np.arange(n))[::-1])[::-1]
    following = np.minimum(following, n - 1)  # the next note-off, if there is one in the voice
    closed = odd & is_on & ~is_on[following] & (voice[following] == voice)
    end[order[closed]] = tick[following[closed]]
    # A note-off on the tick of a note-on may be meant for an older note: those voices are rare.
    for disputed in np.unique(voice[closed][tick[following[closed]] == tick[closed]]):
        low, high = np.searchsorted(voice, [disputed, disputed + 1])
        end[order[low:high]] = _ends_all_at_once(tick[low:high].tolist(), is_on[low:high].tolist())
    return end


def _ends_in_turn(
    tick: _Ints, voice: _Ints, is_on: NDArray[np.bool_]
) -> tuple[_Ints, NDArray[np.bool_]]:
    """`_ends` where the first note to begin is the first to end, and which events are of odd voices.

    In an odd voice note-offs are missing, too many or before their note-ons: its ends are -1. The
    arguments are sorted by voice, at least one event.
    """
    begins = np.flatnonzero(np.concatenate([[True], voice[1:] != voice[:-1]]))
    sizes = np.diff(begins, append=len(voice))
    odd = np.repeat(2 * np.add.reduceat(is_on, begins, dtype=np.int64) != sizes, sizes)
    ons, offs = np.flatnonzero(is_on & ~odd), np.flatnonzero(~is_on & ~odd)
    early = tick[offs] < tick[ons]
    if early.any():
        odd |= np.isin(voice, voice[ons[early]])
        turn = ~odd[ons]
        ons, offs = ons[turn], offs[turn]
    end = np.full(len(tick), -1, dtype=np.int64)
    end[ons] = tick[offs]
    return end, odd


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


def _own_programs(midi: MidiFile, index: _Ints, lane: _Ints) -> _Ints:
    """The program last set in each event's lane (track and channel) before it, or -1."""
    change = np.flatnonzero(midi.status >> 4 == 12)
    if not len(change):
        return np.full(len(index), -1, dtype=np.int64)
    size = len(midi.status)
    lanes = midi.track[change] << 4 | midi.status[change] & 0x0F
    order = np.argsort(lanes, kind="stable")
    change, lanes = change[order], lanes[order]
    place = np.searchsorted(lanes * size + change, lane * size + index) - 1
    own = (place >= 0) & (lanes[place] == lane)
    return np.where(own, midi.data1[change[place]].astype(np.int64), -1)


def _programs(notes: _Notes, midi: MidiFile) -> _Ints:
    """Fills in, where a note's own track sets no program, what any track set on the channel."""
    program = notes.program.copy()
    missing = np.flatnonzero(program < 0)
    if not len(missing):
        return program
    change = np.flatnonzero(midi.status >> 4 == 12)
    change = change[np.argsort(midi.tick[change], kind="stable")]
    tick, channel = midi.tick[change], midi.status[change] & 0x0F
    for at in np.unique(notes.channel[missing]):
        mine = channel == at
        here = missing[notes.channel[missing] == at]
        place = np.searchsorted(tick[mine], notes.onset[here], side="right") - 1
        number = midi.data1[change[mine]].astype(np.int64)
        program[here] = np.append(number, 0)[place]  # the last one: none set
    return program


def _tempo_map(metas: list[Meta]) -> tuple[_Ints, _Ints, int | None]:
    """Ticks (from 0, increasing) and microseconds a quarter note; the tick of the first stated."""
    changes = {0: _DEFAULT_TEMPO}
    events = sorted(
        (m for m in metas if m.kind == TEMPO and m.tick <= _MAX_TICK),
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


def _last_meta(metas: list[Meta], kind: int, tick: int) -> Meta | None:
    """The last event of a type at or before a tick, from any track."""
    events = [m for m in metas if m.kind == kind and m.tick <= tick]
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
