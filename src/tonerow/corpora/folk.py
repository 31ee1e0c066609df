"""Folk tunes in ABC that come inside the installed music21 package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tonerow.corpora.copying import Fetched, FetchError, copy_music
from tonerow.params.corpora import Folk


def fetch(settings: Folk, out: Path, root: Path) -> Fetched:
    """Copies the chosen collections, each into a folder of its name.

    Args:
        settings: `collections` names them.
        out: the folder to fill.
        root: not used.

    Raises:
        FetchError: music21 is not installed, or without its corpus.
    """
    spec = find_spec("music21")  # does not import it, which takes seconds
    if spec is None or spec.origin is None:
        raise FetchError("the folk corpus is part of the music21 package, which is not installed")
    fetched = Fetched()
    for name in sorted(set(settings.collections)):
        collection = Path(spec.origin).parent / "corpus" / name
        found = copy_music(collection, out / name, {"abc"})
        if not found.copied:
            raise FetchError(
                f"the installed music21 has no ABC files for {name!r}; install music21 with its "
                "corpus (the ordinary package has it)"
            )
        fetched.copied += found.copied
        fetched.skipped += [f"{name}/{line}" for line in found.skipped]
    return fetched
