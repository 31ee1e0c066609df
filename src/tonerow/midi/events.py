"""Standard MIDI File bytes to event columns: a strict walk that trusts nothing.

Lenient readers hide damage: they wrap tick sums at 32 bits, take any header for granted and carry
on with wrong notes after a broken event. Here every byte of every track is accounted for. numpy marks,
in the whole file at once, where a run of channel events breaks off (`_Marks`). The walk goes from
mark to mark, so that Python sees only the runs and the meta and system-exclusive events between
them. Then numpy decodes the events of all tracks together.

Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, RP-001), RMID (RP-029).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

_LONGEST_NUMBER = 4  # bytes of a variable-length number, all but the last with the high bit set
_FAR = 5  # bytes; more than any two low bytes of one event lie apart
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
class MidiFile:
    """All tracks of a file that play together: their channel events, track after track.

    Attributes:
        ticks_per_beat: ticks in a quarter note, 1-32767.
        n_tracks: 0 or more.
        track: int64, 0, 1, ..., non-decreasing.
        tick: int64, since the start of the track, non-decreasing in it.
        status: uint8, 0x80-0xEF, running status filled in.
        data1: uint8, 0-127.
        data2: uint8, 0-127; 0 for events with one data byte.
        metas: the meta events of `KEPT_METAS`, in file order.
    """

    ticks_per_beat: int
    n_tracks: int
    track: NDArray[np.int64]
    tick: NDArray[np.int64]
    status: NDArray[np.uint8]
    data1: NDArray[np.uint8]
    data2: NDArray[np.uint8]
    metas: list[Meta]


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
    marks, walk, ended = _Marks.of(data), _Walk(), True
    for number, (start, end) in enumerate(spans):
        ended = _walk_track(data, number, start, end, marks, walk)
    if not ended and data[spans[-1][1] :].strip(b"\0"):
        # The length of the chunk may be wrong, and what follows may be its notes.
        _fail(Rejection.CORRUPT, "bytes follow the last track, which has no end-of-track event")
    return _decoded(marks, walk, ticks_per_beat)


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


@dataclass(frozen=True)
class _Marks:
    """Where runs of channel events break off, whatever byte they begin at.

    In a channel event all bytes are low (below 0x80) but those of its delta that go on and its
    status. So if one event of a run ends its delta at the ith low byte of the file, the next one does
    at i + 2 or i + 3: behind one or two data bytes.

    Attributes:
        raw: the file's bytes, uint8, and a zero behind them.
        low: the offsets of the low bytes.
        fits: by number of data bytes (1, 2), for each low byte: whether, if a delta ends here, the
            rest of an event follows: a fitting status or none, then the data.
        breaks: by number of data bytes and i modulo (that number + 1), a byte for each such i: 1 where
            no event of a run ends its delta.
    """

    raw: NDArray[np.uint8]
    low: NDArray[np.int64]
    fits: dict[int, NDArray[np.bool_]]
    breaks: dict[int, list[bytes]]

    @classmethod
    def of(cls, data: bytes) -> _Marks:
        """Marks the bytes of a file."""
        raw = np.frombuffer(data + b"\0", dtype=np.uint8)
        low = np.flatnonzero(raw[:-1] < 0x80)
        gap = np.diff(low, prepend=-_FAR, append=[len(data) + _FAR, len(data) + 2 * _FAR])
        gap = np.minimum(gap, _FAR).astype(np.uint8)  # as a byte eight times as fast
        status = raw[low + 1]
        takes_one = status & 0xE0 == 0xC0
        none, one = gap[1:-1] == 1, gap[1:-1] == 2
        fits = {
            1: none | (one & takes_one),
            2: (none | (one & ~takes_one & (status < 0xF0))) & (gap[2:] == 1),
        }
        too_far = gap[:-2] > _LONGEST_NUMBER
        breaks = {}
        for width, good in fits.items():
            bad = ~good | too_far
            breaks[width] = [bad[phase :: width + 1].tobytes() for phase in range(width + 1)]
        return cls(raw, low, fits, breaks)

    def run_end(self, first: int, width: int, last: int) -> int:
        """Which low byte follows a run.

        Args:
            first: at which low byte the first event of the run, which fits, ends its delta.
            width: data bytes of each event.
            last: which low byte follows the track.
        """
        step = width + 1
        place, phase = divmod(first, step)
        found = self.breaks[width][phase].find(1, place + 1)
        whole = first + (last - first) // step * step
        return whole if found < 0 else min(whole, found * step + phase)


@dataclass
class _Walk:
    """What the walk over all tracks has found so far. A segment is a run or a long event.

    Attributes:
        segments: of each, the offset of its first byte; the low bytes at which its first event ends
            its delta, and one behind its last would; low bytes from one event to the next.
        ends: of each track, the number of segments up to its end.
        metas: index of the segment, type and payload.
    """

    segments: list[tuple[int, int, int, int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    metas: list[tuple[int, int, bytes]] = field(default_factory=list)


def _walk_track(data: bytes, number: int, start: int, end: int, marks: _Marks, walk: _Walk) -> bool:
    """Adds the events between two offsets; whether the last one is an end of track."""
    low, segments = marks.low, walk.segments
    first, last = low.searchsorted([start, end]).tolist()
    at, width, ended = start, 2, False
    stated, unstated = False, False
    while at < end and not ended:
        number_end = _number_end(data, at, end, number)  # behind the low byte `first`
        status = data[number_end] if number_end < end else -1
        if status < 0xF0:
            if status >= 0x80:
                width, stated = 1 if 0xC0 <= status <= 0xDF else 2, True
            unstated |= not stated
            if first + width >= last or not marks.fits[width][first]:
                _fail(Rejection.CORRUPT, f"track {number}: broken event at byte {at}")
            after = marks.run_end(first, width, last)
            segments.append((at, first, after, width + 1))
            at, first = int(low[after - 1]) + 1, after
            continue
        kind, payload, after = _long_event(data, number_end, end, number)
        if kind in KEPT_METAS:
            walk.metas.append((len(segments), kind, payload))
        segments.append((at, first, first + 1, 1))
        at, first, ended = after, int(low.searchsorted(after)), kind == _END_OF_TRACK
    if data[at:end].strip(b"\0"):
        _fail(Rejection.CORRUPT, f"track {number}: events after the end of track")
    if unstated:
        _fail(Rejection.CORRUPT, f"track {number}: data without a status before it")
    walk.ends.append(len(segments))
    return ended


def _number_end(data: bytes, at: int, end: int, number: int) -> int:
    for last in range(at, min(at + _LONGEST_NUMBER, end)):
        if data[last] < 0x80:
            return last + 1
    _fail(Rejection.CORRUPT, f"track {number}: no variable-length number at byte {at}")


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


def _decoded(marks: _Marks, walk: _Walk, ticks_per_beat: int) -> MidiFile:
    """Turns the events of all tracks into columns, all at once."""
    raw, low = marks.raw, marks.low
    none = np.zeros(0, dtype=np.int64)
    # The last byte of each delta, and bytes of it before that: since the low byte that ended the event
    # before, which a segment's first event need not follow. No event is among the header's low bytes.
    ends = [low[first:after:step] for _, first, after, step in walk.segments]
    at = np.concatenate([*ends, none])
    before = [low[first - 1 : after - 1 : step] for _, first, after, step in walk.segments]
    more = at - np.concatenate([*before, none]) - 1
    upto = np.cumsum([0, *map(len, ends)])  # events before each segment
    begin = upto[:-1]
    more[begin] = at[begin] - np.array([start for start, *_ in walk.segments], dtype=np.int64)
    passed = np.concatenate([[0], np.cumsum(_deltas(raw, at, more))])
    bounds = upto[[0, *walk.ends]]  # of the tracks
    n_of_track = np.diff(bounds)
    tick = passed[1:] - np.repeat(passed[bounds[:-1]], n_of_track)
    metas = [Meta(int(tick[upto[i]]), kind, payload) for i, kind, payload in walk.metas]

    kept = np.flatnonzero(raw[at + 1] < 0xF0)  # the channel events
    at = at[kept] + 1
    # Running status goes on over meta and sysex events: forbidden, common and unambiguous.
    own = raw[at] >= 0x80
    owner = np.flatnonzero(own)  # a track's first event is one, see `_walk_track`
    status = np.repeat(raw[at[owner]], np.diff(owner, append=len(at)))
    data_at = at + own
    return MidiFile(
        ticks_per_beat=ticks_per_beat,
        n_tracks=len(walk.ends),
        track=np.repeat(np.arange(len(walk.ends)), n_of_track)[kept],
        tick=tick[kept],
        status=status,
        data1=raw[data_at],
        # After an event with one data byte there may be no second.
        data2=np.where(status & 0xE0 == 0xC0, np.uint8(0), raw[data_at + 1]),
        metas=metas,
    )


def _deltas(
    raw: NDArray[np.uint8], at: NDArray[np.int64], more: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The numbers that end at some offsets, after so many bytes each that go on."""
    delta = raw[at].astype(np.int64)
    for place in range(1, _LONGEST_NUMBER):
        longer = np.flatnonzero(more >= place)
        delta[longer] |= (raw[at[longer] - place] & 0x7F).astype(np.int64) << 7 * place
    return delta
