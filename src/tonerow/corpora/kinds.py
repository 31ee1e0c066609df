"""Which file names are music, and how deep folders may lie in folders."""

from __future__ import annotations

MIDI_SUFFIXES = (".mid", ".midi", ".rmi", ".kar")
ABC_SUFFIXES = (".abc",)
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_DEPTH = 200
"""Folders in folders; far below, other programs (and `os.walk` before Python 3.12) give out."""


def kind_of(name: str) -> str | None:
    """Says "midi", "abc" or "archive" by the end of a name, in any case; None for any other."""
    name = name.lower()
    kinds = {"midi": MIDI_SUFFIXES, "abc": ABC_SUFFIXES, "archive": ARCHIVE_SUFFIXES}
    return next((kind for kind, suffixes in kinds.items() if name.endswith(suffixes)), None)
