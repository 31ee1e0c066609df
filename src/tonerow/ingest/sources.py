"""What there is to read below a folder of raw files, in the order of the tables.

A piece is named after where it lies: a MIDI file by its path below the folder, with "/"; a file in
a zip archive as if the archive were a folder (``corpus.zip/bach/prelude.mid``); a tune as if its
ABC file were a folder, by its number (``reels.abc/0007``; 0000 stands for the file itself, refused
as a whole). An ABC file with a single tune is no exception, so that adding a tune renames none.
"""

from __future__ import annotations

import csv
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from tonerow.ingest.score import UnreadableError
from tonerow.schema import Rejection

MIDI_SUFFIXES = frozenset({".mid", ".midi", ".rmi", ".kar"})
ABC_SUFFIXES = frozenset({".abc"})
ARCHIVE_SUFFIXES = frozenset({".zip"})
_PART_BYTES = 256 * 1024  # a larger ABC file is shared out among workers
_MAX_PARTS = 16
_METADATA_COLUMNS = {"canonical_composer", "canonical_title", "split", "midi_filename"}
_MAX_METADATA_BYTES = 64 * 2**20
_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
_SPLITS = {"train": "train", "validation": "val", "val": "val", "test": "test"}


@dataclass(frozen=True)
class Source:
    """One file to read, or a share of the tunes of a large one.

    Attributes:
        source_path: below the raw folder, "/" as separator, through archives.
        kind: "midi", "abc" or "zip" (an archive that cannot be opened).
        file: where the file, or the archive with it, is on disk.
        member: its name inside the archive; None outside of one.
        n_bytes: its size as announced.
        part, parts: which share of the tunes: part 0, ... of parts.
        composer, title, official_split: what the corpus's own list of pieces says.
        refused: why it is not to be read at all.
    """

    source_path: str
    kind: str
    file: str
    member: str | None = None
    n_bytes: int = 0
    part: int = 0
    parts: int = 1
    composer: str | None = None
    title: str | None = None
    official_split: str | None = None
    refused: tuple[Rejection, str] | None = None

    @property
    def order(self) -> tuple[str, int]:
        """Sorts sources as their piece_ids sort: no other name falls among the tunes of a file."""
        return (self.source_path + "/" if self.kind == "abc" else self.source_path, self.part)

    def read(self, max_bytes: int) -> bytes:
        """The file's bytes.

        Raises:
            UnreadableError: it is larger than `max_bytes`, gone, may not be opened, or stands
                damaged in its archive.
        """
        try:
            if self.member is None:
                with open(self.file, "rb") as stream:  # noqa: PTH123 - reads faster in bulk
                    data = stream.read(max_bytes + 1)
            else:
                with _archive(self.file).open(self.member) as stream:
                    data = stream.read(max_bytes + 1)  # archives may lie about sizes
        except FileNotFoundError:
            raise UnreadableError(Rejection.MISSING_FILE, "gone before it was read") from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise UnreadableError(Rejection.UNREADABLE_FILE, why) from None
        except _ARCHIVE_ERRORS as error:
            why = f"damaged or encrypted in its archive ({type(error).__name__})"
            raise UnreadableError(Rejection.UNREADABLE_FILE, why) from None
        if len(data) > max_bytes:
            raise UnreadableError(Rejection.TOO_LARGE, f"more than {max_bytes:,} bytes")
        return data


def find_sources(raw: Path) -> tuple[list[Source], int]:
    """Lists every MIDI and ABC file below a folder, through zip archives, in table order.

    A metadata table of the MAESTRO kind (a .csv with the columns canonical_composer,
    canonical_title, split and midi_filename) adds what it knows to the files it lists; those that
    are not there become refused sources.

    Args:
        raw: the folder. Links to folders are not followed; links to files are, since a cache may
            have put them there.

    Returns:
        The sources, sorted, and how many files were of no kind that is read.
    """
    sources: list[Source] = []
    metadata: dict[str, dict[str, str | None]] = {}
    others = 0
    for file, name in _files(raw):
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in ARCHIVE_SUFFIXES:
            found, listed, skipped = _archive_sources(str(file), name)
            sources += found
            metadata |= listed
            others += skipped
        elif suffix == ".csv":
            metadata |= _metadata(_read_text(file), name)
            others += 1
        elif kind := _kind(suffix):
            sources.append(Source(name, kind, str(file), n_bytes=_size(file)))
        else:
            others += 1
    return sorted(_complete(sources, metadata), key=lambda s: s.order), others


