"""Notes to MIDI files."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pretty_midi

TEMPO_BPM = 120.0
"""Of pieces that state none."""
SLOWEST_BPM = 4.0
"""MIDI has 24 bits for the microseconds of a beat; ABC may ask for 1 beat a minute."""
TICKS_PER_BEAT = 480


def playing_tempo(own: float | None, asked: float | None) -> float:
    """Quarter notes a minute: those asked for, else the piece's own, else `TEMPO_BPM`.

    Args:
        own: that the piece states; None or NaN: none.
        asked: for all pieces; None: the piece's own.
    """
    return asked or (TEMPO_BPM if pd.isna(own) else max(float(own or 0), SLOWEST_BPM))


def write_midi(path: Path, notes: pd.DataFrame, tempo_bpm: float) -> None:
    """Writes notes to a MIDI file; see `to_midi`. Its folder is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_midi(notes, tempo_bpm))


def to_midi(notes: pd.DataFrame, tempo_bpm: float) -> bytes:
    """Notes as a MIDI file, one instrument a program.

    Args:
        notes: columns pitch, velocity, program, is_drum, onset_beat and duration_beat (quarter
            notes).
        tempo_bpm: quarter notes a minute, at least `SLOWEST_BPM`.

    Returns:
        What stands in the file.
    """
    midi = pretty_midi.PrettyMIDI(resolution=TICKS_PER_BEAT, initial_tempo=tempo_bpm)
    seconds = 60 / tempo_bpm
    for (program, is_drum), part in notes.groupby(["program", "is_drum"]):
        instrument = pretty_midi.Instrument(int(str(program)), bool(is_drum))
        start = part["onset_beat"].to_numpy(float) * seconds
        # a note that begins and ends on one tick would be lost
        end = start + part["duration_beat"].clip(1 / TICKS_PER_BEAT).to_numpy(float) * seconds
        numbers = part[["velocity", "pitch"]].to_numpy(int).tolist()
        for (velocity, pitch), *times in zip(numbers, start.tolist(), end.tolist(), strict=True):
            instrument.notes.append(pretty_midi.Note(velocity, pitch, *times))
        midi.instruments.append(instrument)
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()
