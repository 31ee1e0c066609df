"""What a model answers to a table: as `tonerow generate` does to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tonerow import runtime
from tonerow.generation import chars, events, melody
from tonerow.generation.samples import GenerationError, Request, Start
from tonerow.generation.starts import TICKS, header_of, score_of_ticks
from tonerow.model_files import load_model
from tonerow.notes.schema import SAMPLES
from tonerow.params import HELD_OUT, Generate
from tonerow.tokens.tokenizer import Tokenizer

PIANO_C = 60
"""The pitch of a rhythm, which no model reads."""
COLUMNS = [name for name in SAMPLES.names if name != "source_piece_id"]
"""Of notes that are answered."""


class Answers:
    """A model in memory that answers tables.

    Args:
        file: that `tonerow.model_files.save_model` wrote.
        settings: the keys of the section `generate` of ``params.yaml``, which each answer may change.
    """

    def __init__(self, file: Path, settings: Mapping[str, Any]) -> None:
        device = runtime.prepare("auto", 1, settings["seed"])
        self._model, about = load_model(file, device)
        self._tokenizer = Tokenizer.from_json(about.tokenizer)
        self._settings = settings

    def to(self, table: pd.DataFrame, changes: Mapping[str, Any]) -> pd.DataFrame:
        """Draws samples for a table.

        Args:
            table: a row a note, `onset_beat` and `duration_beat` in quarter notes: the rhythm of a line
                for models of the view "melody", a primer with its `pitch` (0-127) for "events". For
                "chars" a row a tune, with its `header` like "R:jig M:6/8 K:D".
            changes: settings by name, in place of those that the model came with.

        Returns:
            `COLUMNS` of `tonerow.notes.schema.SAMPLES`, a row a note; or `sample` and `abc`, a row
            a tune.

        Raises:
            GenerationError: the table has no notes that make sense, or a header that the model cannot
                read.
            ValueError: a setting is out of its range.
        """
        if table.empty:
            raise GenerationError("the table has no row to start from")
        values = {"source": HELD_OUT, **self._settings, **changes, "primer": len(table)}
        request = Request(self._model, Path(), self._tokenizer, Generate.model_validate(values))
        return WAYS[self._model.view](request, table)


def recolour(request: Request, table: pd.DataFrame) -> pd.DataFrame:
    """New pitches for a rhythm: of notes that begin together one stays, and none outlasts the next."""
    start = start_of(table.assign(pitch=PIANO_C))
    return melody.from_start(request, start, told=False).notes[COLUMNS]


def go_on(request: Request, table: pd.DataFrame) -> pd.DataFrame:
    """The notes of a primer, then the model's own."""
    return events.from_start(request, start_of(table), told=False).notes[COLUMNS]


def write_abc(request: Request, table: pd.DataFrame) -> pd.DataFrame:
    """Tunes under each header, as they stand in an ABC file."""
    headers = [header_of(fields, request.tokenizer) for fields in table["header"]]
    texts = chars.write(
        request, [text for text in headers for _ in range(request.settings.samples)]
    )
    return pd.DataFrame(
        {"sample": i, "abc": chars.as_tune(text, i)} for i, text in enumerate(texts)
    )


def start_of(table: pd.DataFrame) -> Start:
    """The notes of a table, on a grid of `TICKS` a quarter note.

    Raises:
        GenerationError: a number is missing or out of its range.
    """
    beats = table[["onset_beat", "duration_beat"]].to_numpy(np.float64)
    pitch = table["pitch"].to_numpy(np.int64)
    in_range = np.isfinite(beats).all() and beats.min() >= 0
    if not in_range or pitch.min() < 0 or pitch.max() > 127:
        raise GenerationError(
            "each row needs an onset_beat of 0 or more, a duration_beat, and a pitch of 0-127 if any"
        )
    onset, duration = np.rint(beats * TICKS).astype(np.int64).T
    if duration.min() == 0:
        raise GenerationError(f"a duration_beat is below 1/{TICKS} of a quarter note")
    return Start("the table", score_of_ticks(onset, duration, pitch))


WAYS: dict[str, Callable[[Request, pd.DataFrame], pd.DataFrame]] = {
    "melody": recolour,
    "events": go_on,
    "chars": write_abc,
}
