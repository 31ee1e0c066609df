"""MAESTRO v3.0.0: piano performances in MIDI, by download or from a copy of yours.

Source: Hawthorne et al., Enabling Factorized Piano Music Modeling and Generation with the MAESTRO
Dataset, ICLR 2019; CC BY-NC-SA 4.0.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tonerow.corpora.copying import Fetched, FetchError, copy_music
from tonerow.corpora.download import Downloader, WrongBytesError, retrieve
from tonerow.params.corpora import Maestro

URL = "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0-midi.zip"
SHA256 = "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"
METADATA = "maestro-v3.0.0.csv"
_NAME = "maestro-v3.0.0-midi.zip"
DOWNLOADER = Downloader(max_bytes=2**27)  # twice its size

_WAY_OUT = (
    "set corpora.maestro.path to your copy of maestro-v3.0.0-midi.zip or of the unpacked folder, "
    "or go online"
)


def fetch(settings: Maestro, out: Path, root: Path) -> Fetched:
    """Copies the archive, or the files of the unpacked folder; the archive stays packed.

    Args:
        settings: `path` is the archive or the folder; None to download.
        out: the folder to fill.
        root: the archive is downloaded to ``.downloads`` below it, once.

    Raises:
        FetchError: the download failed, or the archive or folder is not MAESTRO v3.0.0.
    """
    if settings.path is None:
        archive = _downloaded(root / ".downloads")
    else:
        archive = Path(settings.path).expanduser()
        if archive.is_dir():
            return _from_folder(archive, out)
        _verify(archive)
    shutil.copyfile(archive, out / _NAME)
    return Fetched(copied=1)


def _downloaded(cache: Path) -> Path:
    """The verified archive; from the cache if it is there."""
    import requests  # noqa: PLC0415 - slow to import, and most runs need no download

    try:
        return retrieve(URL, SHA256, cache / _NAME, DOWNLOADER)
    except WrongBytesError as error:
        raise FetchError(
            f"{URL} sent something else than MAESTRO v3.0.0: its sha256 is not {SHA256}; {_WAY_OUT}"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise FetchError(
            f"MAESTRO could not be downloaded from {URL} ({type(error).__name__}); {_WAY_OUT}"
        ) from error


def _verify(archive: Path) -> None:
    """Checks that a local archive is the published one."""
    import pooch  # noqa: PLC0415

    if not archive.is_file():
        raise FetchError(f"corpora.maestro.path is {str(archive)!r}, which does not exist")
    found = pooch.file_hash(str(archive), alg="sha256")
    if found != SHA256:
        raise FetchError(
            f"corpora.maestro.path is {str(archive)!r}, which is not maestro-v3.0.0-midi.zip as "
            f"published: its sha256 is {found}, not {SHA256}"
        )


def _from_folder(folder: Path, out: Path) -> Fetched:
    for home in (folder, folder / "maestro-v3.0.0"):
        if (home / METADATA).is_file():
            return copy_music(home, out)
    raise FetchError(
        f"corpora.maestro.path is {str(folder)!r}, a folder without {METADATA}; it must be the "
        "folder that the archive unpacks to"
    )
