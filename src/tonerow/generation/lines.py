"""Samples and held-out tunes as lines that can be counted alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tonerow.generation.extent import HAIR, ends_of, shortened
from tonerow.generation.samples import Request
from tonerow.notes.bars import bar_beats
from tonerow.notes.table import melody_rest_and_duration, skyline
from tonerow.views import VIEWS

COLUMNS = ["piece_id", "is_melody", "is_drum", "pitch", "onset_beat", "duration_beat"]
_BEAT_SEC = 0.5  # where a sample has no tempo yet: the melody is found by seconds


@dataclass(frozen=True)
class Metre:
    """Where the bars of a line are.

    Attributes:
        bar: quarter notes in a bar, > 0.
        downbeat: when a bar begins, in quarter notes, on the time axis of the line.
    """

    bar: float
    downbeat: float


@dataclass(frozen=True, eq=False)
class Line:
    """Notes that count, in order; all arrays have the length n_notes.

    Attributes:
        pitch: int64, 0-127.
        onset: float64, quarter notes.
        duration: float64, quarter notes, > 0; of a melody, up to the next note at most.
        metre: None where there is none.
    """

    pitch: NDArray[np.int64]
    onset: NDArray[np.float64]
    duration: NDArray[np.float64]
    metre: Metre | None = None


def line_of(notes: pd.DataFrame, melody: bool, metre: Metre | None = None) -> Line:
    """One line of notes in order; drums have no pitch and are left out."""
    notes = notes[~notes["is_drum"].astype(bool)]
    pitch = notes["pitch"].to_numpy(np.int64)
    onset, duration = (notes[name].to_numpy(float) for name in ("onset_beat", "duration_beat"))
    if melody:
        drums = np.zeros(len(pitch), bool)
        own = skyline(onset * _BEAT_SEC, duration * _BEAT_SEC, pitch, drums)
        pitch, onset = pitch[own], onset[own]
        duration = melody_rest_and_duration(onset, duration[own])[1]
    return Line(pitch, onset, duration, metre)


def lines_in(
    notes: pd.DataFrame, melody: bool, metres: Mapping[int, Metre | None]
) -> dict[int, Line]:
    """Each sample without what was given, by its number.

    Args:
        notes: rows of `tonerow.notes.schema.SAMPLES`.
        melody: whether the highest notes alone count.
        metres: of each sample.
    """
    own = notes[~notes["is_given"].astype(bool)]
    return {
        int(str(i)): line_of(line, melody, metres.get(int(str(i))))
        for i, line in own.groupby("sample")
    }


def until(notes: pd.DataFrame, end: float) -> pd.DataFrame:
    """The notes of a piece up to so many quarter notes after its first onset, cut there."""
    onset = (notes["onset_beat"] - notes["onset_beat"].min()).to_numpy(float)
    here = onset < end - HAIR
    duration = shortened(onset[here], notes["duration_beat"].to_numpy(float)[here], end)
    cut: pd.DataFrame = notes[here].assign(duration_beat=duration)
    return cut


class HeldOut:
    """The tunes of the split that samples stand beside.

    Args:
        request: of the samples; says which split, and what of a tune a sample can be: its melody or
            all of its notes, from the first that is not given on, how many, and how many bars or
            seconds of them (of written text all bars).
    """

    def __init__(self, request: Request) -> None:
        view, settings = request.model.view, request.settings
        self._request = request
        self.melody = VIEWS[view].compared_with == "melody"
        self._cut = {
            "melody": slice(0, settings.max_notes),
            "events": slice(settings.primer, settings.max_notes),
        }.get(view, slice(None))
        table = "chars.parquet" if view == "chars" else "notes.parquet"
        keep: Any = [("split", "==", settings.split)]
        ids = pq.read_table(request.tokens / table, columns=["piece_id"], filters=keep)
        own: Any = [("piece_id", "in", sorted(set(ids["piece_id"].to_pylist())))]
        columns = ["piece_id", "time_signature", "downbeat_beat", "abc_text"]
        pieces = pq.read_table(request.interim / "pieces.parquet", columns=columns, filters=own)
        self.pieces = pieces.to_pandas().set_index("piece_id")
        notes = pq.read_table(
            request.interim / "notes.parquet", columns=COLUMNS, filters=own
        ).to_pandas()
        notes = notes[notes["is_melody"] | (not self.melody)]
        self._notes = {str(piece): rows for piece, rows in notes.groupby("piece_id")}

    def lines(self) -> list[Line]:
        """All tunes, each cut as a sample is."""
        ends = [math.inf] * len(self._notes)
        if self._request.model.view != "chars":
            ends = ends_of(self._request, list(self._notes), self.melody)
        cut = {
            piece: until(notes, end).iloc[self._cut]
            for (piece, notes), end in zip(self._notes.items(), ends, strict=True)
        }
        return [
            line_of(notes, self.melody, self.metre(piece, from_first_note=False))
            for piece, notes in cut.items()
            if len(notes)
        ]

    def metre(self, piece: str, from_first_note: bool) -> Metre | None:
        """The metre of a tune, for a time axis of the tune or one from its first note on."""
        if piece not in self.pieces.index:
            return None
        row = self.pieces.loc[piece]
        begin = self._notes[piece]["onset_beat"].min() if from_first_note else 0.0
        return metre_of(row["time_signature"], row["downbeat_beat"], begin)


def metre_of(time_signature: str | None, downbeat: float | None, begin: float = 0) -> Metre | None:
    """A metre as a piece has it, on a time axis from a place of the piece on; None for none."""
    if pd.isna(time_signature) or downbeat is None or pd.isna(downbeat):
        return None
    return Metre(bar_beats(str(time_signature)), float(downbeat - begin))
