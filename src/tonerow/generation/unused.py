"""Settings of `generate` that mean nothing for some models."""

from __future__ import annotations

from collections.abc import Iterator

from tonerow.params import Generate

_TEXT = "writes text, not pitches"
_NOTES = "writes notes, not text"
NOT_FOR = {
    "melody": {"primer": "starts from a rhythm", "max_characters": _NOTES},
    "events": {
        "max_characters": _NOTES,
        **dict.fromkeys(("hints", "instrument"), "goes on from the notes of a piece"),
        "beam": "writes whole notes, and a search finds pitches alone",
    },
    "chars": {
        **dict.fromkeys(("hints", "lowest", "highest", "instrument", "beam"), _TEXT),
        "repeat_decay": _TEXT,
        "seconds": "writes text, which has no seconds",
        "primer": "starts from a header",
        "max_notes": "writes text, not notes",
    },
}
"""By the view of a model the setting, and why."""
NOTHING = {"hints": [], "lowest": 0, "highest": 127, "instrument": 0, "beam": 0, "repeat_decay": 0}
"""Their values when nothing is asked for, if it is not None."""
ALWAYS = ("primer", "max_characters", "max_notes")
"""Settings that have a value in any case: that they are asked for cannot be told from it."""


def unused(view: str, settings: Generate) -> Iterator[str]:
    """What to say of each setting that is asked for and means nothing for models of a view."""
    for name, reason in NOT_FOR[view].items():
        if name not in ALWAYS and (value := getattr(settings, name)) != NOTHING.get(name):
            yield f"generate.{name} is {value}, and left out: a model of this kind {reason}"
