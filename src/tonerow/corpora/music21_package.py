"""Where the installed music21 package keeps the scores that come with it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tonerow.corpora.copying import FetchError

WITH_CORPUS = "install music21 with its corpus (the ordinary package has it)"


def corpus_folder(corpus: str) -> Path:
    """Finds music21's folder of scores, without importing the package, which takes seconds.

    Args:
        corpus: of ours, which is part of it; for the message.

    Raises:
        FetchError: music21 is not installed.
    """
    spec = find_spec("music21")
    if spec is None or spec.origin is None:
        raise FetchError(
            f"the corpus {corpus} is part of the music21 package, which is not installed"
        )
    return Path(spec.origin).parent / "corpus"
