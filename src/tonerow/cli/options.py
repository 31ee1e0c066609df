"""What the options of `tonerow generate` mean, as settings."""

from __future__ import annotations

import argparse
import re
from typing import Any

from pydantic import ValidationError

from tonerow.abc_notation.fields import parse_key
from tonerow.cli import DEFAULTS, MODES, NOTES, SAMPLES, UsageError
from tonerow.notes.score import UnreadableError
from tonerow.params import Generate

LONGEST = 4000
"""Notes of a sample at most, where bars or seconds say how long it is."""
NOT_FOR = {
    "events": {
        **dict.fromkeys(("hints", "instrument"), "goes on from the notes of a piece"),
        "beam": "writes whole notes, and a search finds pitches alone",
        "key": "reads no key but hears it from the notes: give a --primer that is in it",
    },
    "chars": {
        **dict.fromkeys(
            ("hints", "lowest", "highest", "instrument", "beam"), "writes text, not pitches"
        ),
        "seconds": "writes text, which has no seconds: use --bars or --characters",
    },
    "melody": {"key": "reads no key but hears it from the notes: give the first notes as --hints"},
}
"""Settings that mean nothing for a view, and why."""
NOTHING = {"hints": [], "lowest": 0, "highest": 127, "instrument": 0, "beam": 0}
"""Their values when nothing is asked for, if it is not None."""


def settings_of(options: argparse.Namespace) -> Generate:
    """The options as settings, checked as those of ``params.yaml``."""
    renamed = {"notes": "max_notes", "tempo": "tempo_bpm", "characters": "max_characters"}
    asked = ["instrument", "bars", "seconds", *renamed]
    values = {renamed.get(name, name): getattr(options, name) for name in asked}
    values |= _drawn_or_searched(options)
    if values["max_notes"] is None:
        values["max_notes"] = NOTES if options.bars is options.seconds is None else LONGEST
    values["primer"] = getattr(options, "primer_notes", 1)
    try:
        values["hints"] = [int(pitch) for pitch in options.hints.replace(",", " ").split()]
        values["lowest"], values["highest"] = (int(end) for end in options.range.split("-"))
    except ValueError:
        raise UsageError(
            f"--hints is {options.hints!r} and --range {options.range!r}; they should be like "
            "'62 66 69' and 55-86"
        ) from None
    try:
        return Generate(split="test", **values)
    except ValidationError as error:
        raise UsageError(
            _refusal(error, {new: old for old, new in renamed.items()} | {"primer": "primer-notes"})
        ) from None


def _drawn_or_searched(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of how samples come about: by draws, or by a beam search.

    Raises:
        UsageError: options for both are there, or more samples than a search finds.
    """
    given = {name: getattr(options, name) for name in DEFAULTS}
    drawing = {name: value for name, value in given.items() if value is not None}
    samples, beam = options.samples, options.beam
    if beam is None:
        return DEFAULTS | drawing | {"beam": 0, "samples": SAMPLES if samples is None else samples}
    if beam < 1:
        raise UsageError(f"--beam is {beam}; a search follows 1 beginning or more")
    for name, value in drawing.items():
        option = name.replace("_", "-")
        raise UsageError(f"--{option} is {value}, but --beam draws nothing: leave one of them out")
    samples = 1 if samples is None else samples
    if samples > beam:
        raise UsageError(f"--samples is {samples}, but --beam {beam} finds no more than {beam}")
    return DEFAULTS | {"beam": beam, "samples": samples}


def _refusal(error: ValidationError, spelt: dict[str, str]) -> str:
    """What is wrong with an option, in the words of its setting."""
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    name = str(first["loc"][0])
    option = {"lowest": "range", "highest": "range"}.get(name, spelt.get(name, name))
    return f"--{option.replace('_', '-')} is {first['input']}: {first['msg']}"


def key_of(options: argparse.Namespace) -> str | None:
    """`--key` and `--mode` as a tune's `K:` has them, like "D" or "Em"; None: there is none.

    Raises:
        UsageError: they are no key, or there is a mode alone.
    """
    key, mode = getattr(options, "key", None), getattr(options, "mode", None)
    if key is None and mode is not None:
        raise UsageError(f"--mode is {mode}, but there is no --key that it is the mode of")
    if key is None:
        return None
    if not re.fullmatch("[A-Ga-g][#b]?", key):
        raise UsageError(f"--key is {key!r}; it should be a tonic like D, F# or Bb")
    value: str = key.capitalize() + MODES[mode or "major"]
    try:
        parse_key(value, 1)
    except UnreadableError:
        raise UsageError(
            f"--key is {key} {mode or 'major'}, which takes over 7 accidentals"
        ) from None
    return value


def check(view: str, settings: Generate, key: str | None = None) -> None:
    """Refuses settings, and a key, that mean nothing for models of a view.

    Raises:
        UsageError: names the setting.
    """
    for name, reason in NOT_FOR[view].items():
        value = key if name == "key" else getattr(settings, name)
        if value != NOTHING.get(name):
            raise UsageError(f"{name} is {value}, but a model of this kind {reason}")


def check_search(settings: Generate, notes: int) -> None:
    """Refuses to search for more lines of so many notes than the range and the hints leave possible.

    Raises:
        UsageError: says how many there are.
    """
    free = max(notes - len(settings.hints), 0)
    lines = (settings.highest - settings.lowest + 1) ** free
    if settings.beam and settings.samples > lines:
        raise UsageError(
            f"--samples is {settings.samples}, but --range and --hints leave only {lines} possible"
        )
