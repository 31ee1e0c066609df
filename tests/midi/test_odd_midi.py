"""Odd but legal MIDI gives its true notes; what cannot be read right is refused, and at once."""

import struct

import pytest

from tests.midi.midi_bytes import (
    END,
    NOTE,
    Event,
    body,
    chunk,
    meta,
    midi,
    number,
    off,
    on,
    tempo,
)
from tonerow.midi.events import split_sequences
from tonerow.midi.reading import read_midi
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError
from tonerow.notes.table import to_table, validate

Notes = list[tuple[int, int, int, int]]
ONE: Notes = [(0, 480, 60, 64)]
TWO: Notes = [(0, 480, 60, 64), (480, 480, 62, 64)]
PLAIN = midi(NOTE)
SECOND: list[Event] = [(480, on(62)), (480, off(62))]


def header(kind: int = 1, n_tracks: int = 1, division: int = 480, extra: bytes = b"") -> bytes:
    return chunk(b"MThd", struct.pack(">HHH", kind, n_tracks, division) + extra)


def track(raw: bytes) -> bytes:
    """A file with one track of exactly these bytes."""
    return header() + chunk(b"MTrk", raw)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A RIFF RMID file; chunks of odd length are padded."""
    inside = b"".join(n + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2) for n, d in chunks)
    return b"RIFF" + struct.pack("<I", len(inside) + 4) + b"RMID" + inside


RAW_NOTE = body(NOTE)[: -len(END)]
ODD = {
    "a header of 7 bytes": (header(extra=b"\0") + PLAIN[14:], ONE),
    "a header of 300 bytes": (header(extra=b"MTrk" * 75) + PLAIN[14:], ONE),
    "format 0": (midi(NOTE, kind=0), ONE),
    "format 0 with two tracks": (midi(NOTE, SECOND, kind=0), TWO),
    "format 2 with one sequence": (midi(NOTE, kind=2), ONE),
    "unknown chunks": (
        header(n_tracks=2) + chunk(b"abcd", b"MTrk") + PLAIN[14:] + chunk(b"CASM", b"")
        + chunk(b"MTrk", body(SECOND)) + chunk(b"XFIH", b"\xff"),
        TWO,
    ),
    "trailing bytes": (PLAIN + b"\xde\xad\xbe\xef" * 9, ONE),
    "trailing bytes of an older, longer file": (PLAIN + PLAIN[-9:] + PLAIN[14:], ONE),
    "a trailing part of a track": (PLAIN + PLAIN[14:-5], ONE),
    "a trailing id3 tag": (PLAIN + b"TAG" + b"\0" * 125, ONE),
    "no end of track, exact length": (track(RAW_NOTE), ONE),
    "no end of track, then padding": (track(RAW_NOTE) + b"\0" * 5, ONE),
    "no end of track in the first of two": (
        header(n_tracks=2) + chunk(b"MTrk", RAW_NOTE) + chunk(b"MTrk", body(SECOND)),
        TWO,
    ),
    "a track of no bytes": (header(n_tracks=2) + chunk(b"MTrk", b"") + PLAIN[14:], ONE),
    "a track of no bytes at the end": (midi(NOTE, [])[:-4] .replace(
        chunk(b"MTrk", END)[:-4], b"MTrk\0\0\0\0"), ONE),
    "zeros after the end of track": (track(body(NOTE) + b"\0\0\0"), ONE),
    "an end of track with a payload": (track(RAW_NOTE + b"\0\xff\x2f\x01\0"), ONE),
    "an end of track much later": (track(RAW_NOTE + b"\xff\xff\xff\x7f\xff\x2f\0"), ONE),
    "riff": (riff((b"data", PLAIN)), ONE),
    "riff with odd chunks": (riff((b"DISP", b"abc"), (b"LIST", b"INFOxyz"), (b"data", PLAIN)), ONE),
    "riff with a sound font after it": (riff((b"data", PLAIN), (b"DLS ", b"x" * 99)), ONE),
    "running status after a meta event": (
        track(b"\0\x90\x3c\x40\x00\xff\x01\x02hi\x83\x60\x3c\0" + END), ONE),
    "running status after sysex": (
        track(b"\0\x90\x3c\x40\x00\xf0\x03\x01\x02\xf7\x83\x60\x3c\0" + END), ONE),
    "sysex in packets": (
        midi([(0, on(60)), (10, b"\xf0\x02\x43\x12"), (20, b"\xf7\x03\x43\x12\0"),
              (30, b"\xf7\x02\x12\xf7"), (420, off(60))]),
        ONE,
    ),
    "an escape with real-time bytes": (midi([(0, b"\xf7\x02\xf8\xfa"), *NOTE]), ONE),
    "sysex of no bytes": (midi([(0, b"\xf0\0"), *NOTE]), ONE),
    "a channel prefix": (midi([(0, meta(0x20, b"\x05")), (0, meta(0x21, b"\x01")), *NOTE]), ONE),
    "text that is no utf-8": (
        midi([(0, meta(3, b"\xff\xfe\x80 \xe9")), (0, meta(5, bytes(range(256)))), *NOTE]), ONE),
    "an unknown meta event": (midi([(0, meta(0x60, b"\x01")), (0, meta(0x7F, b"\0")), *NOTE]), ONE),
    "a metre of 0/2^64": (midi([(0, meta(0x58, b"\0\x40\x18\x08")), *NOTE]), ONE),
    "a key of 20 sharps": (midi([(0, meta(0x59, b"\x14\x07")), *NOTE]), ONE),
    "a short key": (midi([(0, meta(0x59, b"")), *NOTE]), ONE),
    "lowest and highest": (
        midi([(0, on(0, 1)), (0, on(127, 127)), (9, off(0)), (0, off(127))]),
        [(0, 9, 0, 1), (0, 9, 127, 127)],
    ),
    "a delta in four bytes": (track(b"\x80\x80\x80\x00\x90\x3c\x40\x83\x60\x3c\0" + END), ONE),
    "a note-on without note-off": (midi([(0, on(72)), *NOTE]), ONE),
    "a note-off without note-on": (midi([(0, off(72)), *NOTE]), ONE),
    "all notes off is no note-off": (
        midi([(0, on(60)), (240, b"\xb0\x7b\0"), (240, off(60))]), ONE),
    "the shortest division": (midi([(0, on(60)), (1, off(60))], division=1), [(0, 1, 60, 64)]),
    "the longest division": (midi(NOTE, division=0x7FFF), ONE),
    "the slowest tempo": (midi([(0, tempo(0xFFFFFF)), *NOTE]), ONE),
    "the fastest tempo": (midi([(0, tempo(1)), *NOTE]), ONE),
    "the latest tick": (
        midi([*[(0x0FFFFFFF, meta(1, b""))] * 7, (0x0FFFFFFF, on(60)), (1, off(60))]),
        [(0x7FFFFFF8, 1, 60, 64)],
    ),
    "5,000 tracks": (midi(*[[]] * 4998, NOTE, SECOND), TWO),
}  # fmt: skip


def notes(data: bytes) -> Notes:
    score = read_midi(data)
    validate(to_table("piece", score))
    columns = (score.onset_tick, score.duration_tick, score.pitch, score.velocity)
    return sorted(zip(*(c.tolist() for c in columns), strict=True))


@pytest.mark.parametrize("case", ODD)
def test_odd_but_legal(case: str) -> None:
    data, expected = ODD[case]
    assert notes(data) == expected


def cut_short(size: int) -> bytes:
    """A file whose only track is announced shorter than it is."""
    return PLAIN[:18] + struct.pack(">I", size) + PLAIN[22:]


DAMAGED = {
    "a track announced shorter, cut between events": (cut_short(4), Rejection.CORRUPT),
    "a track announced shorter, cut in an event": (cut_short(6), Rejection.CORRUPT),
    "a track announced as empty": (cut_short(0), Rejection.CORRUPT),
    "a track announced longer": (cut_short(200), Rejection.TRUNCATED),
    "a track announced endless": (cut_short(0xFFFFFFFF), Rejection.TRUNCATED),
    "fewer tracks than announced": (header(n_tracks=9) + PLAIN[14:], Rejection.TRUNCATED),
    "more tracks than announced": (PLAIN + PLAIN[14:], Rejection.CORRUPT),
    "no track announced": (header(n_tracks=0) + PLAIN[14:], Rejection.CORRUPT),
    "65,535 tracks announced": (header(n_tracks=65535) + PLAIN[14:], Rejection.UNSUPPORTED_FORMAT),
    "a header of 5 bytes": (b"MThd\0\0\0\x05" + PLAIN[8:], Rejection.UNREADABLE_HEADER),
    "two files in one": (PLAIN + PLAIN, Rejection.CORRUPT),
    "two files in one, and a byte between": (PLAIN + b"\0" + PLAIN, Rejection.CORRUPT),
    "bytes before the header": (b"\0" * 128 + PLAIN, Rejection.UNREADABLE_HEADER),
    "a zip archive": (b"PK\x03\x04" + PLAIN, Rejection.UNREADABLE_HEADER),
    "line feeds as cr lf": (
        midi([(10, on(10)), (10, off(10))]).replace(b"\n", b"\r\n"),
        Rejection.CORRUPT,
    ),
    "a velocity over 127": (midi([(0, b"\x90\x3c\x80"), (9, off(60))]), Rejection.CORRUPT),
    "a pitch over 127": (midi([(0, b"\x90\xbc\x40"), (9, off(60))]), Rejection.CORRUPT),
    "a program over 127": (midi([(0, b"\xc0\xff"), *NOTE]), Rejection.CORRUPT),
    "a system status": (midi([(0, b"\xf1\x00"), *NOTE]), Rejection.CORRUPT),
    "a delta of five bytes": (midi([(0, number(2**28) + b"\0")]), Rejection.CORRUPT),
    "a delta at the end": (track(RAW_NOTE + b"\x00"), Rejection.CORRUPT),
    "a meta event cut": (track(RAW_NOTE + b"\0\xff"), Rejection.CORRUPT),
    "sysex longer than its track": (track(RAW_NOTE + b"\0\xf0\x7f" + END), Rejection.CORRUPT),
    "running status from nothing": (track(b"\0\xff\x01\0\0\x3c\x40" + END), Rejection.CORRUPT),
    "a tempo of 2 bytes": (midi([(0, meta(0x51, b"\x07\xa1")), *NOTE]), Rejection.CORRUPT),
    "notes after the end of track": (track(END + body(NOTE)), Rejection.CORRUPT),
    "drop frames": (midi(NOTE, division=0xE350), Rejection.UNSUPPORTED_DIVISION),
    "a riff file of sound": (b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 16, Rejection.UNREADABLE_HEADER),
    "riff that holds no midi": (riff((b"data", b"no midi")), Rejection.UNREADABLE_HEADER),
    "deltas beyond 32 bits": (
        midi([*[(0x0FFFFFFF, on(60))] * 20, (1, off(60))]), Rejection.IMPOSSIBLE_TIMING),
    "only note-ons": (midi([(0, on(60)), (9, on(62))]), Rejection.NO_NOTES),
    "100,000 notes without length": (
        midi([(0, on(i % 128)) for i in range(100_000)] + [(0, off(i)) for i in range(128)]),
        Rejection.NO_NOTES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_is_refused(case: str) -> None:
    data, because = DAMAGED[case]
    with pytest.raises(UnreadableError) as caught:
        read_midi(data)
    assert caught.value.because is because
    assert caught.value.detail


def test_100_000_equal_notes_are_one_in_the_table() -> None:
    data = midi([(0, on(60, 1 + i % 100)) for i in range(100_000)] + [(480, off(60))])
    score = read_midi(data)
    table = to_table("piece", score)
    validate(table)
    assert (score.n_notes, table["velocity"].to_pylist()) == (100_000, [100])


@pytest.mark.parametrize("event", [meta(1, b""), tempo(500_000), b"\xf0\0", b"\xc0\x01"])
def test_a_million_bytes_of_one_event_are_read(event: bytes) -> None:
    assert notes(midi([(0, event)] * (1_000_000 // (len(event) + 1)) + NOTE)) == ONE


def test_sequences_of_format_2_are_files_of_their_own() -> None:
    tempos = [(0, tempo(1_000_000)), *NOTE]
    first, second = split_sequences(riff((b"data", midi(tempos, SECOND, kind=2))))
    assert read_midi(first).duration_sec.tolist() == [1.0]
    assert read_midi(second).duration_sec.tolist() == [0.5]
    assert notes(second) == [(480, 480, 62, 64)]
    for whole in (midi(NOTE, SECOND), midi(NOTE, kind=2), midi(NOTE, NOTE, kind=2)[:-3], b""):
        assert split_sequences(whole) == [whole]


def test_a_cut_last_sequence_is_refused() -> None:
    data = header(2, 2) + PLAIN[14:] + chunk(b"MTrk", RAW_NOTE) + b"\x01\x90"
    first, second = split_sequences(data)
    assert notes(first) == ONE
    with pytest.raises(UnreadableError):
        read_midi(second)
