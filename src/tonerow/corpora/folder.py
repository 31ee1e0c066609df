"""Your own MIDI and ABC files: a folder or an archive of them."""

from __future__ import annotations

from pathlib import Path

from tonerow.corpora.copying import Fetched, FetchError, copy_music, copy_regular
from tonerow.corpora.kinds import kind_of
from tonerow.params.corpora import Folder

_KINDS = ".mid, .midi, .abc, .zip, .tar or .tar.gz"


def fetch(settings: Folder, out: Path, root: Path) -> Fetched:
    """Copies .mid, .midi, .abc and archive files, at any depth and in upper or lower case.

    Args:
        settings: `path` is a folder, or an archive, which stays packed; absolute or relative to the
            current folder, that of the repository or of the snapshot in which a queued experiment
            runs.
        out: the folder to fill.
        root: not used.

    Raises:
        FetchError: there is no such folder or archive, or nothing to read in it.
    """
    source = Path(settings.path).expanduser()
    if source.is_dir():
        fetched = copy_music(source, out)
    elif source.is_file() and kind_of(source.name) == "archive":
        why = copy_regular(source, out / source.name)
        fetched = Fetched(int(not why), [f"{source.name}: {why}"] if why else [])
    else:
        raise FetchError(
            f"corpora.folder.path is {settings.path!r}, which is no folder and no archive; it must "
            f"be a folder of {_KINDS} files, or a .zip, .tar or .tar.gz file, absolute or relative "
            "to params.yaml"
        )
    if not fetched.copied:
        raise FetchError(
            f"corpora.folder.path is {settings.path!r}, which holds no {_KINDS} file that can be "
            f"copied\n{fetched.summary()}"
        )
    return fetched
