"""What the options of `tonerow generate` mean, as settings."""

from __future__ import annotations

import argparse

from pydantic import ValidationError

from tonerow.cli import DEFAULTS, UsageError
from tonerow.params import Generate

NOT_FOR = {
    "events": dict.fromkeys(("hints", "instrument"), "goes on from the notes of a piece"),
    "chars": dict.fromkeys(
        ("hints", "lowest", "highest", "instrument"), "writes text, not pitches"
    ),
}
"""Settings that mean nothing for a view, and why."""
NOTHING = {"hints": [], "lowest": 0, "highest": 127, "instrument": 0}
"""Their values when nothing is asked for."""


def settings_of(options: argparse.Namespace) -> Generate:
    """The options as settings, checked as those of ``params.yaml``."""
    renamed = {"notes": "max_notes", "tempo": "tempo_bpm", "characters": "max_characters"}
    asked = ["samples", "seed", "instrument", *renamed, *DEFAULTS]
    values = {renamed.get(name, name): getattr(options, name) for name in asked}
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
        return Generate(split="test", bars=None, seconds=None, beam=0, **values)
    except ValidationError as error:
        raise UsageError(
            _refusal(error, {new: old for old, new in renamed.items()} | {"primer": "primer-notes"})
        ) from None


def _refusal(error: ValidationError, spelt: dict[str, str]) -> str:
    """What is wrong with an option, in the words of its setting."""
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    name = str(first["loc"][0])
    option = {"lowest": "range", "highest": "range"}.get(name, spelt.get(name, name))
    return f"--{option.replace('_', '-')} is {first['input']}: {first['msg']}"


def check(view: str, settings: Generate) -> None:
    """Refuses settings that mean nothing for models of a view.

    Raises:
        UsageError: names the setting.
    """
    for name, reason in NOT_FOR.get(view, {}).items():
        if getattr(settings, name) != NOTHING[name]:
            value = getattr(settings, name)
            raise UsageError(f"{name} is {value}, but a model of this kind {reason}")
