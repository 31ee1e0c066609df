"""Files that are written whole or not at all."""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Gives a place to write a file, which takes its name when the block ends without an error.

    Until then, and after any error, whatever has that name stays as it was. The place has the
    file's own name, which some formats store, in a hidden folder beside it, one for each call: so
    several processes may write the same file, and the last one counts.

    Args:
        path: of the file; its folder is made if it is missing.

    Yields:
        Where to write it.

    Raises:
        FileNotFoundError: the block has written nothing there.
        OSError: the folder cannot be written.
    """
    folder = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    try:
        yield folder / path.name
        (folder / path.name).replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Writes what ``torch.load(weights_only=True)`` reads: tensors, numbers, strings, lists, dicts.

    The bytes depend on the content alone.

    Raises:
        OSError: the file cannot be written; torch's own writer would not say why.
    """
    import torch  # noqa: PLC0415 - takes seconds

    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replaced(path) as partial:
        partial.write_bytes(buffer.getbuffer())
