"""One source to piece rows and notes: what a reader process does."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from types import FrameType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tonerow import abc_notation
from tonerow.ingest.packing import ROW, pack
from tonerow.ingest.sources import Source
from tonerow.ingest.workers.cache import Cache
from tonerow.ingest.workers.isolation import Loss
from tonerow.midi.events import split_sequences
from tonerow.midi.reading import read_midi
from tonerow.notes.schema import Rejection
from tonerow.notes.score import Score, UnreadableError
from tonerow.notes.table import to_table, validate

if TYPE_CHECKING:
    from tonerow.params import Ingest

_MAX_LATE = 3
"""Pieces of a file that may time out; the rest of the file is then refused unread."""
WHOLE_FILE, UNREAD_SHARE = "0000", "~"
"""In place of a tune's number: an ABC file that is refused as a whole, or a further share of it."""
_ACCIDENTS = {Rejection.READER_TIMED_OUT.value, Rejection.READER_CRASHED.value}


class _OutOfTimeError(BaseException):
    """Not an `Exception`, so that no reader mistakes it for one of its own."""


@dataclass(frozen=True)
class Limits:
    """What a reader must know of `Ingest`, without all settings: their import takes as long as numpy's.

    Attributes:
        max_minutes, max_notes, max_megabytes, timeout_sec, max_memory_mb: see `Ingest`.
    """

    max_minutes: float
    max_notes: int
    max_megabytes: float
    timeout_sec: float
    max_memory_mb: int

    @classmethod
    def of(cls, settings: Ingest) -> Limits:
        """Those of the settings."""
        return cls(**{each.name: getattr(settings, each.name) for each in fields(cls)})