def _complete(sources: list[Source], metadata: dict[str, dict[str, str | None]]) -> list[Source]:
    """Adds metadata, listed files that are absent, and the shares of large ABC files."""
    there = {source.source_path for source in sources}
    complete: list[Source] = []
    for source in sources:
        known = replace(source, **metadata.get(source.source_path, {}))  # type: ignore[arg-type]
        parts = 1
        if known.kind == "abc" and known.refused is None:
            parts = min(_MAX_PARTS, 1 + known.n_bytes // _PART_BYTES)
        complete += [replace(known, part=part, parts=parts) for part in range(parts)]
    absent = (Rejection.MISSING_FILE, "the corpus's list of pieces has it, its files do not")
    for name, known_of in metadata.items():
        if name not in there:
            complete.append(Source(name, "midi", "", refused=absent, **known_of))  # type: ignore[arg-type]
    return complete


def _kind(suffix: str) -> str | None:
    return "midi" if suffix in MIDI_SUFFIXES else "abc" if suffix in ABC_SUFFIXES else None


def _files(raw: Path) -> Iterator[tuple[Path, str]]:
    """Regular files and their names below the folder."""
    for folder, _, names in os.walk(raw):
        for name in names:
            file = Path(folder, name)
            try:
                regular = stat.S_ISREG(file.stat().st_mode)
            except OSError:  # a dangling link: listed, and refused when it is read
                regular = True
            if regular:  # opening a pipe would wait for ever
                yield file, _text(file.relative_to(raw).as_posix())


def _text(name: str) -> str:
    """A file name as text that every table can hold, whatever its bytes."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _archive(file: str) -> zipfile.ZipFile:
    """An open archive; kept open, since its table of contents takes longer than a member."""
    return zipfile.ZipFile(file)


def _archive_sources(
    file: str, name: str
) -> tuple[list[Source], dict[str, dict[str, str | None]], int]:
    """Sources and metadata in one archive, and how many members were of no kind that is read."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = {i.filename: i for i in archive.infolist() if not i.is_dir()}
            texts = {
                member: archive.read(member).decode("utf-8-sig", errors="replace")
                for member, info in members.items()
                if member.lower().endswith(".csv") and info.file_size <= _MAX_METADATA_BYTES
            }
    except (OSError, *_ARCHIVE_ERRORS) as error:
        refused = (Rejection.UNREADABLE_FILE, f"no zip archive: {type(error).__name__}")
        return [Source(name, "zip", file, refused=refused)], {}, 0
    sources, others = [], 0
    for member, info in members.items():
        kind = _kind(PurePosixPath(member).suffix.lower())
        hidden = any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(member).parts)
        if kind is None or (hidden and not _escapes(member)):
            others += 1
            continue
        unfit = None
        if _escapes(member) or any(str(up) in members for up in PurePosixPath(member).parents):
            unfit = (Rejection.UNREADABLE_FILE, "its name leaves the archive or hides in a file")
        path = f"{name}/{_text(member)}"
        sources.append(Source(path, kind, file, member, info.file_size, refused=unfit))
    metadata: dict[str, dict[str, str | None]] = {}
    for member, text in texts.items():
        metadata |= _metadata(text, f"{name}/{_text(member)}")
    return sources, metadata, others


def _escapes(member: str) -> bool:
    """Whether a member's name points outside of the folder it would be unpacked to."""
    path = PurePosixPath(member.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or "\0" in member


def _read_text(file: Path) -> str:
    if _size(file) > _MAX_METADATA_BYTES:
        return ""
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _metadata(text: str, name: str) -> dict[str, dict[str, str | None]]:
    """What a table of the MAESTRO kind says of each file; nothing if it is of another kind."""
    found: dict[str, dict[str, str | None]] = {}
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        if not _METADATA_COLUMNS.issubset(rows.fieldnames or ()):
            return {}
        for row in rows:
            below = row["midi_filename"]
            if below and not _escapes(below):
                found[(PurePosixPath(name).parent / below).as_posix()] = {
                    "composer": row["canonical_composer"] or None,
                    "title": row["canonical_title"] or None,
                    "official_split": _SPLITS.get((row["split"] or "").strip().lower()),
                }
    except csv.Error:
        return found
    return found
