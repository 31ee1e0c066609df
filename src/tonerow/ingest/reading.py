"""One source to piece rows and notes: what a worker process does."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pyarrow as pa

from tonerow import notes
from tonerow.ingest import abc_notation
from tonerow.ingest.midi import read_midi
from tonerow.ingest.score import Score, UnreadableError
from tonerow.ingest.sources import Source
from tonerow.params import Ingest
from tonerow.schema import PIECES, Rejection


@dataclass
class Reading:
    """What came of one source: a row for each piece, and the notes of the pieces that are kept.

    Attributes:
        pieces: rows of `PIECES`, as dictionaries, in the order of their piece_id.
        notes: tables of `NOTES`, in the same order.
    """

    pieces: list[dict[str, Any]] = field(default_factory=list)
    notes: list[pa.Table] = field(default_factory=list)


class _OutOfTimeError(BaseException):
    """Not an `Exception`, so that no reader mistakes it for one of its own."""


def read_source(source: Source, limits: Ingest) -> Reading:
    """Reads one source; whatever goes wrong becomes a row that says so.

    Args:
        source: where the file is, and what is known of it.
        limits: on size, notes, length and time.

    Returns:
        At least one piece, unless the source is a share of an ABC file without tunes for it.
    """
    reading = Reading()
    name = f"{source.source_path}/0000" if source.kind == "abc" else source.source_path
    whole = _row(source, name)
    if source.refused is not None:
        reading.pieces.append(_refused(whole, *source.refused))
        return reading
    max_bytes = int(limits.max_megabytes * 1e6)
    try:
        with _time_limit(limits.timeout_sec):
            data = source.read(max_bytes)
            tunes = _tunes(data, source) if source.kind == "abc" else []
    except (Exception, _OutOfTimeError) as error:
        if source.part == 0:
            reading.pieces.append(_refused(whole, *_reason(error, limits)))
        return reading
    if source.kind == "midi":
        whole["sha256"] = hashlib.sha256(data).hexdigest()
        _add(reading, whole, data, limits)
    for number, text in tunes:
        row = _row(source, f"{source.source_path}/{number}")
        row["sha256"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        row["abc_text"] = text
        _add(reading, row, text, limits)
    return reading


def crashed(source: Source, detail: str) -> Reading:
    """What to put in the place of a source whose reader died."""
    name = f"{source.source_path}/0000" if source.kind == "abc" else source.source_path
    return Reading([_refused(_row(source, name), Rejection.READER_CRASHED, detail)])


def _tunes(data: bytes, source: Source) -> list[tuple[str, str]]:
    """This share of a file's tunes, each with its number, padded so that numbers sort."""
    texts = abc_notation.split_tunes(abc_notation.decode(data))
    if not texts:
        raise UnreadableError(Rejection.NO_NOTES, "no tune in the file")
    width = max(4, len(str(len(texts))))
    low, high = (len(texts) * part // source.parts for part in (source.part, source.part + 1))
    return [(f"{i + 1:0{width}d}", texts[i]) for i in range(low, high)]


def _add(reading: Reading, row: dict[str, Any], content: bytes | str, limits: Ingest) -> None:
    """Reads one piece and adds its row and, if it is kept, its notes."""
    try:
        with _time_limit(limits.timeout_sec):
            score = (
                read_midi(content)
                if isinstance(content, bytes)
                else abc_notation.read_tune(content, limits.max_notes)
            )
            table = _within(score, row["piece_id"], limits)
    except (Exception, _OutOfTimeError) as error:
        reading.pieces.append(_refused(row, *_reason(error, limits)))
        return
    ends = score.onset_sec + score.duration_sec
    row |= {
        "composer": row["composer"] or score.composer,
        "title": row["title"] or score.title,
        "ticks_per_beat": score.ticks_per_beat,
        "tempo_bpm": score.tempo_bpm,
        "time_signature": score.time_signature,
        "key": score.key,
        "n_notes": len(table),
        "duration_sec": float(ends.max()),
    }
    reading.pieces.append(row)
    reading.notes.append(table)


def _within(score: Score, piece_id: str, limits: Ingest) -> pa.Table:
    """The note table of a score that is within the limits."""
    if score.n_notes == 0:
        raise UnreadableError(Rejection.NO_NOTES, "read, but without a note")
    minutes = float((score.onset_sec + score.duration_sec).max()) / 60
    if minutes > limits.max_minutes:
        raise UnreadableError(
            Rejection.TOO_LONG, f"lasts {minutes:.0f} minutes; allowed: {limits.max_minutes:g}"
        )
    table = notes.to_table(piece_id, score)
    if len(table) > limits.max_notes:
        raise UnreadableError(
            Rejection.TOO_MANY_NOTES, f"{len(table)} notes; allowed: {limits.max_notes}"
        )
    notes.validate(table)
    return table


def _row(source: Source, piece_id: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(PIECES.names)
    return row | {
        "piece_id": piece_id,
        "source_path": source.source_path,
        "source_format": source.kind,
        "composer": source.composer,
        "title": source.title,
        "official_split": source.official_split,
    }


def _refused(row: dict[str, Any], because: Rejection, detail: str) -> dict[str, Any]:
    return row | {"rejected_because": because.value, "rejected_detail": detail}


def _reason(error: BaseException, limits: Ingest) -> tuple[Rejection, str]:
    """Why a piece is refused, without anything that differs from run to run."""
    if isinstance(error, UnreadableError):
        return error.because, error.detail
    if isinstance(error, _OutOfTimeError):
        return Rejection.READER_TIMED_OUT, f"not read within {limits.timeout_sec:g} seconds"
    return Rejection.READER_CRASHED, f"the reader raised {type(error).__name__}"


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises `_OutOfTimeError` in the block when it takes longer; only works in a main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