@dataclass
class _Reading:
    """The pieces of a source so far; rows are those of `ROW`, but for what its place decides."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    tables: list[pa.Table] = field(default_factory=list)
    late: int = 0

    def refuse(self, row: dict[str, Any], because: Rejection, detail: str) -> None:
        self.rows.append(row | {"rejected_because": because.value, "rejected_detail": detail})
        self.late += because is Rejection.READER_TIMED_OUT


def read_source(
    source: Source,
    limits: Limits,
    cache: Cache | None = None,
    *,
    lost: Mapping[int, Loss],
    beat: Callable[[], None],
) -> bytes:
    """Reads one source; whatever goes wrong becomes a row that says so.

    Args:
        source: where the file is, and what is known of it.
        limits: on size, notes, length and time.
        cache: of readings; None: everything is read.
        lost: what killed an earlier reader: part 0 is opening the file, part n its nth piece.
        beat: called before each piece.

    Returns:
        Packed rows and notes of at least one piece, unless the source is a share of an ABC file
        without tunes for it; see `packing.pack`.
    """
    reading = _Reading()
    whole = _row(WHOLE_FILE if source.kind == "abc" else "")
    key = None
    if source.refused is not None:
        reading.refuse(whole, *source.refused)
        return pack(reading.rows, reading.tables)
    try:
        if 0 in lost:
            raise _lost(lost[0], limits)
        with _time_limit(limits.timeout_sec):
            data = source.read(int(limits.max_megabytes * 1e6))
            if cache is not None and not lost:
                key = _key(cache, data, source, limits)
                if (known := cache.get(key)) is not None:
                    return known
            pieces = _pieces(data, source)
    except MemoryError:
        raise
    except (Exception, _OutOfTimeError) as error:
        row = whole if source.part == 0 else _row(UNREAD_SHARE)
        reading.refuse(row, *_reason(error, limits))
        pieces = []
    for part, (row, content) in enumerate(pieces, 1):
        beat()
        _add(reading, row, content, limits, lost.get(part))
    packed = pack(reading.rows, reading.tables)
    by_accident = any(row["rejected_because"] in _ACCIDENTS for row in reading.rows)
    if cache is not None and key is not None and not by_accident:
        cache.put(key, packed)
    return packed


def _key(cache: Cache, data: bytes, source: Source, limits: Limits) -> str:
    allowed = (limits.max_minutes, limits.max_notes, limits.max_megabytes)
    about = (source.kind, source.part, source.parts, source.may_split)
    return cache.key(data, *about, allowed)


def _pieces(data: bytes, source: Source) -> list[tuple[dict[str, Any], bytes | str]]:
    """The row and the content of each piece: MIDI sequences, or this share of a file's tunes."""
    if source.kind == "midi":
        sha256 = hashlib.sha256(data).hexdigest()
        sequences = split_sequences(data) if source.may_split else [data]
        names = [f"{n:05d}" for n in range(1, len(sequences) + 1)] if sequences[1:] else [""]
        return [
            (_row(name) | {"sha256": sha256}, sequence)
            for name, sequence in zip(names, sequences, strict=True)
        ]
    texts = abc_notation.split_tunes(abc_notation.decode(data))
    if not texts:
        raise UnreadableError(Rejection.NO_NOTES, "no tune in the file")
    width = max(4, len(str(len(texts))))  # padded, so that numbers sort
    low, high = (len(texts) * part // source.parts for part in (source.part, source.part + 1))
    pieces: list[tuple[dict[str, Any], bytes | str]] = []
    for number, text in enumerate(texts[low:high], low + 1):
        sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        pieces.append((_row(f"{number:0{width}d}") | {"sha256": sha256, "abc_text": text}, text))
    return pieces


def _add(
    reading: _Reading,
    row: dict[str, Any],
    content: bytes | str,
    limits: Limits,
    lost: Loss | None,
) -> None:
    """Reads one piece and adds its row and, if it is kept, its notes."""
    try:
        if lost is not None:
            raise _lost(lost, limits)
        if reading.late >= _MAX_LATE:
            why = f"not tried: {_MAX_LATE} pieces before it in the file took too long"
            raise UnreadableError(Rejection.READER_TIMED_OUT, why)
        with _time_limit(limits.timeout_sec):
            score, n_notes_written = _score(content, limits)
            table = _within(score, limits)
    except MemoryError:
        raise
    except (Exception, _OutOfTimeError) as error:
        reading.refuse(row, *_reason(error, limits))
        return
    reading.tables.append(table)
    reading.rows.append(
        row
        | {
            "composer": score.composer,
            "title": score.title,
            "ticks_per_beat": score.ticks_per_beat,
            "tempo_bpm": score.tempo_bpm,
            "time_signature": score.time_signature,
            "downbeat_beat": score.downbeat_beat,
            "key": score.key,
            "n_notes": len(table),
            "n_equal_notes": score.n_notes - len(table),
            "n_notes_written": n_notes_written,
            "duration_sec": float((score.onset_sec + score.duration_sec).max()),
        }
    )


def _score(content: bytes | str, limits: Limits) -> tuple[Score, int | None]:
    """The notes of a piece as played, and of a tune how many are written."""
    if isinstance(content, bytes):
        return read_midi(content), None
    tune = abc_notation.parse_tune(content, limits.max_notes)
    return abc_notation.play(tune, limits.max_notes), tune.n_notes_written


def _within(score: Score, limits: Limits) -> pa.Table:
    """The note table of a score that is within the limits."""
    if score.n_notes == 0:
        raise UnreadableError(Rejection.NO_NOTES, "read, but without a note")
    minutes = float((score.onset_sec + score.duration_sec).max()) / 60
    if minutes > limits.max_minutes:
        raise UnreadableError(
            Rejection.TOO_LONG, f"lasts {minutes:.0f} minutes; allowed: {limits.max_minutes:g}"
        )
    table = to_table("", score)
    if len(table) > limits.max_notes:
        raise UnreadableError(
            Rejection.TOO_MANY_NOTES, f"{len(table)} notes; allowed: {limits.max_notes}"
        )
    validate(table)
    return table


def _row(number: str) -> dict[str, Any]:
    """An empty row; `piece_id` is the tune's number, to be put below the source's path."""
    return dict.fromkeys(ROW) | {"piece_id": number}


def _lost(loss: Loss, limits: Limits) -> UnreadableError:
    """What a piece that killed its reader is refused for."""
    if loss is Loss.TIMED_OUT:
        return UnreadableError(Rejection.READER_TIMED_OUT, _too_slow(limits))
    if loss is Loss.OUT_OF_MEMORY:
        why = f"reading it took more than {limits.max_memory_mb} MB of memory"
        return UnreadableError(Rejection.READER_CRASHED, why)
    return UnreadableError(Rejection.READER_CRASHED, "the reading process died")


def _reason(error: BaseException, limits: Limits) -> tuple[Rejection, str]:
    """Why a piece is refused, without anything that differs from run to run."""
    if isinstance(error, UnreadableError):
        return error.because, error.detail
    if isinstance(error, _OutOfTimeError):
        return Rejection.READER_TIMED_OUT, _too_slow(limits)
    return Rejection.READER_CRASHED, f"the reader raised {type(error).__name__}"


def _too_slow(limits: Limits) -> str:
    return f"not read within {limits.timeout_sec:g} seconds"


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises `_OutOfTimeError` in the block when it computes for longer; for the main thread.

    It stops Python code only, without a process to start anew: `isolation` stops the rest.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
