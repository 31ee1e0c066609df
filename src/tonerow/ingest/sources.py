"""What there is to read below a folder of raw files, in the order of the tables.

A piece is named after where it lies: a MIDI file by its path below the folder, with "/"; a file in
an archive as if the archive were a folder (``corpus.zip/bach/prelude.mid``); a tune as if its ABC
file were a folder, by its number (``reels.abc/0007``; 0000 stands for the file itself, refused as a
whole). An ABC file with a single tune is no exception, so that adding a tune renames none. The
sequences of a MIDI file of format 2 are named in the same way, if there are several.
"""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

from tonerow.corpora.kinds import MAX_DEPTH, kind_of
from tonerow.ingest.archives import (
    Member,
    Stamp,
    list_members,
    open_regular,
    read_member,
)
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError
from tonerow.notes.splits import SPLITS

_PART_BYTES = 256 * 1024  # a larger ABC file is shared out among workers
_MAX_PARTS = 16
_METADATA_COLUMNS = {"canonical_composer", "canonical_title", "split", "midi_filename"}
_MAX_METADATA_BYTES = 64 * 2**20
_TOO_DEEP = (Rejection.UNREADABLE_FILE, f"a folder more than {MAX_DEPTH} folders deep")
_OFFICIAL_SPLITS = {"validation": "val"} | {split: split for split in SPLITS}

_Known = dict[str, dict[str, str | None]]


@dataclass(frozen=True)
class Source:
    r"""One file to read, or a share of the tunes of a large one.

    Attributes:
        source_path: below the raw folder, "/" as separator, through archives; a backslash is
            doubled, and bytes that are no UTF-8 stand as ``\xff``, so that no two files share one.
        kind: "midi", "abc", or what is only ever refused: "archive", "folder".
        file: where the file, or the archive with it, is on disk.
        member: what it is in the archive; None outside of one.
        stamp: of the archive, or of the file that is shared out, when it was listed.
        n_bytes: its size as announced.
        part, parts: which share of the tunes: part 0, ... of parts.
        may_split: whether names of pieces below its own are free.
        composer, title, official_split: what the corpus's own list of pieces says.
        refused: why it is not to be read at all.
    """

    source_path: str
    kind: str
    file: str
    member: Member | None = None
    stamp: Stamp | None = None
    n_bytes: int = 0
    part: int = 0
    parts: int = 1
    may_split: bool = True
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
            UnreadableError: it is larger than `max_bytes`, gone, no regular file any more, may not
                be opened, changes while it is read, or stands damaged in its archive.
        """
        try:
            if self.member is None:
                data = _read_file(self.file, self.stamp, max_bytes)
            else:
                data = read_member(self.file, self.member, self.stamp, max_bytes)
        except FileNotFoundError:
            raise UnreadableError(Rejection.MISSING_FILE, "gone before it was read") from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise UnreadableError(Rejection.UNREADABLE_FILE, why) from None
        if len(data) > max_bytes:
            raise UnreadableError(Rejection.TOO_LARGE, f"more than {max_bytes:,} bytes")
        return data


def _read_file(file: str, stamp: Stamp | None, max_bytes: int) -> bytes:
    """Up to `max_bytes` + 1 bytes of a regular file that stays as it was when it was listed."""
    with open_regular(file) as stream:
        before = Stamp.of(stream.fileno())
        data = stream.read(min(before.n_bytes, max_bytes) + 1)
        after = Stamp.of(stream.fileno())
    if not before == after == (stamp or before):
        raise UnreadableError(Rejection.UNREADABLE_FILE, "changed while it was read")
    return data


def find_sources(raw: Path) -> tuple[list[Source], int]:
    """Lists every MIDI and ABC file below a folder, through archives, in table order.

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
    metadata: _Known = {}
    others = 0
    for file, name in _files(raw, sources):
        kind = kind_of(name)
        if kind == "archive":
            inside, listed, skipped = _archive_sources(str(file), name)
            sources += inside
            metadata |= listed
            others += skipped
        elif kind:
            sources.append(Source(name, kind, str(file), n_bytes=_size(file)))
        else:
            if name.lower().endswith(".csv"):
                metadata |= _metadata(_csv(Source(name, "csv", str(file))), name)
            others += 1
    sources = sorted(_apart(_complete(sources, metadata)), key=lambda s: s.order)
    for i, (source, following) in enumerate(pairwise(sources)):
        if source.kind == "midi" and following.source_path.startswith(source.source_path):
            sources[i] = replace(
                source, may_split=False
            )  # "a.mid/0001" would follow "a.mid (1).mid"
    return sources, others


def _apart(sources: list[Source]) -> list[Source]:
    """Renames what claims to lie below an ABC file, where only its tunes may be."""
    tunes = {source.source_path for source in sources if source.kind == "abc"}
    if not tunes:
        return sources
    apart: list[Source] = []
    for source in sources:
        path = source.source_path
        above = (path[:i] for i, letter in enumerate(path) if letter == "/")
        if hides_in := next((folder for folder in above if folder in tunes), None):
            # Nothing else has a single backslash, see `_text`.
            path = f"{hides_in}\\{path[len(hides_in) :]}"
            unfit = (Rejection.UNREADABLE_FILE, "its name hides in an ABC file")
            source = replace(source, source_path=path, refused=unfit)  # noqa: PLW2901
        apart.append(source)
    return apart


