"""Files that are written whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Writes a file under another name and moves it into place when it is whole.

    A reader never sees half a file, and two processes that write the same file do not meet.

    Args:
        path: the file; its folder must exist.

    Yields:
        Where to write: a path of the same file name in a folder beside `path`. At an error what was
        written there is removed, and `path` stays as it was.
    """
    folder = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    folder.mkdir()
    partial = folder / path.name
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        folder.rmdir()
