"""Folk tunes in ABC that come inside the installed music21 package."""

from __future__ import annotations

from pathlib import Path

from tonerow.corpora.copying import Fetched, FetchError, copy_music
from tonerow.corpora.music21_package import WITH_CORPUS, corpus_folder
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
    home = corpus_folder("folk")
    fetched = Fetched()
    for name in sorted(set(settings.collections)):
        found = copy_music(home / name, out / name, {"abc"})
        if not found.copied:
            raise FetchError(f"the installed music21 has no ABC files for {name!r}; {WITH_CORPUS}")
        fetched.copied += found.copied
        fetched.skipped += [f"{name}/{line}" for line in found.skipped]
    return fetched
