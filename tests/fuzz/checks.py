"""What must hold for any bytes whatever: notes that keep every invariant, or a refusal."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from tonerow.abc_notation.reading import read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.ingest.sources import find_sources
from tonerow.midi.reading import read_midi
from tonerow.notes.schema import PIECES, Rejection
from tonerow.notes.score import Score, UnreadableError
from tonerow.notes.table import to_table, validate

MAX_NOTES = 200_000


class TooSlowError(Exception):
    """An input took longer than it may."""


def check_midi(data: bytes) -> str:
    """Reads a MIDI file; says what came of it."""
    return _outcome(lambda: read_midi(data))


def check_abc(data: bytes) -> str:
    """Reads every tune of an ABC file; says what came of the last."""
    try:
        texts = split_tunes(decode(data))
    except UnreadableError as error:
        return _refusal(error)
    outcome = Rejection.NO_NOTES.value
    for text in texts:
        outcome = _outcome(lambda text=text: read_tune(text, MAX_NOTES))  # type: ignore[misc]
    return outcome


def check_archive(file: Path) -> str:
    """Lists an archive and takes every member out of it."""
    sources, _ = find_sources(file.parent)
    assert [s.order for s in sources] == sorted({s.order for s in sources})
    outcome = "empty"
    for source in sources:
        source.source_path.encode()
        try:
            if source.refused:
                raise UnreadableError(*source.refused)
            source.read(2**20)
            outcome = "kept"
        except UnreadableError as error:
            outcome = _refusal(error)
    return outcome


def _outcome(read: Callable[[], Score]) -> str:
    try:
        score = read()
    except UnreadableError as error:
        return _refusal(error)
    assert score.n_notes > 0, "read, but without a note"
    validate(to_table("piece", score))
    row: dict[str, Any] = dict.fromkeys(PIECES.names)
    assert (score.downbeat_beat is None) == (score.time_signature is None)
    assert (score.downbeat_beat or 0.0) >= 0.0
    names = ["ticks_per_beat", "tempo_bpm", "time_signature", "downbeat_beat", "key"]
    names += ["title", "composer"]
    row |= {name: getattr(score, name) for name in names}
    row |= {"piece_id": "piece", "source_path": "piece", "source_format": "midi"}
    pa.Table.from_pylist([row], schema=PIECES)
    return "kept"


def _refusal(error: UnreadableError) -> str:
    assert isinstance(error.because, Rejection)
    assert 0 < len(error.detail) < 1000, f"a sentence of {len(error.detail)} characters"
    error.detail.encode()
    return error.because.value


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TooSlowError` in the block when it takes longer."""

    def stop(*_: object) -> None:
        raise TooSlowError(f"over {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
