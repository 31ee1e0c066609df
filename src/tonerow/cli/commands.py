"""What the commands of `tonerow` do."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from tonerow import runtime
from tonerow.abc_notation.reading import decode, read_tune, split_tunes
from tonerow.cli import DEFAULTS
from tonerow.corpora.kinds import ABC_SUFFIXES, MIDI_SUFFIXES, kind_of
from tonerow.generation.melody import recolour, rhythms, to_notes
from tonerow.generation.samples import Request
from tonerow.listening.roll import draw_rolls
from tonerow.midi.reading import read_midi
from tonerow.midi.writing import write_midi_samples
from tonerow.model_files import ModelFileError, Saved, load_model
from tonerow.models.base import Model
from tonerow.notes.score import Score, UnreadableError
from tonerow.notes.table import to_table
from tonerow.params import Generate
from tonerow.tokens.encoding import encode
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import VIEWS


class UsageError(RuntimeError):
    """What is asked for cannot be done; the message says why."""


def info(options: argparse.Namespace) -> None:
    """Prints what a model file is."""
    model, about = opened(options.model)
    print(f"{about.model}, size {about.size}: {model.n_parameters():,} numbers")
    print(f"sees {model.conditions_on.value}; predicts {', '.join(model.predicts)}")
    print("\n".join(f"  {name}: {value}" for name, value in about.settings.items()))


def generate(options: argparse.Namespace) -> None:
    """Writes new pitches for the rhythm of a file."""
    settings = settings_of(options)
    model, about = opened(options.model, options.seed)
    if model.view != "melody":
        raise UsageError(
            f"{about.model} writes {VIEWS[model.view].label}, not a melody to a rhythm"
        )
    tokenizer = Tokenizer.from_json(about.tokenizer)
    score = score_of(options.rhythm, options.tune)
    line = line_of(options.rhythm, score, tokenizer).head(settings.max_notes)
    request = Request(model, Path(), tokenizer, settings)
    lines = [line] * settings.samples
    notes = to_notes(lines, recolour(request, *rhythms(lines, request.device)))
    write(options.out, notes, score.tempo_bpm, settings.tempo_bpm)
    print(f"{settings.samples} samples of {len(line)} notes in {options.out}")


def settings_of(options: argparse.Namespace) -> Generate:
    """The options as settings, checked as those of ``params.yaml``."""
    names = {"notes": "max_notes", "tempo": "tempo_bpm"}
    asked = ["samples", "seed", *names, *DEFAULTS]
    values = {names.get(name, name): getattr(options, name) for name in asked}
    try:
        return Generate(split="test", primer=1, max_characters=1, **values)
    except ValidationError as error:
        first = error.errors()[0]
        spelt = {setting: name for name, setting in names.items()}
        name = str(first["loc"][0])
        option = spelt.get(name, name).replace("_", "-")
        raise UsageError(f"--{option} is {first['input']}: {first['msg']}") from None


def opened(file: Path, seed: int = 1) -> tuple[Model, Saved]:
    """The model in a file, ready to run."""
    device = runtime.prepare("auto", os.cpu_count() or 1, seed)
    if not file.is_file():
        raise UsageError(f"there is no model {file}; `dvc repro` trains one")
    try:
        return load_model(file, device)
    except ModelFileError as error:
        raise UsageError(str(error)) from None
    except Exception as error:  # torch has a dozen ways to say that a file is not its own
        raise UsageError(f"{file} is no model of tonerow's ({type(error).__name__})") from None


def score_of(file: Path, tune: int) -> Score:
    """The notes of a MIDI file, or of one tune (1, 2, ...) of an ABC file."""
    kind = kind_of(file.name)
    if kind not in ("midi", "abc"):
        endings = ", ".join(MIDI_SUFFIXES + ABC_SUFFIXES)
        raise UsageError(f"{file} is no file of music by its name, which would end in {endings}")
    try:
        if kind == "midi":
            return read_midi(file.read_bytes())
        tunes = split_tunes(decode(file.read_bytes()))
        if not 1 <= tune <= len(tunes):
            raise UsageError(f"{file} has {len(tunes)} tunes; there is no number {tune}")
        return read_tune(tunes[tune - 1])
    except UnreadableError as error:
        raise UsageError(f"{file} cannot be read: {error.detail}") from None


def line_of(file: Path, score: Score, tokenizer: Tokenizer) -> pd.DataFrame:
    """The melody line of a score, as the model's tokens."""
    notes = encode(tokenizer, to_table(file.stem, score)).to_pandas()
    line: pd.DataFrame = notes[notes["is_melody"]].reset_index(drop=True)
    if line.empty:
        raise UsageError(f"{file} has no melody: there is no note, or drums alone")
    return line


def write(out: Path, notes: pd.DataFrame, own: float | None, tempo_bpm: float | None) -> None:
    """Writes samples as MIDI, with the line that they come from, and their piano rolls."""
    out.mkdir(parents=True, exist_ok=True)
    tempi = pd.Series({notes["source_piece_id"].iloc[0]: own}, dtype=float)
    write_midi_samples(out, notes, tempi, tempo_bpm)
    draw_rolls(out / "samples.png", notes)
