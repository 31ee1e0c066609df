"""How long a sample may last: bars or seconds of a piece as quarter notes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tonerow.generation.samples import Request
from tonerow.midi.writing import playing_tempo
from tonerow.notes.bars import bar_beats, place_in_bar
from tonerow.params import Generate

UNMETRED_BEATS = 4.0
"""Quarter notes in a bar of a piece that states no metre."""
HAIR = 1e-4
"""Quarter notes: sums of float32 lengths miss a bar line by less."""

Floats = NDArray[np.float64]


def end_of(settings: Generate, piece: Mapping[str, Any], first_beat: float) -> float:
    """The quarter notes, from its first note on, that a sample of a piece may last.

    An upbeat comes on top of the bars. The metre at the first note holds throughout.

    Args:
        settings: their `bars`, or their `seconds` by the tempo that is played.
        piece: `time_signature`, `downbeat_beat` and `tempo_bpm` as in `PIECES`; each may be None.
        first_beat: onset of the first note, in quarter notes.

    Returns:
        Above 0; infinite where neither is set.
    """
    if settings.seconds is not None:
        return settings.seconds * playing_tempo(piece["tempo_bpm"], settings.tempo_bpm) / 60
    if settings.bars is None:
        return math.inf
    if pd.isna(piece["time_signature"]):
        return settings.bars * UNMETRED_BEATS
    bar = bar_beats(piece["time_signature"])
    downbeat = piece["downbeat_beat"]
    place = 0.0 if pd.isna(downbeat) else float(place_in_bar(np.array(first_beat), downbeat, bar))
    return settings.bars * bar + (bar - place if place else 0.0)


def ends_of(request: Request, pieces: list[str], melody: bool) -> list[float]:
    """The same of held-out pieces, by their ids, for their melodies or for all their notes."""
    settings = request.settings
    if settings.bars is None and settings.seconds is None:
        return [math.inf] * len(pieces)
    chosen: Any = [("piece_id", "in", pieces)]
    columns = ["piece_id", "time_signature", "downbeat_beat", "tempo_bpm"]
    about = pq.read_table(request.interim / "pieces.parquet", columns=columns, filters=chosen)
    of = {row["piece_id"]: row for row in about.to_pylist()}
    if melody:
        chosen.append(("is_melody", "==", True))
    columns = ["piece_id", "onset_beat"]
    notes = pq.read_table(request.interim / "notes.parquet", columns=columns, filters=chosen)
    first = notes.to_pandas().groupby("piece_id")["onset_beat"].min()
    return [end_of(settings, of[piece], float(first[piece])) for piece in pieces]


def begins_before(onset: Floats, end: float) -> int:
    """How many of the notes, in order of onset (n,) from 0, begin before an end; at least one."""
    return max(int(np.searchsorted(onset, end - HAIR)), 1)


def shortened(onset: Floats, duration: Floats, end: float) -> Floats:
    """Durations (n,) of notes that begin before an end, none beyond it."""
    return np.minimum(duration, end - onset)
