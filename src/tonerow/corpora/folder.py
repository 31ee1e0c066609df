"""Your own folder of MIDI and ABC files."""

from __future__ import annotations

from pathlib import Path

from tonerow.corpora.copying import Fetched, FetchError, copy_music
from tonerow.params import FolderCorpus


def fetch(settings: FolderCorpus, out: Path, root: Path) -> Fetched:
    """Copies .mid, .midi, .abc and .zip files, at any depth and in upper or lower case.

    Args:
        settings: `path` is absolute or relative to the current folder, that of the repository or
            of the snapshot in which a queued experiment runs.
        out: the folder to fill.
        root: not used.

    Raises:
        FetchError: the folder is missing or holds nothing to read.
    """
    source = Path(settings.path).expanduser()
    if not source.is_dir():
        raise FetchError(
            f"corpora.folder.path is {settings.path!r}, which is no folder; it must be a folder of "
            ".mid, .midi, .abc or .zip files, absolute or relative to params.yaml"
        )
    fetched = copy_music(source, out)
    if not fetched.copied:
        raise FetchError(
            f"corpora.folder.path is {settings.path!r}, which holds no .mid, .midi, .abc or .zip "
            f"file that can be copied\n{fetched.summary()}"
        )
    return fetched
