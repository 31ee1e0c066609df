"""A tune as written becomes notes as played: repeats, ties and tempo."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tonerow.abc_notation.downbeat import first_downbeat
from tonerow.abc_notation.orders import play_order, played_parts
from tonerow.abc_notation.repeats import Range
from tonerow.abc_notation.voice import WHOLE
from tonerow.abc_notation.written import Tune, WrittenVoice
from tonerow.notes.schema import Rejection
from tonerow.notes.score import Score, UnreadableError

VELOCITY = 80
MAX_NOTES = 1_000_000
_MAX_TICK = 2**31 - 1  # as in MIDI
_LONGEST_TUNE = 2**28  # whole notes: keeps sums within 64 bits
_DEFAULT_BPM = 120.0
_TICKS_PER_BEAT = 480
_MAX_TICKS_PER_BEAT = 32767  # the most that a MIDI file can state


def play(tune: Tune, max_notes: int = MAX_NOTES) -> Score:
    """The notes of a tune as played: repeats, endings and parts in order, tied notes joined.

    Onsets in seconds follow the tempo; 120 quarter notes a minute where none is given. Every voice,
    and every further layer of its bars, is a track of its own.

    Args:
        tune: as `parse_tune` gives it.
        max_notes: notes and rests that it may have at most, as played.

    Raises:
        UnreadableError: repeats, endings or parts contradict each other, no note is played or too
            many are, or the note lengths fit no common tick.
    """
    notes: list[tuple[int, int, int, int, int]] = []  # track, program, pitch, onset, duration
    tempos: list[tuple[int, float]] = []
    ranges_played = played_voices(tune, max_notes)
    for track, voice, ranges in zip(tune.tracks, tune.voices, ranges_played, strict=True):
        played, changes = _play_voice(voice, ranges, track)
        notes += played
        tempos += changes
    if len(notes) > max_notes:
        raise UnreadableError(Rejection.TOO_MANY_NOTES, f"The tune has over {max_notes:,} notes")
    if not notes:
        raise UnreadableError(Rejection.NO_NOTES, "The play order leaves out every note")
    return _score(tune, notes, sorted(tempos), _downbeat(tune.voices[0], ranges_played[0]))


def played_voices(tune: Tune, max_notes: int) -> list[list[Range]]:
    """Which sounds of each voice are played, in order, as ranges [begin, end) of their indices.

    Args:
        tune: as `parse_tune` gives it.
        max_notes: notes and rests that it may have at most, as played.

    Raises:
        UnreadableError: repeats, endings or parts contradict each other, voices with parts do not
            end together, or too many sounds are played.
    """
    labels = {mark.part for voice in tune.voices for mark in voice.marks if mark.part is not None}
    played = played_parts(tune.voices, play_order(tune.order, labels, max_notes), max_notes)
    ends = {
        sum(sound.advance for begin, end in ranges for sound in voice.sounds[begin:end])
        for voice, ranges in zip(tune.voices, played, strict=True)
    }
    if labels and len(ends) > 1:
        what = "The tune has parts, and with their repeats played its voices do not end together"
        raise UnreadableError(Rejection.CORRUPT, what)
    return played


def _play_voice(
    voice: WrittenVoice, ranges: list[Range], track: int
) -> tuple[list[tuple[int, int, int, int, int]], list[tuple[int, float]]]:
    """(track, program, pitch, onset, duration) and (onset, tempo), in 1 / `WHOLE`, as played."""
    notes: list[tuple[int, int, int, int, int]] = []
    changes: list[tuple[int, float]] = []
    tempo_at = dict(voice.tempos)
    # Of each layer: pitch -> index in `notes` of the note that a tie holds.
    held: dict[int, dict[int, int]] = {}
    now = 0
    for begin, end in ranges:
        for index in range(begin, end):
            sound = voice.sounds[index]
            if index in tempo_at:
                changes.append((now, tempo_at[index]))
            held_before = held.get(sound.layer, {})
            holding: dict[int, int] = {}
            for pitch, duration, tied in zip(
                sound.pitches, sound.durations, sound.tied, strict=True
            ):
                place = held_before.get(pitch)
                if place is not None and sum(notes[place][3:]) == now:
                    of_track, program, _, onset, before = notes[place]
                    notes[place] = (of_track, program, pitch, onset, before + duration)
                else:
                    place = len(notes)
                    notes.append((track + sound.layer, sound.program, pitch, now, duration))
                if tied:
                    holding[pitch] = place
            if sound.line:  # what an overlay adds ends no tie
                held[sound.layer] = holding
            now += sound.advance
    if now > _LONGEST_TUNE * WHOLE:
        raise UnreadableError(Rejection.IMPOSSIBLE_TIMING, "The tune lasts for years")
    return notes, changes


def _downbeat(voice: WrittenVoice, ranges: list[Range]) -> float | None:
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
