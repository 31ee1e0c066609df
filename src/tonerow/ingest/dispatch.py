"""A folder of raw files to the piece table, the note table and an account of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tonerow.ingest.reading import Reading, crashed, read_source
from tonerow.ingest.sources import find_sources
from tonerow.ingest.workers import ordered_map
from tonerow.ingest.writing import TableWriter
from tonerow.params import Ingest
from tonerow.progress import progress
from tonerow.schema import NOTES, PIECES


class EmptyCorpusError(ValueError):
    """There is nothing to read, or nothing could be read."""


def ingest(raw: Path, out: Path, limits: Ingest) -> dict[str, Any]:
    """Reads every file below a folder and writes ``pieces.parquet`` and ``notes.parquet``.

    Equal files give equal tables to the byte, whatever the number of workers. Both tables get their
    names when everything is written, so that an interrupted run leaves no half of one.

    Args:
        raw: the folder with MIDI files, ABC files and zip archives of them, at any depth.
        out: the folder for the tables.
        limits: within which a file is read, and by how many processes.

    Returns:
        The account: files, other files, pieces, kept, refused, refused by reason, notes, melody
        notes and hours.

    Raises:
        EmptyCorpusError: no file is of a kind that is read, or every one was refused; the refused
            are in the tables.
    """
    sources, others = find_sources(raw)
    if not sources:
        raise EmptyCorpusError(f"{raw} holds no .mid, .midi or .abc file, nor a .zip with any")
    out.mkdir(parents=True, exist_ok=True)
    account = _Account(files=len({s.source_path for s in sources if s.file}), others=others)
    readings = ordered_map(
        partial(read_source, limits=limits), sources, limits.workers, crashed=crashed
    )
    with ExitStack() as stack:
        pieces = stack.enter_context(TableWriter(out / "pieces.parquet", PIECES))
        notes = stack.enter_context(TableWriter(out / "notes.parquet", NOTES))
        for reading in _in_order(progress(readings, len(sources), "ingest", "files")):
            account.add(reading)
            if reading.pieces:
                pieces.write(pa.Table.from_pylist(reading.pieces, schema=PIECES))
            for table in reading.notes:
                notes.write(table)
    summary = account.summary()
    if not summary["kept"]:
        raise EmptyCorpusError(f"none of {summary['pieces']} pieces could be read: {summary}")
    return summary


def _in_order(readings: Iterator[Reading]) -> Iterator[Reading]:
    """Passes readings on, and makes sure that no name stands twice or out of order."""
    last = ""
    for reading in readings:
        for row in reading.pieces:
            if row["piece_id"] <= last:
                raise RuntimeError(f"piece {row['piece_id']!r} comes after {last!r}")
            last = row["piece_id"]
        yield reading


class _Account:
    """Counts what was read."""

    def __init__(self, files: int, others: int) -> None:
        self._files, self._others = files, others
        self._pieces = self._notes = self._melody = 0
        self._seconds = 0.0
        self._refused: Counter[str] = Counter()

    def add(self, reading: Reading) -> None:
        self._pieces += len(reading.pieces)
        self._refused.update(r["rejected_because"] for r in reading.pieces if r["rejected_because"])
        self._seconds += sum(r["duration_sec"] or 0.0 for r in reading.pieces)
        for table in reading.notes:
            self._notes += len(table)
            self._melody += int(np.count_nonzero(table["is_melody"].to_numpy()))

    def summary(self) -> dict[str, Any]:
        refused = self._refused.total()
        return {
            "files": self._files,
            "other_files": self._others,
            "pieces": self._pieces,
            "kept": self._pieces - refused,
            "refused": refused,
            "refused_because": {
                str(reason).replace(" ", "_"): n for reason, n in sorted(self._refused.items())
            },
            "notes": self._notes,
            "melody_notes": self._melody,
            "hours": round(self._seconds / 3600, 3),
        }
