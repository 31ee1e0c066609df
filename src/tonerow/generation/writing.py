"""Samples to files: a table, MIDI, ABC where the model writes it, and a picture."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tonerow import reports
from tonerow.generation.samples import Samples
from tonerow.listening.roll import draw_rolls
from tonerow.midi.writing import write_midi_samples
from tonerow.notes.schema import SAMPLES


def write_samples(out: Path, samples: Samples, interim: Path, tempo_bpm: float | None) -> None:
    """Writes all files of the samples.

    Args:
        out: the folder; made if it is missing.
        samples: what was generated.
        interim: folder with ``pieces.parquet``, for the tempo of each source piece.
        tempo_bpm: the tempo of all samples; None: that of the source piece.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, text in samples.texts.items():
        (out / name).write_text(text, encoding="utf-8")
    pieces = pq.read_table(interim / "pieces.parquet", columns=["piece_id", "tempo_bpm"])
    tempi = pieces.to_pandas().set_index("piece_id")["tempo_bpm"]
    write_midi_samples(out, samples.notes, tempi, tempo_bpm)
    draw_rolls(out / "samples.png", samples.notes)
    table = pa.Table.from_pandas(samples.notes, SAMPLES, preserve_index=False)
    reports.write_table(out / "samples.parquet", table)
