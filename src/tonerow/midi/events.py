"""Standard MIDI File bytes to event columns: a strict walk that trusts nothing.

Lenient readers hide damage: they wrap tick sums at 32 bits, take any header for granted and carry
on with wrong notes after a broken event. Here every byte of every track is accounted for. Runs of
channel events are cut by one regular expression and decoded by numpy, so that a large file costs
milliseconds; only meta and system-exclusive events are walked one at a time.

Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, RP-001), RMID (RP-029).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

# A variable-length number has at most four bytes, all but the last with the high bit set.
_NUMBER = rb"[\x80-\xff]{0,3}[\x00-\x7f]"
_NUMBER_AT = re.compile(_NUMBER)
# Channel events after their delta: with two data bytes (notes, controllers, bends) or with one
# (program, pressure); the status may be left out ("running status").
_TWO = _NUMBER + rb"[\x80-\xbf\xe0-\xef]?[\x00-\x7f]{2}"
_ONE = _NUMBER + rb"[\xc0-\xdf]?[\x00-\x7f]"
# Bounded, so that a run of a million events keeps little backtracking state. Possessive ("++") would
# keep none, but Python up to 3.11.4 matches it wrongly (CPython issue 100061).
_LONGEST_RUN = 4096
_RUN = {
    width: re.compile(b"(?:%b){1,%d}" % (event, _LONGEST_RUN))
    for width, event in ((2, _TWO), (1, _ONE))
}
_EVENT = {2: re.compile(_TWO), 1: re.compile(_ONE)}
_SHORT_RUN = 128  # bytes, up to which the regular expression is faster than numpy

_HEADER = b"MThd\0\0\0\6"
_META = 0xFF
_END_OF_TRACK = 0x2F
TEMPO, TIME_SIGNATURE, KEY_SIGNATURE = 0x51, 0x58, 0x59
KEPT_METAS = frozenset({TEMPO, TIME_SIGNATURE, KEY_SIGNATURE})
_MAX_TRACKS = 2**15  # the note table counts tracks in 16 bits


class Meta(NamedTuple):
    """One meta event: its absolute tick, type (0-127) and payload."""

    tick: int
    kind: int
    payload: bytes


@dataclass(frozen=True)
class Track:
    """The channel events of one track, in file order, and its meta events.

    Attributes:
        tick: int64, since the start of the track, non-decreasing.
        status: uint8, 0x80-0xEF, running status filled in.
        data1: uint8, 0-127.
        data2: uint8, 0-127; 0 for events with one data byte.
        metas: the meta events of `KEPT_METAS`, in file order.
        ended: whether it closes with an end-of-track event.
    """

    tick: NDArray[np.int64]
    status: NDArray[np.uint8]
    data1: NDArray[np.uint8]
    data2: NDArray[np.uint8]
    metas: list[Meta]
    ended: bool


@dataclass(frozen=True)
class MidiFile:
    """All tracks of a file that play together, and its ticks in a quarter note (1-32767)."""

    ticks_per_beat: int
    tracks: list[Track]


def parse(data: bytes) -> MidiFile:
    """Walks a whole MIDI file of format 0 or 1, or of format 2 with a single sequence.

    Args:
        data: the file's bytes; a RIFF RMID wrapper is taken off.

    Returns:
        Every event of every track.

    Raises:
        UnreadableError: the file is damaged, or its format or time division is not supported.
    """
    data = _unwrapped(data)
    n_tracks, ticks_per_beat, at = _header(data)
    spans = _track_spans(data, at, n_tracks)
    if data[8:10] == b"\0\2" and n_tracks > 1:
        what = f"format 2 with {n_tracks} sequences, which no rule says how to play together"
        _fail(Rejection.UNSUPPORTED_FORMAT, what)
    tracks = [_track(data, number, start, end) for number, (start, end) in enumerate(spans)]
    if tracks and not tracks[-1].ended and data[spans[-1][1] :].strip(b"\0"):
        # The length of the chunk may be wrong, and what follows may be its notes.
        _fail(Rejection.CORRUPT, "bytes follow the last track, which has no end-of-track event")
    return MidiFile(ticks_per_beat, tracks)


def split_sequences(data: bytes) -> list[bytes]:
    """The sequences of a format 2 file, each as a file of its own; any other file as it is.

    Format 2 holds patterns that do not play together, each with a tempo of its own: as many pieces.
    """
    try:
        data = _unwrapped(data)
        n_tracks, ticks_per_beat, at = _header(data)
        if data[8:10] != b"\0\2" or n_tracks < 2:
            return [data]
        spans = _track_spans(data, at, n_tracks)
    except UnreadableError:
        return [data]  # whose reader will say why
    header = b"MThd\0\0\0\6\0\0\0\1" + ticks_per_beat.to_bytes(2, "big")
    sequences = [
        header + b"MTrk" + (end - start).to_bytes(4, "big") + data[start:end]
        for start, end in spans
    ]
    sequences[-1] += data[spans[-1][1] :]  # what follows the last track may be its notes
    return sequences


def _fail(because: Rejection, detail: str) -> NoReturn:
    raise UnreadableError(because, detail)


def _unwrapped(data: bytes) -> bytes:
    """The `data` chunk of a RIFF RMID file; any other file as it is."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            if at + 8 + size > len(data):
                _fail(Rejection.TRUNCATED, "the RIFF data chunk is longer than the file")
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    _fail(Rejection.UNREADABLE_HEADER, "a RIFF RMID file without a data chunk")


