"""Notes to MIDI files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pretty_midi


def write_midi(path: Path, notes: pd.DataFrame, tempo_bpm: float) -> None:
    """Writes notes to a MIDI file, one instrument a program.

    Args:
        path: the file.
        notes: columns pitch, velocity, program, onset_beat and duration_beat (quarter notes).
        tempo_bpm: quarter notes a minute.
    """
    midi = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=tempo_bpm)
    seconds = 60 / tempo_bpm
    for program, part in notes.groupby("program"):
        instrument = pretty_midi.Instrument(int(program))
        for note in part.itertuples(index=False):
            start = note.onset_beat * seconds
            end = start + note.duration_beat * seconds
            instrument.notes.append(
                pretty_midi.Note(int(note.velocity), int(note.pitch), float(start), float(end))
            )
        midi.instruments.append(instrument)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.write(str(path))
