"""What a model answers to a table: as `tonerow generate` does to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tonerow import runtime
from tonerow.cli import UsageError
from tonerow.cli.options import check_search
from tonerow.cli.starts import (
    TAPPED_TICKS,
    first_beat,
    header_of,
    line_of,
    notes_of,
    score_of_ticks,
)
from tonerow.generation import chars, events, melody
from tonerow.generation.extent import end_of
from tonerow.generation.samples import Request
from tonerow.model_files import load_model
from tonerow.notes.schema import SAMPLES
from tonerow.notes.score import Score
from tonerow.params import Generate
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
            UsageError: the table has no notes that make sense, or a header that the model cannot read.
            ValueError: a setting is out of its range.
        """
        if table.empty:
            raise UsageError("the table has no row to start from")
        values = {**self._settings, **changes, "primer": len(table)}
        request = Request(self._model, Path(), self._tokenizer, Generate.model_validate(values))
        return WAYS[self._model.view](request, table)


def recolour(request: Request, table: pd.DataFrame) -> pd.DataFrame:
    """New pitches for a rhythm: of notes that begin together one stays, and none outlasts the next."""
    score = score_of(table.assign(pitch=PIANO_C))
    whole = line_of("the table", score, request.tokenizer)
    end = end_of(request.settings, vars(score), first_beat(score, melody=True))
    line = melody.cut(request, whole, end)
    check_search(request.settings, len(line))
    notes, _ = melody.recolour(request, [line], [], request.settings.samples)
    return notes[COLUMNS]


def go_on(request: Request, table: pd.DataFrame) -> pd.DataFrame:
    """The notes of a primer, then the model's own."""
    score, n = score_of(table), request.settings.samples
    piece = notes_of("the table", score, request.tokenizer)
    end = end_of(request.settings, vars(score), first_beat(score, melody=False))
    sizes = [request.settings.max_notes] * n
    notes, _ = events.continued(request, [piece] * n, sizes, [], [end] * n)
    if notes["is_given"].all():
        raise UsageError(f"{len(piece)} notes are given, which leave no place for the model's own")
    return notes[COLUMNS]


def write_abc(request: Request, table: pd.DataFrame) -> pd.DataFrame:
    """Tunes under each header, as they stand in an ABC file."""
    headers = [header_of(fields, request.tokenizer) for fields in table["header"]]
    texts = chars.write(
        request, [text for text in headers for _ in range(request.settings.samples)]
    )
    return pd.DataFrame(
        {"sample": i, "abc": chars.as_tune(text, i)} for i, text in enumerate(texts)
    )


def score_of(table: pd.DataFrame) -> Score:
    """The notes of a table, on a grid of `TAPPED_TICKS` a quarter note.

    Raises:
        UsageError: a number is missing or out of its range.
    """
    beats = table[["onset_beat", "duration_beat"]].to_numpy(np.float64)
    pitch = table["pitch"].to_numpy(np.int64)
    in_range = np.isfinite(beats).all() and beats.min() >= 0
    if not in_range or pitch.min() < 0 or pitch.max() > 127:
        raise UsageError(
            "each row needs an onset_beat of 0 or more, a duration_beat, and a pitch of 0-127 if any"
        )
    onset, duration = np.rint(beats * TAPPED_TICKS).astype(np.int64).T
    if duration.min() == 0:
        raise UsageError(f"a duration_beat is below 1/{TAPPED_TICKS} of a quarter note")
    return score_of_ticks(onset, duration, pitch)


WAYS: dict[str, Callable[[Request, pd.DataFrame], pd.DataFrame]] = {
    "melody": recolour,
    "events": go_on,
    "chars": write_abc,
}
