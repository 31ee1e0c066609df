"""A folder of raw files to the piece table, the note table and an account of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tonerow.ingest.packing import unpack
from tonerow.ingest.reading import UNREAD_SHARE, WHOLE_FILE, Limits, read_source
from tonerow.ingest.sources import Source, find_sources
from tonerow.ingest.workers.cache import Cache, reader_version
from tonerow.ingest.workers.isolation import Isolated
from tonerow.ingest.workers.pool import ordered_map
from tonerow.ingest.writing import written
from tonerow.notes.schema import NOTES, PIECES
from tonerow.params import Ingest
from tonerow.progress import progress

_ROWS = 2**10  # of the piece table, made at once
_PRUNE_AFTER = 0.1  # share of the cache's size that goes by before it is looked through


class IngestError(ValueError):
    """No tables that the next stages could use; the message says why."""


class EmptyCorpusError(IngestError):
    """There is nothing to read, or nothing could be read."""


class TooManyRefusedError(IngestError):
    """More is refused than `ingest.max_rejected_fraction` allows.

    Args:
        account: as `ingest` would have returned it.
        allowed: share of the pieces.
    """

    def __init__(self, account: dict[str, Any], allowed: float) -> None:
        refused, pieces = account["refused"], account["pieces"]
        super().__init__(
            f"{refused:,} of {pieces:,} pieces are refused, {refused / pieces:.1%}; "
            f"ingest.max_rejected_fraction allows {allowed:.1%}. rejected_because and "
            "rejected_detail in pieces.parquet say why"
        )
        self.account = account


def ingest(
    raw: Path,
    out: Path,
    settings: Ingest,
    cache_folder: Path | None = None,
    read: Isolated | None = None,
) -> dict[str, Any]:
    """Reads every file below a folder and writes ``pieces.parquet`` and ``notes.parquet``.

    Equal files give equal tables to the byte, whatever the workers and whatever was read before.
    Both tables get their names when everything is written, so that an interrupted run leaves no
    half of one. Memory is bounded: rows are written as they arrive.

    Args:
        raw: the folder with MIDI files, ABC files and archives of them, at any depth.
        out: the folder for the tables.
        settings: within which limits a file is read, and by whom.
        cache_folder: where readings are kept for the next run; None: nowhere.
        read: another reader than `read_source` with these settings.

    Returns:
        The account: files, other files, pieces, kept, refused, refused by reason, notes, equal
        notes that were left out, melody notes and hours.

    Raises:
        EmptyCorpusError: no file is of a kind that is read, or every one was refused; the refused
            are in the tables.
        TooManyRefusedError: too large a share was refused; the tables are written.
        BackendError: the workers are not to be had.
    """
    sources, others = find_sources(raw.absolute())  # workers may stand elsewhere
    if not sources:
        raise EmptyCorpusError(f"{raw} holds no .mid, .midi or .abc file, nor an archive with any")
    cache = None
    if cache_folder is not None and settings.cache_mb:
        cache = Cache(cache_folder.absolute(), reader_version())
    read = read or partial(read_source, limits=Limits.of(settings), cache=cache)
    results = ordered_map(read, sources, _size, settings)
    if cache is not None:
        results = _pruning(results, cache, settings.cache_mb * 10**6)
    account = _Account(files=len({s.source_path for s in sources if s.file}), others=others)
    shown = progress(results, len(sources), "ingest", "files")
    _write(_in_order(zip(sources, shown, strict=True)), out, account)
    return _checked(account.summary(), settings.max_rejected_fraction)


def _write(readings: Iterator[_Reading], out: Path, account: _Account) -> None:
    rows: list[dict[str, Any]] = []
    with written(out, pieces=PIECES, notes=NOTES) as (pieces, notes):
        for of_source, table in readings:
            account.add(of_source, table)
            notes.write(table)
            rows += of_source
            if len(rows) >= _ROWS:
                pieces.write(pa.Table.from_pylist(rows, schema=PIECES))
                rows = []
        pieces.write(pa.Table.from_pylist(rows, schema=PIECES))


def _checked(account: dict[str, Any], max_rejected_fraction: float) -> dict[str, Any]:
    if not account["kept"]:
        raise EmptyCorpusError(f"none of {account['pieces']} pieces could be read: {account}")
    if account["refused"] > max_rejected_fraction * account["pieces"]:
        raise TooManyRefusedError(account, max_rejected_fraction)
    return account


def _size(source: Source) -> int:
    return source.n_bytes // source.parts


def _pruning(results: Iterator[bytes], cache: Cache, max_bytes: int) -> Iterator[bytes]:
    """Passes results on, and keeps the cache within its size on the way."""
    new = 0
    for result in results:
        yield result
        new += len(result)
        if new > _PRUNE_AFTER * max_bytes:
            cache.prune(max_bytes)
            new = 0
    cache.prune(max_bytes)


_Reading = tuple[list[dict[str, Any]], pa.Table]


def _in_order(results: Iterator[tuple[Source, bytes]]) -> Iterator[_Reading]:
    """Unpacks rows and notes, and makes sure that no name stands twice or out of order."""
    last = ""
    for source, packed in results:
        rows, table = unpack(packed, source)
        if [row["piece_id"] for row in rows] == [f"{source.source_path}/{UNREAD_SHARE}"]:
            whole = f"{source.source_path}/{WHOLE_FILE}"
            if last.startswith(whole):
                rows = []  # an earlier share has said so
            elif last.startswith(f"{source.source_path}/"):
                # Nobody knows its tunes' numbers: after the last one before it, before the next.
                rows[0]["piece_id"] = last + UNREAD_SHARE
            else:  # no share has had a tune so far
                rows[0]["piece_id"] = whole
        for row in rows:
            if row["piece_id"] <= last:
                raise RuntimeError(f"piece {row['piece_id']!r} comes after {last!r}")
            last = row["piece_id"]
        yield rows, table


def described(account: dict[str, Any]) -> str:
    """The account as lines for the terminal."""
    kept, pieces, notes = (account[key] for key in ("kept", "pieces", "notes"))
    lines = [f"ingest: {kept:,} of {pieces:,} pieces, {notes:,} notes"]
    for reason, count in account["refused_because"].items():
        lines.append(f"  refused, {reason.replace('_', ' ')}: {count:,}")
    if equal := account["equal_notes_left_out"]:
        lines.append(f"  left out, equal to another note: {equal:,}")
    return "\n".join(lines)


class _Account:
    """Counts what was read."""

    def __init__(self, files: int, others: int) -> None:
        self._files, self._others = files, others
        self._pieces = self._notes = self._equal = self._melody = 0
        self._seconds = 0.0
        self._refused: Counter[str] = Counter()

    def add(self, rows: list[dict[str, Any]], notes: pa.Table) -> None:
        self._pieces += len(rows)
        self._refused.update(r["rejected_because"] for r in rows if r["rejected_because"])
        self._seconds += sum(r["duration_sec"] or 0.0 for r in rows)
        self._notes += len(notes)
        self._equal += sum(r["n_equal_notes"] or 0 for r in rows)
        self._melody += int(np.count_nonzero(notes["is_melody"].to_numpy()))

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
            "equal_notes_left_out": self._equal,
            "melody_notes": self._melody,
            "hours": round(self._seconds / 3600, 3),
        }
