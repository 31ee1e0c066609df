"""Notes to MIDI files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pretty_midi

TEMPO_BPM = 120.0
"""Of pieces that state none."""
SLOWEST_BPM = 4.0
"""MIDI has 24 bits for the microseconds of a beat; ABC may ask for 1 beat a minute."""
TICKS_PER_BEAT = 480


def write_midi_samples(
    folder: Path, samples: pd.DataFrame, tempi: pd.Series[float], tempo_bpm: float | None
) -> None:
    """Writes each sample as ``sample-00.mid``, and its source beside it where there is one.

    Args:
        folder: where to.
        samples: rows of `tonerow.notes.schema.SAMPLES`.
        tempi: quarter notes a minute by piece id; NaN where a piece states none.
        tempo_bpm: the tempo of all samples; None: that of the source piece.
    """
    for i, notes in samples.groupby("sample"):
        source = tempi[notes["source_piece_id"].iloc[0]]
        bpm = tempo_bpm or (TEMPO_BPM if pd.isna(source) else max(float(source), SLOWEST_BPM))
        write_midi(folder / f"sample-{i:02d}.mid", notes, bpm)
        if notes["source_pitch"].notna().all():
            original = notes.assign(pitch=notes["source_pitch"])
            write_midi(folder / f"sample-{i:02d}-source.mid", original, bpm)


def write_midi(path: Path, notes: pd.DataFrame, tempo_bpm: float) -> None:
    """Writes notes to a MIDI file, one instrument a program.

    Args:
        path: the file.
        notes: columns pitch, velocity, program, is_drum, onset_beat and duration_beat (quarter
            notes).
        tempo_bpm: quarter notes a minute, at least `SLOWEST_BPM`.
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
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.write(str(path))
