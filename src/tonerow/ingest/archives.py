"""Members of zip and tar archives, read in place: nothing is ever unpacked to disk.

An archive is taken for hostile. Names only label rows, so that no name can lead anywhere; links
and devices are not followed, archives in archives not opened; no more than a file's limit is
unpacked of any member, and nothing of one that shrinks as no music does. Of two members of one name
the later counts, as if both had been unpacked.
"""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, NamedTuple, NoReturn

from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

_RATIO = 200  # music shrinks to a fifth; runs of zeros to a thousandth
_FREE_BYTES = {"member": 2**20, "archive": 2**28}  # below this any ratio will do
_MAX_TAR_HEADER = 2**20  # tarfile reads a header's extensions at once
_CHUNK = 2**16
_MIN_SPACING = {"packed": 2**18, "unpacked": 2**22}  # bytes between two places to go on from
_MAX_POINTS = 2**10  # such places, about, by either measure

_Refusal = tuple[Rejection, str]


class _DamagedError(Exception):
    """A gzip file whose packing or checksum is wrong, so that nothing in it can be trusted."""


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: as the archive has it.
        n_bytes: unpacked, as announced.
        offset: where it begins in the (unpacked) tar; None in a zip.
        refused: why it must not be read.
    """

    name: str
    n_bytes: int
    offset: int | None = None
    refused: _Refusal | None = None


class Stamp(NamedTuple):
    """Tells whether a file is still the one that was listed."""

    n_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, file: str | int) -> Stamp:
        """The stamp of a file, by its path or descriptor, as it is now."""
        status = os.stat(file)  # noqa: PTH116 - of a descriptor too
        return cls(status.st_size, status.st_mtime_ns)


def open_regular(file: str) -> BinaryIO:
    """Opens a regular file; what has come in its place, such as a pipe, is not waited for.

    Raises:
        UnreadableError: it is no regular file.
        OSError: it cannot be opened.
    """

    def at_once(path: str, flags: int) -> int:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

    stream = open(file, "rb", opener=at_once)  # noqa: SIM115 - for the caller to close
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise UnreadableError(Rejection.UNREADABLE_FILE, "not a regular file")
    return stream


def list_members(file: str) -> tuple[list[Member], _Refusal | None]:
    """The regular files of an archive, in no particular order.

    Args:
        file: named as an archive is.

    Returns:
        The members, links and devices with a refusal among them, and why some are missing (None
        for a sound archive).
    """
    listed: dict[str, Member] = {}
    walk = _zip_members if file.lower().endswith(".zip") else _tar_members
    try:
        for member in walk(file):
            listed[member.name] = member
    except UnreadableError as error:
        return list(listed.values()), (error.because, error.detail)
    except OSError as error:
        return [], (Rejection.UNREADABLE_FILE, error.strerror or type(error).__name__)
    except EOFError:
        what = f"the archive breaks off after {len(listed)} members"
        return list(listed.values()), (Rejection.TRUNCATED, what)
    except _DamagedError:
        return [], (Rejection.UNREADABLE_FILE, "damaged: its checksum or its packing is wrong")
    except Exception as error:  # the libraries raise whatever a hostile header makes them raise
        if listed and isinstance(error, tarfile.ReadError):
            return list(listed.values()), (Rejection.TRUNCATED, f"{error}, in the archive")
        return [], (Rejection.UNREADABLE_FILE, f"no such archive: {type(error).__name__}")
    return list(listed.values()), None


def read_member(file: str, member: Member, stamp: Stamp | None, max_bytes: int) -> bytes:
    """The bytes of a member, at most `max_bytes` + 1 of them.

    Raises:
        UnreadableError: the archive is not the one that was listed, or the member is damaged.
        OSError: the archive cannot be opened.
    """
    if stamp is not None and Stamp.of(file) != stamp:
        raise UnreadableError(Rejection.UNREADABLE_FILE, "its archive changed while it was read")
    try:
        if member.offset is None:
            with _zip(file, stamp).open(member.name) as stream:
                return stream.read(max_bytes + 1)  # archives may lie about sizes
        size = min(member.n_bytes, max_bytes + 1)
        tar = _tar(file, stamp)
        tar.seek(member.offset)
        data = tar.read(size)
    except (OSError, UnreadableError):
        raise
    except EOFError:
        raise UnreadableError(Rejection.TRUNCATED, "its archive breaks off in it") from None
    except Exception as error:  # see list_members
        why = f"damaged or encrypted in its archive ({type(error).__name__})"
        raise UnreadableError(Rejection.UNREADABLE_FILE, why) from None
    if len(data) < size:
        raise UnreadableError(Rejection.TRUNCATED, "its archive breaks off in it")
    return data


@lru_cache(maxsize=2)
def _zip(file: str, stamp: Stamp | None) -> zipfile.ZipFile:
    """Kept open, since its table of contents takes longer than a member."""
    return zipfile.ZipFile(open_regular(file))


@lru_cache(maxsize=2)
def _tar(file: str, stamp: Stamp | None) -> BinaryIO | _Gunzip:
    """Kept open, since it learns where to go on from."""
    return _opened(file)


def _opened(file: str) -> BinaryIO | _Gunzip:
    stream = open_regular(file)
    return stream if file.lower().endswith(".tar") else _Gunzip(stream)


def _zip_members(file: str) -> Iterator[Member]:
    with open_regular(file) as stream, zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            refused = None
            if info.flag_bits & 1:
                refused = "encrypted"
            elif stat.S_ISLNK(info.external_attr >> 16):
                refused = "a link in an archive"
            elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # The other methods unpack without a limit.
                refused = f"compression method {info.compress_type}; allowed: store, deflate"
            reason = (Rejection.UNREADABLE_FILE, refused) if refused else None
            if info.file_size > _RATIO * info.compress_size + _FREE_BYTES["member"]:
                what = f"a zip bomb: {info.compress_size:,} bytes become {info.file_size:,}"
                reason = (Rejection.TOO_LARGE, what)
            yield Member(info.filename, info.file_size, refused=reason)


def _tar_members(file: str) -> Iterator[Member]:
    stream = _opened(file)
    try:
        places: dict[str, tuple[int, int]] = {}  # of regular files, for hard links to them
        with tarfile.open(fileobj=_Guarded(stream), mode="r:") as tar:  # type: ignore[call-overload]
            while (info := tar.next()) is not None:
                tar.members.clear()  # else it keeps them all
                place = places.get(info.linkname) if info.islnk() else None
                if info.isreg() and not info.issparse():
                    place = (info.offset_data, info.size)
                if place:
                    places[info.name] = place
                    yield Member(info.name, place[1], place[0])
                elif not info.isdir():
                    what = "a link, a device or a sparse file in an archive"
                    yield Member(info.name, 0, 0, (Rejection.UNREADABLE_FILE, what))
            end = tar.offset
        stream.seek(end)
        # tarfile takes damage for the end, which is a block of zeros.
        if len(block := stream.read(512)) < 512:
            raise EOFError
        if block.strip(b"\0"):
            raise UnreadableError(Rejection.CORRUPT, f"damaged at byte {end} of the (unpacked) tar")
        while isinstance(stream, _Gunzip) and stream.read(_CHUNK):
            pass  # its checksum stands at its end; a plain tar has none, and may be sparse
    finally:
        stream.close()


class _Guarded:
    """A stream that gives no more at once than a sound tar header needs."""

    def __init__(self, stream: BinaryIO | _Gunzip) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_TAR_HEADER:
            raise UnreadableError(Rejection.CORRUPT, f"a tar header of {size:,} bytes")
        return self._stream.read(size)


class _Gunzip:
    """An unpacked gzip file that can seek.

    Unpacking only goes forward, so its state is kept every so often: up to about a thousand
    copies of some 40 KiB, however large the file is.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._packed = stream.seek(0, 2)
        self._spacing = max(_MIN_SPACING["packed"], self._packed // _MAX_POINTS)
        most = _RATIO * self._packed + _FREE_BYTES["archive"]
        self._unpacked_spacing = max(_MIN_SPACING["unpacked"], most // _MAX_POINTS)
        self._points = [(0, 0, zlib.decompressobj(31))]
        self._restore(0)

    def close(self) -> None:
        self._stream.close()

    def tell(self) -> int:
        return self._at

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a place (from the start), or to the end if it lies behind."""
        assert whence == 0
        nearest = max(i for i, point in enumerate(self._points) if point[0] <= position)
        if position < self._at or self._points[nearest][0] > self._at:
            self._restore(nearest)
        while self._at < position and self.read(min(_CHUNK, position - self._at)):
            pass
        return self._at

    def _restore(self, index: int) -> None:
        self._at, packed, state = self._points[index]
        self._stream.seek(packed)
        self._state = state.copy()
        self._waiting = b""  # packed bytes that were read from the file
        self._ready = b""  # unpacked bytes that nobody has asked for

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer at the end only.

        Raises:
            EOFError: the file is cut.
            _DamagedError: it is damaged, or no gzip file.
            UnreadableError: it grows as no music does.
        """
        parts: list[bytes] = []
        while size > 0 and (self._ready or self._unpack()):
            part, self._ready = self._ready[:size], self._ready[size:]
            parts.append(part)
            size -= len(part)
            self._at += len(part)
        return b"".join(parts)

    def _unpack(self) -> bool:
        """Unpacks some more; False at the end."""
        while not self._ready:
            if self._state.eof:  # another gzip file may follow, or padding
                self._waiting = (self._state.unused_data or self._waiting).lstrip(b"\0")
                self._waiting = self._waiting or self._stream.read(_CHUNK).lstrip(b"\0")
                if not self._waiting and self._stream.tell() >= self._packed:
                    return False
                if self._waiting:
                    self._state = zlib.decompressobj(31)
                continue
            self._waiting = self._waiting or self._stream.read(_CHUNK)
            if not self._waiting:
                raise EOFError
            try:
                self._ready = self._state.decompress(self._waiting, _CHUNK)
            except zlib.error:
                raise _DamagedError from None
            self._waiting = self._state.unconsumed_tail
        self._remember()
        return True

    def _remember(self) -> None:
        packed = self._stream.tell() - len(self._waiting)
        unpacked = self._at + len(self._ready)
        if unpacked > _RATIO * packed + _FREE_BYTES["archive"]:
            _fail_bomb(packed, unpacked)
        last = self._points[-1]
        new = unpacked > last[0] and packed >= last[1] + self._spacing
        if (new or unpacked >= last[0] + self._unpacked_spacing) and not self._state.eof:
            self._points.append((unpacked, packed, self._state.copy()))


def _fail_bomb(packed: int, unpacked: int) -> NoReturn:
    what = f"a bomb: the first {packed:,} bytes become {unpacked:,}"
    raise UnreadableError(Rejection.TOO_LARGE, what)
