"""Copies the files that the pipeline can read from one folder to another."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tonerow.corpora.kinds import MAX_DEPTH, kind_of
from tonerow.progress import progress

KINDS = frozenset({"midi", "abc", "archive"})


class FetchError(ValueError):
    """A corpus is not to be had; the message says what was found and what to do."""


@dataclass
class Fetched:
    """What came of a fetch.

    Attributes:
        copied: how many files with music were copied.
        skipped: a line for each file or folder that was left out, with the reason.
    """

    copied: int = 0
    skipped: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """A line for the log, and up to ten of the skipped."""
        lines = [f"fetch: {self.copied:,} files copied, {len(self.skipped):,} left out"]
        lines += [f"  {line}" for line in self.skipped[:10]]
        if len(self.skipped) > 10:
            lines.append(f"  ... and {len(self.skipped) - 10:,} more")
        return "\n".join(lines)


def copy_music(source: Path, out: Path, kinds: Collection[str] = KINDS) -> Fetched:
    """Copies every file with music, and the tables that may describe it, at any depth.

    Links to files are followed wherever they lead, as DVC does when it looks for changes: its cache
    may have put them there, or a user whose music is on another disk. Links to folders are left
    out: DVC does not look into them, so that changes there would go unnoticed, and they may lead in
    circles. Left out, too, are hidden files and folders, all that is no regular file, and what may
    not be read.

    Args:
        source: the folder to copy from.
        out: the folder to copy to; the layout below it is the same.
        kinds: of the files with music, as `kind_of` names them.

    Returns:
        What was copied and what was not.
    """
    fetched = Fetched()
    home, target = source.resolve(), out.resolve()
    for folder, file in progress(_walk(home, target, fetched), desc="fetch", unit="files"):
        name = (folder / file).relative_to(home)
        is_music = kind_of(file) in kinds
        why = "neither MIDI nor ABC"
        if file.startswith("."):
            why = "hidden"
        elif is_music or file.lower().endswith(".csv"):
            why = copy_regular(folder / file, out / name)
            fetched.copied += is_music and not why
        if why:
            fetched.skipped.append(f"{_printable(name)}: {why}")
    return fetched


def copy_regular(file: Path, target: Path) -> str:
    """Copies a regular file, through links to it too.

    Returns:
        Why not; empty when it is done.
    """
    at_once = getattr(os, "O_NONBLOCK", 0)  # a pipe is not waited for
    try:
        with open(file, "rb", opener=lambda path, flags: os.open(path, flags | at_once)) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return "not a regular file"
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                shutil.copyfileobj(stream, copy, 2**20)
    except OSError as error:
        target.unlink(missing_ok=True)
        if file.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP):
            return "a link that leads nowhere"
        return error.strerror or type(error).__name__
    return ""


def _walk(home: Path, target: Path, fetched: Fetched) -> Iterator[tuple[Path, str]]:
    """Every entry that is no folder, in a stable order; notes the folders that are passed by."""

    def skip(path: Path, why: str) -> None:
        fetched.skipped.append(f"{_printable(path.relative_to(home))}/: {why}")

    def closed(error: OSError) -> None:
        skip(Path(error.filename), error.strerror or type(error).__name__)

    for where, folders, files in os.walk(home, onerror=closed):
        here = Path(where)
        too_deep = len(here.parts) - len(home.parts) >= MAX_DEPTH
        for name in sorted(folders):
            path = here / name
            reasons = {
                "hidden": name.startswith("."),
                "a link, into which DVC does not look": path.is_symlink(),
                "written to": path == target,
                f"more than {MAX_DEPTH} folders deep": too_deep,
            }
            if why := next((why for why, holds in reasons.items() if holds), ""):
                folders.remove(name)
                skip(path, f"folder is {why}")
        folders.sort()
        for name in sorted(files):
            yield here, name


def _printable(name: Path) -> str:
    """A name that can neither break a line nor steer a terminal."""
    text = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
