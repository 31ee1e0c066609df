"""Small note tables for the tests of the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from tonerow.abc_notation import parse_tune
from tonerow.notes.schema import NOTES, PIECES, SPLIT_TABLE
from tonerow.params import Tokenize
from tonerow.tokens.corpus import whole_pieces
from tonerow.tokens.fitting import Fit
from tonerow.tokens.scaling import Scaler
from tonerow.tokens.tokenizer import Tokenizer

SETTINGS = Tokenize(ticks_per_beat=24, max_beats=16, abc_fields=["R", "M", "L", "K"])

TUNE = "X:1\nT:Title\nR:reel\nM:4/4\nL:1/8\nK:G\nGABc d2e2|\n"


def piece(
    piece_id: str,
    onsets: ArrayLike,
    durations: ArrayLike | None = None,
    **columns: Any,
) -> pa.Table:
    """A piece of `NOTES`: onsets and durations in beats; half a second is a beat."""
    onset = np.asarray(onsets, dtype=np.float64)
    duration = np.ones(len(onset)) if durations is None else np.asarray(durations, dtype=np.float64)
    filled = {
        "piece_id": [piece_id] * len(onset),
        "track": 0,
        "program": 0,
        "is_drum": False,
        "is_melody": np.diff(onset, prepend=-1.0) > 0,
        "pitch": 60,
        "velocity": 80,
        "onset_tick": np.rint(onset * 480),
        "duration_tick": np.maximum(1, np.rint(duration * 480)),
        "onset_beat": onset,
        "duration_beat": duration,
        "onset_sec": onset / 2,
        "duration_sec": duration / 2,
        **columns,
    }
    arrays = [
        pa.array(filled[f.name], f.type)
        if f.name == "piece_id"
        else pa.array(np.broadcast_to(filled[f.name], len(onset)).astype(f.type.to_pandas_dtype()))
        for f in NOTES
    ]
    return pa.table(arrays, schema=NOTES)


def random_piece(piece_id: str, notes: int = 40, seed: int = 0) -> pa.Table:
    """A piece with chords, gaps of any length, several instruments and drums."""
    rng = np.random.default_rng(seed)
    gaps = np.where(rng.random(notes) < 0.2, 0, rng.exponential(0.7, notes))
    return piece(
        piece_id,
        np.cumsum(gaps),
        rng.exponential(0.7, notes) + 0.01,
        program=rng.choice([0, 33, 40], notes),
        is_drum=rng.random(notes) < 0.1,
        pitch=rng.integers(0, 128, notes),
        velocity=rng.integers(1, 128, notes),
    )


def fitted(*pieces: pa.Table, settings: Tokenize = SETTINGS, text: str = "") -> Tokenizer:
    """A tokenizer whose train pieces are these, and whose only tune is this."""
    fit = Fit(settings)
    for notes in whole_pieces(pieces):
        fit.add_notes(notes)
    if text:
        fit.add_tune(text)
    return fit.tokenizer()


def undone(scaler: Scaler, normalised: NDArray[Any]) -> NDArray[np.float64]:
    """The values that were normalised."""
    values = normalised.astype(np.float64) * scaler.scale + scaler.mean
    return values if scaler.transform == "identity" else np.expm1(values) / 24


def write_corpus(
    folder: Path,
    pieces: Mapping[str, pa.Table],
    splits: Mapping[str, str],
    texts: Mapping[str, str] | None = None,
    row_group: int = 1000,
) -> tuple[Path, Path]:
    """Writes pieces, notes and splits as the stages before do; returns interim and splits."""
    interim, sides = folder / "interim", folder / "splits"
    for made in (interim, sides):
        made.mkdir(parents=True, exist_ok=True)
    notes = pa.concat_tables([pieces[name] for name in sorted(pieces)])
    pq.write_table(notes, interim / "notes.parquet", row_group_size=row_group)
    abc = {"source_format": "abc", "rejected_because": None}
    rows: list[dict[str, Any]] = [
        {**abc, "piece_id": name, "source_path": name} for name in sorted(pieces)
    ]
    for row in rows:
        if text := (texts or {}).get(str(row["piece_id"])):
            row |= {"abc_text": text, "n_notes_written": parse_tune(text).n_notes_written}
    refused = {"piece_id": "~", "source_path": "~", "abc_text": "x", "rejected_because": "no key"}
    rows.append({**abc, **refused})
    pq.write_table(pa.Table.from_pylist(rows, PIECES), interim / "pieces.parquet")
    sided: list[dict[str, str]] = [
        {"piece_id": n, "work_id": n, "split": splits[n]} for n in sorted(pieces)
    ]
    pq.write_table(pa.Table.from_pylist(sided, SPLIT_TABLE), sides / "splits.parquet")
    return interim, sides
