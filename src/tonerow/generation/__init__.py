"""Free-running generation: each drawn note is what the next one follows.

`GENERATORS` has one way to generate for each view of the tokens that a model may have.
"""

from __future__ import annotations

from collections.abc import Callable

from tonerow.generation import chars, events, melody
from tonerow.generation.samples import GenerationError, Request, Samples

__all__ = ["GENERATORS", "GenerationError", "Request", "Samples", "generate"]

GENERATORS: dict[str, Callable[[Request], Samples]] = {
    "melody": melody.generate,
    "events": events.generate,
    "chars": chars.generate,
}


def generate(request: Request) -> Samples:
    """Draws samples in the way of the model's view; leaves out settings that mean nothing for it.

    Raises:
        GenerationError: there is nothing to start from, or it is none for this model.
    """
    return GENERATORS[request.model.view](request)
