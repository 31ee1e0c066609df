"""What was read before, by content: a rerun over the same bytes with the same reader costs a look-up.

An entry's name is a hash of all that the reading depends on: the file's bytes, its kind, the limits
and the reader's own code. So nothing is ever out of date, and the folder may be deleted, shared by
runs that go on at once, or cut off by a power failure: an entry that is not whole counts as none.
"""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tonerow.files import replaced

_DIGEST_BYTES = 16
_ROOM = 0.8  # share of the allowed size that pruning leaves, so that it is seldom needed


@dataclass(frozen=True)
class Cache:
    """A folder of readings.

    Attributes:
        folder: made when the first entry is written.
        version: of whatever else than its key an entry depends on; see `reader_version`.
    """

    folder: Path
    version: str

    def key(self, data: bytes, *about: object) -> str:
        """The name of the reading of some bytes.

        Args:
            data: the file's content.
            about: what else the reading depends on; each must have a `repr` that says it all.

        Returns:
            40 hexadecimal digits.
        """
        digest = hashlib.blake2b(repr((self.version, about)).encode(), digest_size=20)
        digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()

    def get(self, key: str) -> bytes | None:
        """The entry, marked as just used; None where there is none, or no whole one."""
        path = self._path(key)
        try:
            entry = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        seal, value = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
        return value if seal == _seal(value) else None

    def put(self, key: str, value: bytes) -> None:
        """Keeps an entry; a full disk or a folder that is being deleted keeps none."""
        with suppress(OSError), replaced(self._path(key)) as place:
            place.write_bytes(_seal(value) + value)

    def prune(self, max_bytes: int) -> None:
        """Deletes the entries that were not used for longest, if all take more than so much."""
        entries = []
        for folder, _, names in os.walk(self.folder):  # what a killed run was writing, too
            for path in (Path(folder, name) for name in names):
                with suppress(OSError):  # another run may prune too
                    status = path.stat()
                    entries.append((status.st_mtime_ns, status.st_size, path))
        excess = sum(size for _, size, _ in entries) - max_bytes
        if excess <= 0:
            return
        excess += int((1 - _ROOM) * max_bytes)
        for _, size, path in sorted(entries):
            if excess <= 0:
                break
            with suppress(OSError):
                path.unlink()
                if path.parent.name.startswith("."):  # see `replaced`
                    path.parent.rmdir()
            excess -= size

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]


def _seal(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=_DIGEST_BYTES).digest()


@lru_cache
def reader_version() -> str:
    """A hash of the code that turns files into notes, and of what it computes with."""
    library = Path(__file__).parents[2]
    rooms = ("abc_notation", "ingest", "midi", "notes")
    files = [file for room in rooms for file in sorted((library / room).rglob("*.py"))]
    digest = hashlib.sha256(f"{platform.python_version()} {np.__version__}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
