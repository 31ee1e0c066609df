"""Copies the files that the pipeline can read from one folder to another."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tonerow.ingest.sources import ABC_SUFFIXES, ARCHIVE_SUFFIXES, MIDI_SUFFIXES
from tonerow.progress import progress

SUFFIXES = MIDI_SUFFIXES | ABC_SUFFIXES | ARCHIVE_SUFFIXES
_METADATA_SUFFIXES = frozenset({".csv"})


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


def copy_music(source: Path, out: Path, suffixes: Iterable[str] = SUFFIXES) -> Fetched:
    """Copies every file with music, and the tables that may describe it, at any depth.

    Hidden files and folders, links to folders and links that leave the folder are left out, so
    that no link can lead in circles or bring in what was not meant.

    Args:
        source: the folder to copy from.
        out: the folder to copy to; the layout below it is the same.
        suffixes: of the files with music, lower-case; upper-case ones count as well.

    Returns:
        What was copied and what was not.
    """
    wanted, fetched = frozenset(suffixes), Fetched()
    home, target = source.resolve(), out.resolve()
    for folder, file in progress(_walk(home, target, fetched), desc="fetch", unit="files"):
        name = (folder / file).relative_to(home)
        suffix = name.suffix.lower()
        why = _unfit(folder / file, home, suffix in wanted | _METADATA_SUFFIXES)
        if why is None:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(folder / file, out / name)
                fetched.copied += suffix in wanted
            except OSError as error:
                why = error.strerror or type(error).__name__
        if why is not None:
            fetched.skipped.append(f"{os.fsencode(name).decode(errors='backslashreplace')}: {why}")
    return fetched


def _walk(home: Path, target: Path, fetched: Fetched) -> Iterable[tuple[Path, str]]:
    """Every entry that is no folder, in a stable order; notes the folders that are passed by."""
    for where, folders, files in os.walk(home):
        here = Path(where)
        for name in sorted(folders):
            path = here / name
            hidden = name.startswith(".")
            if hidden or path.is_symlink() or path == target:
                folders.remove(name)
                why = "hidden" if hidden else "a link" if path.is_symlink() else "written to"
                fetched.skipped.append(f"{path.relative_to(home)}/: folder is {why}")
        folders.sort()
        for name in sorted(files):
            yield here, name


def _unfit(file: Path, home: Path, wanted: bool) -> str | None:
    """Why a file is left out, or None."""
    if file.name.startswith("."):
        return "hidden"
    if not wanted:
        return "neither MIDI nor ABC"
    try:
        if file.is_symlink() and not file.resolve(strict=True).is_relative_to(home):
            return "a link that leaves the folder"
        if not stat.S_ISREG(file.stat().st_mode):
            return "not a regular file"
    except (OSError, RuntimeError):
        return "a link that leads nowhere"
    return None