def _header(data: bytes) -> tuple[int, int, int]:
    """The number of tracks, the ticks in a quarter note and where the first chunk starts."""
    if data[:4] != b"MThd":
        beginning = f"begins with {data[:4]!r}" if data else "the file is empty"
        _fail(Rejection.UNREADABLE_HEADER, f"{beginning}; a MIDI file begins with b'MThd'")
    if len(data) < 14:
        _fail(Rejection.TRUNCATED, f"the file ends after {len(data)} bytes, inside the header")
    length, kind, n_tracks, division = (
        int.from_bytes(data[a:b], "big") for a, b in ((4, 8), (8, 10), (10, 12), (12, 14))
    )
    if length < 6 or 8 + length > len(data):
        _fail(Rejection.UNREADABLE_HEADER, f"header length {length} in {len(data)} bytes")
    if kind > 2:
        _fail(Rejection.UNREADABLE_HEADER, f"format {kind}; allowed: 0, 1, 2")
    if division & 0x8000:
        _fail(Rejection.UNSUPPORTED_DIVISION, "time in SMPTE frames, which say nothing of beats")
    if division == 0:
        _fail(Rejection.UNSUPPORTED_DIVISION, "0 ticks in a quarter note")
    if n_tracks > _MAX_TRACKS:
        _fail(Rejection.UNSUPPORTED_FORMAT, f"{n_tracks} tracks; allowed: up to {_MAX_TRACKS}")
    return n_tracks, division, 8 + length


def _track_spans(data: bytes, at: int, n_tracks: int) -> list[tuple[int, int]]:
    """Where each track's events begin and end; unknown chunks are skipped."""
    spans: list[tuple[int, int]] = []
    skipped = 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if len(spans) == n_tracks and (name != b"MTrk" or at + 8 + size > len(data)):
            if _HEADER in data[at:]:
                _fail(Rejection.CORRUPT, "a second MIDI file follows the first")
            break  # padding, signatures and what an editor left of an older, longer file
        if not (name.isascii() and name.decode("ascii").isprintable()):
            _fail(Rejection.CORRUPT, f"no chunk begins at byte {at}, where the last one ends")
        start, at = at + 8, at + 8 + size
        if at > len(data):
            missing = at - len(data)
            _fail(Rejection.TRUNCATED, f"chunk {name.decode()!r} misses its last {missing} bytes")
        if name != b"MTrk":
            skipped += 1
        else:
            spans.append((start, at))
    if len(spans) != n_tracks:
        short = len(spans) < n_tracks and not skipped
        because = Rejection.TRUNCATED if short else Rejection.CORRUPT
        _fail(because, f"the header announces {n_tracks} tracks, the file holds {len(spans)}")
    return spans


