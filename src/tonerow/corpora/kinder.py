"""German children's songs of the Essen collection, in ABC, inside the installed music21 package.

The set `kinder` of Schaffrath's Essen Folksong Collection (1995), as Pearce (2005) measures on it.
"""

from __future__ import annotations

from pathlib import Path

from tonerow.corpora.copying import Fetched, FetchError, copy_regular
from tonerow.corpora.music21_package import WITH_CORPUS, corpus_folder
from tonerow.params.corpora import Kinder

FILE = Path("essenFolksong") / "kinder0.abc"


def fetch(settings: Kinder, out: Path, root: Path) -> Fetched:
    """Copies the file of 213 songs.

    Args:
        settings: has no key; all corpora are fetched alike.
        out: the folder to fill.
        root: not used.

    Raises:
        FetchError: music21 is not installed, or without its corpus.
    """
    home = corpus_folder("kinder").resolve()
    why = copy_regular(home / FILE, out / FILE.name)
    if why:
        raise FetchError(f"the installed music21 has no readable {FILE} ({why}); {WITH_CORPUS}")
    return Fetched(copied=1)
