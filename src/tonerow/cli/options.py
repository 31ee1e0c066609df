"""What the options of `tonerow generate` mean, as settings."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tonerow.abc_notation.fields import parse_key
from tonerow.cli import CHARACTERS, DEFAULTS, MODES, NOTES, PRIMER_NOTES, SAMPLES, UsageError
from tonerow.corpora.kinds import kind_of
from tonerow.generation import unused
from tonerow.model_files import Saved
from tonerow.notes.score import UnreadableError
from tonerow.params import HELD_OUT, Generate

LONGEST = 4000
"""Notes of a sample at most, where bars or seconds say how long it is."""
OPTIONS = {
    **{"max_notes": "notes", "max_characters": "characters", "tempo_bpm": "tempo"},
    **{"primer": "primer_notes", "lowest": "range", "highest": "range"},
}
"""The options of settings that have another name."""
_NO_METRE = "reads no metre but counts places in the bar from the first note"
NOT_FOR = {
    "melody": {
        "key": "reads no key but hears it from the notes: give the first notes as --hints",
        "metre": _NO_METRE,
    },
    "events": {
        "key": "reads no key but hears it from the notes: give a --primer that is in it",
        "metre": _NO_METRE,
    },
    "chars": {},
}
"""Options that are no settings and mean nothing for a view, and why; see `tonerow.generation.unused`."""
TAKES = {
    "melody": "--notes, --bars, --seconds, --hints, --range, --instrument, --beam",
    "events": "--primer-notes, --notes, --bars, --seconds, --range",
    "chars": "--key, --mode, --metre, --bars, --characters",
}
"""What a model of each view takes, besides what all take."""


def settings_of(options: argparse.Namespace) -> Generate:
    """The options as settings, checked as those of ``params.yaml``."""
    usual = {
        "max_notes": NOTES if options.bars is options.seconds is None else LONGEST,
        "max_characters": CHARACTERS,
        "primer": PRIMER_NOTES,
        "instrument": 0,
        **dict.fromkeys(("bars", "seconds", "tempo_bpm")),
    }
    values: dict[str, Any] = {}
    for name, value in usual.items():
        asked = getattr(options, OPTIONS.get(name, name), None)
        values[name] = value if asked is None else asked
    values |= _drawn_or_searched(options)
    hints, ends = options.hints or "", options.range or "0-127"
    try:
        values["hints"] = [int(pitch) for pitch in hints.replace(",", " ").split()]
        values["lowest"], values["highest"] = (int(end) for end in ends.split("-"))
    except ValueError:
        raise UsageError(
            f"--hints is {hints!r} and --range {ends!r}; they should be like '62 66 69' and 55-86"
        ) from None
    try:
        return Generate(source=HELD_OUT, split="test", **values)
    except ValidationError as error:
        raise UsageError(_refusal(error)) from None


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


def _refusal(error: ValidationError) -> str:
    """What is wrong with an option, in the words of its setting."""
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    name = str(first["loc"][0])
    option = OPTIONS.get(name, name)
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


def check(model: Saved, view: str, options: argparse.Namespace) -> None:
    """Refuses options that mean nothing for a model.

    Args:
        model: what its file says of it.
        view: that it reads.
        options: as they were given; None where one was not.

    Raises:
        UsageError: names the option, and those that the model takes.
    """
    for name, reason in {**unused.NOT_FOR[view], **NOT_FOR[view]}.items():
        option = OPTIONS.get(name, name)
        if (value := getattr(options, option, None)) is not None:
            raise UsageError(
                f"--{option.replace('_', '-')} is {value}, but {model.model} {reason}. It takes "
                f"{TAKES[view]}"
            )


def check_start(options: argparse.Namespace, start: str) -> None:
    """Refuses options that mean nothing beside what the samples start from.

    Args:
        options: as they were given; None where one was not.
        start: the option that says what from, such as "--rhythm".

    Raises:
        UsageError: names the option.
    """
    if getattr(options, "primer_notes", None) is not None and start != "--primer":
        raise UsageError(f"--primer-notes is {options.primer_notes}, but there is no --primer")
    if getattr(options, "tune", None) is not None:
        file = getattr(options, start[2:])
        if not (isinstance(file, Path) and kind_of(file.name) == "abc"):
            raise UsageError(f"--tune is {options.tune}, but {start} gives no file of ABC tunes")