def _complete(sources: list[Source], metadata: _Known) -> list[Source]:
    """Adds metadata, listed files that are absent, and the shares of large ABC files."""
    there = {source.source_path for source in sources}
    complete: list[Source] = []
    for source in sources:
        known = replace(source, **metadata.get(source.source_path, {}))  # type: ignore[arg-type]
        parts = 1
        if known.kind == "abc" and known.refused is None:
            parts = min(_MAX_PARTS, 1 + known.n_bytes // _PART_BYTES)
        if parts > 1 and known.member is None:
            known = _stamped(known)
        complete += [replace(known, part=part, parts=parts) for part in range(parts)]
    absent = (Rejection.MISSING_FILE, "the corpus's list of pieces has it, its files do not")
    for name, known_of in metadata.items():
        if name not in there:
            complete.append(Source(name, "midi", "", refused=absent, **known_of))  # type: ignore[arg-type]
    return complete


def _stamped(source: Source) -> Source:
    """With its stamp: the shares of a file must be of the same file."""
    try:
        return replace(source, stamp=Stamp.of(source.file))
    except OSError:
        return source  # which will be refused when it is read


def _files(raw: Path, sources: list[Source]) -> Iterator[tuple[Path, str]]:
    """Regular files and their names below the folder; folders that cannot be listed are refused."""

    def refuse(error: OSError) -> None:
        folder = os.path.relpath(error.filename, raw)
        because = (Rejection.UNREADABLE_FILE, error.strerror or type(error).__name__)
        sources.append(Source(_text(folder), "folder", error.filename, refused=because))

    for folder, below, names in os.walk(raw, onerror=refuse):
        if len(Path(folder).parts) - len(raw.parts) >= MAX_DEPTH:
            for name in below:
                path = _text((Path(folder) / name).relative_to(raw).as_posix())
                sources.append(Source(path, "folder", folder, refused=_TOO_DEEP))
            below.clear()
        for name in names:
            file = Path(folder, name)
            try:
                regular = stat.S_ISREG(file.stat().st_mode)
            except OSError:  # a dangling link: listed, and refused when it is read
                regular = True
            if regular:  # opening a pipe would wait for ever
                yield file, _text(file.relative_to(raw).as_posix())


def _text(name: str) -> str:
    """A file name as text that every table can hold: another one for each name."""
    raw = name.replace("\\", "\\\\").encode("utf-8", errors="surrogateescape")
    return raw.decode("utf-8", errors="backslashreplace")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _archive_sources(file: str, name: str) -> tuple[list[Source], _Known, int]:
    """Sources and metadata in one archive, and how many members were of no kind that is read."""
    try:
        stamp = Stamp.of(file)
    except OSError as error:
        gone = (Rejection.UNREADABLE_FILE, error.strerror or type(error).__name__)
        return [Source(name, "archive", file, refused=gone)], {}, 0
    members, damage = list_members(file)
    sources = [Source(name, "archive", file, refused=damage)] if damage else []
    names = {member.name for member in members}
    metadata: _Known = {}
    others, left = 0, _MAX_METADATA_BYTES
    for member in members:
        path, kind = f"{name}/{_text(member.name)}", kind_of(member.name)
        parts = PurePosixPath(member.name).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if kind is None or (hidden and not _escapes(member.name)):
            others += 1
            if member.name.lower().endswith(".csv") and member.refused is None:
                source = Source(path, "csv", file, member, stamp)
                text = _csv(source, left)
                left -= len(text)
                metadata |= _metadata(text, path)
            continue
        unfit = member.refused
        if kind == "archive":
            unfit = (Rejection.UNREADABLE_FILE, "an archive in an archive is not opened")
        if _escapes(member.name) or any(
            str(up) in names for up in PurePosixPath(member.name).parents
        ):
            unfit = (Rejection.UNREADABLE_FILE, "its name leaves the archive or hides in a file")
        sources.append(Source(path, kind, file, member, stamp, member.n_bytes, refused=unfit))
    return sources, metadata, others


def _csv(source: Source, max_bytes: int = _MAX_METADATA_BYTES) -> str:
    try:
        return source.read(max_bytes).decode("utf-8-sig", errors="replace")
    except UnreadableError:
        return ""


def _escapes(member: str) -> bool:
    """Whether a member's name points outside of the folder it would be unpacked to."""
    path = PurePosixPath(member.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or "\0" in member


def _metadata(text: str, name: str) -> _Known:
    """What a table of the MAESTRO kind says of each file; nothing if it is of another kind."""
    known: _Known = {}
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        if not _METADATA_COLUMNS.issubset(rows.fieldnames or ()):
            return {}
        for row in rows:
            below = row["midi_filename"]
            if below and not _escapes(below):
                known[(PurePosixPath(name).parent / below).as_posix()] = {
                    "composer": row["canonical_composer"] or None,
                    "title": row["canonical_title"] or None,
                    "official_split": _OFFICIAL_SPLITS.get((row["split"] or "").strip().lower()),
                }
    except csv.Error:
        return known
    return known
