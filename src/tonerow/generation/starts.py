"""What a user gives a model to start from: a file, or a header of ABC."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tonerow.abc_notation.reading import read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.corpora.kinds import ABC_SUFFIXES, MIDI_SUFFIXES, kind_of
from tonerow.generation.extent import end_of
from tonerow.generation.samples import GenerationError, Start
from tonerow.midi.reading import read_midi
from tonerow.notes.score import Score, UnreadableError
from tonerow.notes.table import to_table
from tonerow.params import Generate
from tonerow.tokens.characters import UNKNOWN
from tonerow.tokens.encoding import encode
from tonerow.tokens.tokenizer import Tokenizer

TICKS = 480
"""In a quarter note of notes that are given as numbers."""


def plain(file: Path) -> str:
    """The name of a file; what is no text in it becomes a question mark."""
    return file.name.encode("utf-8", "replace").decode()


def start_of(file: Path, tune: int | None = None) -> Start:
    """The music of a MIDI file, or of one tune (1, 2, ...) of an ABC file, by itself the first.

    Raises:
        GenerationError: it cannot be read, or has no such tune.
        OSError: it is not there.
    """
    kind = kind_of(file.name)
    if kind not in ("midi", "abc"):
        endings = ", ".join(MIDI_SUFFIXES + ABC_SUFFIXES)
        raise GenerationError(
            f"{file} is no file of music by its name, which would end in {endings}"
        )
    try:
        if kind == "midi":
            return Start(plain(file), read_midi(file.read_bytes()))
        tunes = split_tunes(decode(file.read_bytes()))
        tune = 1 if tune is None else tune
        if not 1 <= tune <= len(tunes):
            raise GenerationError(f"{file} has {len(tunes)} tunes; there is no number {tune}")
        return Start(plain(file), read_tune(tunes[tune - 1]), tunes[tune - 1])
    except UnreadableError as error:
        raise GenerationError(f"{file} cannot be read: {error.detail}") from None


def score_of_ticks(
    onset: NDArray[np.int64], duration: NDArray[np.int64], pitch: NDArray[np.int64]
) -> Score:
    """Notes (n,) on a piano, of `TICKS` a quarter note and 120 of these a minute."""
    zero, seconds = np.zeros(len(onset), np.int64), 0.5 / TICKS
    return Score(
        ticks_per_beat=TICKS,
        track=zero,
        program=zero,
        is_drum=np.zeros(len(onset), np.bool_),
        pitch=pitch,
        velocity=zero + 80,
        onset_tick=onset,
        duration_tick=duration,
        onset_sec=onset.astype(np.float64) * seconds,
        duration_sec=duration.astype(np.float64) * seconds,
    )


def notes_of(name: str, score: Score, tokenizer: Tokenizer) -> pd.DataFrame:
    """All notes of a score, as the model's tokens.

    Raises:
        GenerationError: there is none but drums.
    """
    if score.is_drum.all():
        raise GenerationError(
            f"{name} has no note with a pitch: it is empty, or there are drums alone"
        )
    notes: pd.DataFrame = encode(tokenizer, to_table(name, score)).to_pandas()
    return notes


def melody_of(name: str, score: Score, tokenizer: Tokenizer) -> pd.DataFrame:
    """The melody line of a score, as the model's tokens.

    Raises:
        GenerationError: see `notes_of`.
    """
    notes = notes_of(name, score, tokenizer)
    line: pd.DataFrame = notes[notes["is_melody"]].reset_index(drop=True)
    return line


def first_beat(score: Score, melody: bool) -> float:
    """The onset of the first note of a score, or of its melody line, in quarter notes."""
    notes = to_table("", score).to_pandas()
    return float(notes["onset_beat"][notes["is_melody"] | (not melody)].min())


def end_of_score(settings: Generate, score: Score, melody: bool) -> float:
    """How long a sample of a score, or of its melody line, may last: see `extent.end_of`."""
    return end_of(settings, vars(score), first_beat(score, melody))


def header_of(
    fields: str, tokenizer: Tokenizer, key: str | None = None, metre: str | None = None
) -> str:
    """Fields like "R:jig M:6/8 K:D" as the lines that begin a tune, in train's order, the key last.

    Args:
        fields: all of them, or all but what is given apart.
        tokenizer: of the model.
        key: that is given apart.
        metre: the same.

    Raises:
        GenerationError: there is no key or there are two, or a character that the model has never read.
    """
    asked = fields
    for letter, option, value in (("M", "metre", metre), ("K", "key", key)):
        if value is None:
            continue
        if own := re.search(rf"(?<!\S){letter}:\s*(\S*)", asked):
            raise GenerationError(
                f"--header has {letter}:{own[1]} and --{option} is {value}: leave one of them out"
            )
        fields = f"{fields} {letter}:{value}"
    found = re.findall(r"([A-Z]):\s*(.*?)(?=\s+[A-Z]:|\s*$)", fields)
    if not found or found[0][0] + ":" != fields.strip()[:2] or "K" not in dict(found):
        raise GenerationError(
            f"--header is {asked!r}; it should be fields of ABC with a key, as 'R:jig M:6/8 K:D', or "
            "without it beside --key D"
        )
    given, order = dict(found), "".join(tokenizer.abc_fields)  # as the model has read them
    letters = sorted(given, key=lambda letter: (letter == "K", order.find(letter) % 99))
    lines = [f"{letter}:{given[letter]}\n" for letter in letters]
    return readable("--header", "".join(lines), tokenizer)


def readable(name: str, header: str, tokenizer: Tokenizer) -> str:
    """The header itself, if the model has read all of its characters.

    Raises:
        GenerationError: names those that it has not.
    """
    ids = tokenizer.encode_text(header)
    unknown = {c for c, index in zip(header, ids, strict=False) if index == UNKNOWN}
    if unknown:
        raise GenerationError(f"{name}: the model has never read {' '.join(sorted(unknown))}")
    return header
