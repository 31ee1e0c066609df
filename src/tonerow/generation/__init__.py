"""Free-running generation: each drawn note is what the next one follows.

`GENERATORS` has one way to generate for each view of the tokens that a model may have.
"""

from __future__ import annotations

from collections.abc import Callable

from tonerow.generation import chars, events, melody
from tonerow.generation.samples import GenerationError, Request, Samples
from tonerow.params import Generate

__all__ = ["GENERATORS", "GenerationError", "Request", "Samples", "generate"]

NOT_FOR = {
    "events": dict.fromkeys(("hints", "instrument"), "goes on from the notes of a piece"),
    "chars": dict.fromkeys(
        ("hints", "lowest", "highest", "instrument"), "writes text, not pitches"
    ),
}
"""Settings that mean nothing for a view, and why."""
NOTHING = {"hints": [], "lowest": 0, "highest": 127, "instrument": 0}
"""Their values when nothing is asked for."""

GENERATORS: dict[str, Callable[[Request], Samples]] = {
    "melody": melody.generate,
    "events": events.generate,
    "chars": chars.generate,
}


def generate(request: Request) -> Samples:
    """Draws samples in the way of the model's view.

    Raises:
        GenerationError: there is nothing to start from, or what is asked for makes no sense here.
    """
    check(request.model.view, request.settings)
    return GENERATORS[request.model.view](request)


def check(view: str, settings: Generate) -> None:
    """Refuses settings that mean nothing for models of a view.

    Raises:
        GenerationError: names the setting.
    """
    for name, reason in NOT_FOR.get(view, {}).items():
        if getattr(settings, name) != NOTHING[name]:
            value = getattr(settings, name)
            raise GenerationError(f"{name} is {value}, but a model of this kind {reason}")