def _track(data: bytes, number: int, start: int, end: int) -> Track:
    """Decodes the events between two offsets."""
    sizes: list[int] = []  # bytes of each event, its delta included; events follow each other
    metas: list[tuple[int, int, bytes]] = []  # index in sizes, type, payload
    at, width, ended = start, 2, False
    while at < end and not ended:
        number_end = _number_end(data, at, end, number)
        status = data[number_end] if number_end < end else -1
        if status < 0xF0:
            if status >= 0x80:
                width = 1 if 0xC0 <= status <= 0xDF else 2
            run = _RUN[width].match(data, at, end)
            if run is None:
                _fail(Rejection.CORRUPT, f"track {number}: broken event at byte {at}")
            sizes.extend(_event_sizes(data, at, run.end(), width))
            at = run.end()
            continue
        kind, payload, after = _long_event(data, number_end, end, number)
        sizes.append(after - at)
        if kind in KEPT_METAS:
            metas.append((len(sizes) - 1, kind, payload))
        at, ended = after, kind == _END_OF_TRACK
    if data[at:end].strip(b"\0"):
        _fail(Rejection.CORRUPT, f"track {number}: events after the end of track")
    return _decoded(data, start, sizes, metas, number, ended=ended)


def _event_sizes(data: bytes, at: int, end: int, width: int) -> list[int]:
    """Bytes of each event of a run of channel events with `width` data bytes.

    The bytes without the high bit are, in each event, the last of its delta and its data: an event
    ends with every (width + 1)th of them.
    """
    if end - at < _SHORT_RUN:
        return list(map(len, _EVENT[width].findall(data, at, end)))
    low = np.flatnonzero(np.frombuffer(data, np.uint8, end - at, at) < 0x80)
    sizes: list[int] = np.diff(low[width :: width + 1], prepend=-1).tolist()
    return sizes


def _number_end(data: bytes, at: int, end: int, number: int) -> int:
    match = _NUMBER_AT.match(data, at, end)
    if match is None:
        _fail(Rejection.CORRUPT, f"track {number}: no variable-length number at byte {at}")
    return match.end()


def _long_event(data: bytes, at: int, end: int, number: int) -> tuple[int, bytes, int]:
    """Type (-1 for sysex), payload and end of the meta or sysex event whose status is at `at`."""
    status, kind = data[at], -1
    if status not in (0xF0, 0xF7, _META):
        _fail(Rejection.CORRUPT, f"track {number}: status {status:#x} at byte {at}")
    at += 1
    if status == _META:
        kind = data[at] if at < end else 0xFF
        if kind > 0x7F:
            _fail(Rejection.CORRUPT, f"track {number}: meta type {kind:#x} at byte {at}")
        at += 1
    start = _number_end(data, at, end, number)
    size = 0
    for byte in data[at:start]:
        size = size << 7 | byte & 0x7F
    if start + size > end:
        _fail(Rejection.CORRUPT, f"track {number}: event at byte {at} is longer than its track")
    return kind, data[start : start + size], start + size


def _decoded(
    data: bytes,
    start: int,
    sizes: list[int],
    metas: list[tuple[int, int, bytes]],
    number: int,
    *,
    ended: bool,
) -> Track:
    """Turns the events of a track into columns, all at once."""
    n = len(sizes)
    raw = np.frombuffer(data, dtype=np.uint8)
    size = np.array(sizes, dtype=np.int64)
    at = start + np.cumsum(size) - size
    delta = np.zeros(n, dtype=np.int64)
    unfinished = np.ones(n, dtype=bool)
    for _ in range(4):
        byte = raw[at]
        delta = np.where(unfinished, delta << 7 | byte & 0x7F, delta)
        at += unfinished
        unfinished &= byte >= 0x80
    tick = np.cumsum(delta)
    first = raw[at]
    # Running status goes on over meta and sysex events: forbidden, common and unambiguous.
    own = (first >= 0x80) & (first < 0xF0)
    owner = np.maximum.accumulate(np.where(own, np.arange(n), -1))
    channel = first < 0xF0
    if np.any(owner[channel] < 0):
        _fail(Rejection.CORRUPT, f"track {number}: data without a status before it")
    status, data_at = first[owner[channel]], (at + own)[channel]
    one_byte = (status >= 0xC0) & (status < 0xE0)
    return Track(
        tick=tick[channel],
        status=status,
        data1=raw[data_at],
        # After an event with one data byte at the very end of the file there is no second.
        data2=np.where(one_byte, np.uint8(0), raw[np.minimum(data_at + 1, len(raw) - 1)]),
        metas=[Meta(int(tick[index]), kind, payload) for index, kind, payload in metas],
        ended=ended,
    )
