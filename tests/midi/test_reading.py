"""The MIDI reader on files made byte by byte, and against pretty_midi where that is right."""

import io
import struct
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pretty_midi
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

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
    program,
    tempo,
)
from tests.midi.test_differential import OURS, by_rules
from tonerow.midi.events import parse
from tonerow.midi.reading import read_midi
from tonerow.notes.schema import Rejection
from tonerow.notes.score import Score, UnreadableError

CORPUS = Path(__file__).parents[1] / "corpus"


def notes(score: Score) -> list[tuple[int, int, int, int]]:
    """(onset, duration, pitch, velocity), sorted."""
    columns = (score.onset_tick, score.duration_tick, score.pitch, score.velocity)
    return sorted(zip(*(c.tolist() for c in columns), strict=True))


def refusal(data: bytes) -> Rejection:
    with pytest.raises(UnreadableError) as caught:
        read_midi(data)
    assert caught.value.detail
    return caught.value.because


def test_reads_notes_beats_and_seconds() -> None:
    score = read_midi(midi([(0, tempo(500_000)), (240, on(60, 90)), (480, off(60))]))
    assert notes(score) == [(240, 480, 60, 90)]
    assert (score.onset_sec[0], score.duration_sec[0]) == (0.25, 0.5)
    assert (score.ticks_per_beat, score.tempo_bpm) == (480, 120.0)


def test_a_note_on_without_velocity_is_a_note_off() -> None:
    assert notes(read_midi(midi([(0, on(60)), (10, on(60, 0)), (5, off(60))]))) == [(0, 10, 60, 64)]


@pytest.mark.parametrize("event", [meta(0x01, b"words"), b"\xf0\x03\x7e\x01\xf7"])
def test_running_status_goes_on_over_long_events(event: bytes) -> None:
    events = [(0, on(60)), (10, event), (10, bytes([62, 70])), (10, bytes([60, 0])), (1, off(62))]
    assert notes(read_midi(midi(events))) == [(0, 30, 60, 64), (20, 11, 62, 70)]


def test_running_status_of_one_byte_events() -> None:
    events = [(0, program(5)), (0, bytes([6])), (0, on(60)), (9, b"\xd0\x11"), (0, b"\x12")]
    score = read_midi(midi([*events, (1, off(60))]))
    assert (notes(score), score.program.tolist()) == ([(0, 10, 60, 64)], [6])


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # two open notes of one pitch: a single note-off ends both, none is lost
        ([(0, on(60, 1)), (10, on(60, 2)), (10, off(60))], [(0, 20, 60, 1), (10, 10, 60, 2)]),
        # struck again on the tick of the note-off, in either order
        (
            [(0, on(60, 1)), (10, on(60, 2)), (0, off(60)), (10, off(60))],
            [(0, 10, 60, 1), (10, 10, 60, 2)],
        ),
        (
            [(0, on(60, 1)), (10, off(60)), (0, on(60, 2)), (10, off(60))],
            [(0, 10, 60, 1), (10, 10, 60, 2)],
        ),
        # never ended; ended without beginning; of 0 ticks
        ([(0, on(60)), (5, on(62)), (5, off(62))], [(5, 5, 62, 64)]),
        ([(0, off(60)), (5, on(62)), (5, off(62))], [(5, 5, 62, 64)]),
        ([(0, on(60)), (0, off(60)), (5, on(60)), (5, off(60))], [(5, 5, 60, 64)]),
    ],
)
def test_pairs_note_ons_and_note_offs_as_pretty_midi_does(
    events: list[Event], expected: list[tuple[int, int, int, int]]
) -> None:
    data = midi(events)
    assert notes(read_midi(data)) == expected
    assert Counter(expected) == Counter(n[:4] for n in from_pretty_midi(data))


def test_overlapping_notes_end_in_the_order_in_which_they_began() -> None:
    roll = [(0, on(38, 1)), (6, on(38, 2)), (6, on(38, 3)), (0, off(38)), (6, on(38, 4))]
    roll += [(0, off(38)), (6, off(38)), (6, off(38))]
    expected = [(0, 12, 38, 1), (6, 12, 38, 2), (12, 12, 38, 3), (18, 12, 38, 4)]
    assert notes(read_midi(midi(roll))) == expected


BEGUN_AND_LASTING = st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(60, 61))


@settings(max_examples=150, deadline=None)
@given(st.lists(BEGUN_AND_LASTING, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_no_onset_is_lost(played: list[tuple[int, int, int]], random: Any) -> None:
    """Whatever overlaps, and in whatever order the events of a tick stand."""
    ons = [(begin, on(pitch)) for begin, _, pitch in played]
    offs = [(begin + lasts, off(pitch)) for begin, lasts, pitch in played]
    ticks = sorted(ons + offs, key=lambda event: (event[0], random.random()))
    steps = [0, *(tick for tick, _ in ticks)]
    events = [(tick - before, event) for before, (tick, event) in zip(steps, ticks, strict=False)]
    found = Counter((note[0], note[2]) for note in notes(read_midi(midi(events))))
    assert found == Counter((begin, pitch) for begin, _, pitch in played)


def test_channels_do_not_end_each_others_notes() -> None:
    events = [(0, on(60, 1)), (0, on(60, 2, channel=9)), (10, off(60, channel=9)), (10, off(60))]
    score = read_midi(midi(events))
    assert notes(score) == [(0, 10, 60, 2), (0, 20, 60, 1)]
    assert sorted(score.is_drum.tolist()) == [False, True]


def test_tempo_counts_from_whichever_track() -> None:
    data = midi(
        [(0, on(60)), (960, off(60))], [(0, tempo(1_000_000)), (480, tempo(250_000))], division=480
    )
    score = read_midi(data)
    assert (score.duration_sec[0], score.tempo_bpm) == (1.25, 60.0)


def test_of_two_tempos_at_one_tick_the_later_counts() -> None:
    score = read_midi(midi([(0, tempo(1_000_000)), (0, tempo(250_000)), *NOTE]))
    assert score.tempo_bpm == 240.0


def test_a_tempo_after_the_first_note_is_not_its_tempo() -> None:
    assert read_midi(midi([*NOTE, (0, tempo(250_000))])).tempo_bpm is None


def test_program_of_the_own_track_goes_before_that_of_another() -> None:
    setup: list[Event] = [(0, program(10)), (0, program(20, 1))]
    assert read_midi(midi(setup, NOTE)).program.tolist() == [10]
    assert read_midi(midi(setup, [(0, program(30)), *NOTE])).program.tolist() == [30]


def test_program_is_the_one_at_the_note_on() -> None:
    events = [(0, on(60)), (10, program(7)), (10, off(60)), (0, on(62)), (9, off(62))]
    assert read_midi(midi(events)).program.tolist() == [0, 7]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x01\x00", "G"),
        (b"\x00\x01", "Am"),
        (b"\xf9\x00", "Cb"),
        (b"\x14\x07", None),
        (b"", None),
    ],
)
def test_key_out_of_range_changes_no_note(payload: bytes, expected: str | None) -> None:
    score = read_midi(midi([(0, meta(0x59, payload)), *NOTE]))
    assert (score.key, score.n_notes) == (expected, 1)


@pytest.mark.parametrize(("payload", "expected"), [(b"\x06\x03\x18\x08", "6/8"), (b"\0\x40", None)])
def test_impossible_metre_changes_no_note(payload: bytes, expected: str | None) -> None:
    score = read_midi(midi([(0, meta(0x58, payload)), *NOTE]))
    assert (score.time_signature, score.n_notes) == (expected, 1)


METRES = {
    "from the beginning": ([(0, meta(0x58, b"\x03\x02\x18\x08")), *NOTE], 0.0),
    "late, at the first note": ([(720, meta(0x58, b"\x06\x03\x18\x08")), *NOTE], 1.5),
    "late, before the first note": (
        [(240, meta(0x58, b"\x03\x02\x18\x08")), (480, on(60)), (480, off(60))],
        0.5,
    ),
    "the last before the first note": (
        [(0, meta(0x58, b"\x01\x02\x18\x08")), (480, meta(0x58, b"\x04\x02\x18\x08")), *NOTE],
        1.0,
    ),
    "after the first note": ([*NOTE, (0, meta(0x58, b"\x03\x02\x18\x08"))], None),
    "impossible": ([(480, meta(0x58, b"\0\x02\x18\x08")), *NOTE], None),
    "none": (NOTE, None),
}


@pytest.mark.parametrize("case", METRES)
def test_bars_count_from_the_metre_at_the_first_note(case: str) -> None:
    events, expected = METRES[case]
    score = read_midi(midi(events))
    assert score.downbeat_beat == expected
    assert (score.time_signature is None) == (expected is None)


def test_reads_riff_long_headers_alien_chunks_and_trailing_bytes() -> None:
    plain, good = midi(NOTE), [(0, 480, 60, 64)]
    riff = b"RIFF" + struct.pack("<I", len(plain) + 12) + b"RMIDdata"
    assert notes(read_midi(riff + struct.pack("<I", len(plain)) + plain)) == good
    long = chunk(b"MThd", struct.pack(">HHHI", 1, 1, 480, 0)) + plain[14:]
    assert notes(read_midi(long)) == good
    assert notes(read_midi(plain[:14] + chunk(b"XFIH", b"abc") + plain[14:])) == good
    assert notes(read_midi(plain + b"\0\0\0\x1a")) == good


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", Rejection.UNREADABLE_HEADER),
        (b"\x89PNG\r\n", Rejection.UNREADABLE_HEADER),
        (midi(NOTE)[:10], Rejection.TRUNCATED),
        (midi(NOTE)[:-1], Rejection.TRUNCATED),
        (midi(NOTE)[:14], Rejection.TRUNCATED),
        (midi(NOTE, kind=7), Rejection.UNREADABLE_HEADER),
        (b"MThd\xff\xff\xff\xff" + midi(NOTE)[8:], Rejection.UNREADABLE_HEADER),
        (b"RIFF\0\0\0\0RMID", Rejection.UNREADABLE_HEADER),
        (b"RIFF\0\0\0\0RMIDdata\x99\0\0\0MThd", Rejection.TRUNCATED),
        (midi(NOTE, NOTE, kind=2), Rejection.UNSUPPORTED_FORMAT),
        (midi(NOTE, division=0xE728), Rejection.UNSUPPORTED_DIVISION),
        (midi(NOTE, division=0), Rejection.UNSUPPORTED_DIVISION),
        (midi(NOTE).replace(b"MTrk", b"M\xffrk"), Rejection.CORRUPT),
        (midi(NOTE).replace(b"MTrk", b"MTrx"), Rejection.CORRUPT),
        (midi(NOTE) + chunk(b"MTrk", body(NOTE)), Rejection.CORRUPT),
        (midi(NOTE)[:14] + chunk(b"MTrk", b"") + body(NOTE), Rejection.CORRUPT),
        (midi([(0, bytes([60, 64]))]), Rejection.CORRUPT),
        (midi([*NOTE, (0, b"\x90\x60")]), Rejection.CORRUPT),
        (midi([*NOTE, (0, b"\xf8")]), Rejection.CORRUPT),
        (midi([*NOTE, (0, b"\xff\x80\x00")]), Rejection.CORRUPT),
        (midi([*NOTE, (0, b"\xff\x01\x8f\xff\xff\x7f")]), Rejection.CORRUPT),
        (midi([(0, b"\xff\x2f\x00"), *NOTE]), Rejection.CORRUPT),
        (midi([(0, b"\x80\x80\x80\x80\x00"), *NOTE]), Rejection.CORRUPT),
        (midi([(0, meta(0x51, b"\x01")), *NOTE]), Rejection.CORRUPT),
        (midi([(0, tempo(0)), *NOTE]), Rejection.IMPOSSIBLE_TIMING),
        (midi([(0x0FFFFFFF, meta(1, b""))] * 9 + NOTE), Rejection.IMPOSSIBLE_TIMING),
        (midi([]), Rejection.NO_NOTES),
        (midi([(0, off(60))]), Rejection.NO_NOTES),
        (midi([(0, on(60)), (0, off(60))]), Rejection.NO_NOTES),
        (midi(), Rejection.NO_NOTES),
    ],
)
def test_refuses_what_cannot_be_read_right(data: bytes, because: Rejection) -> None:
    assert refusal(data) is because


EVENTS = st.tuples(
    st.integers(0, 2**28 - 1), st.booleans(), st.integers(0, 127), st.integers(0, 127)
)


@pytest.mark.parametrize("status", [0x93, 0xE1, 0xC2])
@given(st.lists(EVENTS, min_size=1, max_size=80))
def test_runs_of_any_length_are_cut_into_their_events(
    status: int, events: list[tuple[int, bool, int, int]]
) -> None:
    data, ticks = b"", []
    for delta, says_status, *values in events:
        has_status = says_status or not data
        data += number(delta) + bytes([status] * has_status + values[: 1 if status == 0xC2 else 2])
        ticks.append(delta)
    header = chunk(b"MThd", struct.pack(">HHH", 0, 1, 480))
    track = parse(header + chunk(b"MTrk", data + END))
    assert track.tick.tolist() == np.cumsum(ticks).tolist()
    assert track.data1.tolist() == [event[2] for event in events]
    assert track.data2.tolist() == [0 if status == 0xC2 else event[3] for event in events]


@pytest.mark.parametrize("status", [0x93, 0xC2])
@pytest.mark.parametrize("n", [4095, 4096, 4097, 8193])
def test_a_run_goes_on_after_the_longest_that_is_matched_at_once(status: int, n: int) -> None:
    values = [bytes([i % 128] * (1 if status == 0xC2 else 2)) for i in range(n)]
    data = b"".join(number(i % 300) + bytes([status] * (i == 0)) + v for i, v in enumerate(values))
    header = chunk(b"MThd", struct.pack(">HHH", 0, 1, 480))
    track = parse(header + chunk(b"MTrk", data + END))
    assert track.tick.tolist() == np.cumsum([i % 300 for i in range(n)]).tolist()
    assert track.data1.tolist() == [i % 128 for i in range(n)]
    assert set(track.status.tolist()) == {status}


def test_100_000_notes_on_one_tick_take_no_time() -> None:
    score = read_midi(midi([(0, on(i % 128)) for i in range(100_000)] + [(480, off(60))]))
    assert score.n_notes == len(range(60, 100_000, 128))


def from_pretty_midi(data: bytes) -> list[tuple[int, int, int, int, int, bool]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pretty_midi.PrettyMIDI(io.BytesIO(data))
    found = []
    for instrument in other.instruments:
        for note in instrument.notes:
            start, end = (int(other.time_to_tick(t)) for t in (note.start, note.end))
            kind = (int(instrument.program), bool(instrument.is_drum))
            found.append((start, end - start, note.pitch, note.velocity, *kind))
    return sorted(found)


def with_programs(score: Score) -> list[tuple[int, int, int, int, int, bool]]:
    names = ("onset_tick", "duration_tick", "pitch", "velocity", "program", "is_drum")
    return sorted(zip(*(getattr(score, name).tolist() for name in names), strict=True))


ROOMY = st.integers(0, 3)
CHANNEL_EVENTS = st.one_of(
    st.builds(on, st.integers(60, 62), st.integers(0, 3), st.sampled_from([0, 1, 9])),
    st.builds(off, st.integers(60, 62), st.sampled_from([0, 1, 9])),
    st.builds(lambda c, v: bytes([0xB0 | c, 64, v]), st.integers(0, 2), st.integers(0, 127)),
    st.builds(lambda words: meta(1, words), st.binary(max_size=130)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.tuples(ROOMY, CHANNEL_EVENTS), max_size=25), min_size=1, max_size=3))
def test_any_events_read_by_the_rules(tracks: list[list[Event]]) -> None:
    data = midi(*tracks)
    expected = by_rules(data, OURS)
    if expected:
        assert Counter(with_programs(read_midi(data))) == expected
    else:
        assert refusal(data) is Rejection.NO_NOTES


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused(data: st.DataObject) -> None:
    good = (CORPUS / "midi" / "band.mid").read_bytes()
    at = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(at, min(len(good), at + 40)))
    try:
        score = read_midi(good[:at] + data.draw(st.binary(max_size=12)) + good[end:])
    except UnreadableError:
        return
    assert score.n_notes > 0
    assert score.duration_tick.min() > 0
    assert score.duration_sec.min() > 0
    assert 1 <= score.velocity.min() <= score.velocity.max() <= 127


@pytest.mark.parametrize("path", sorted(CORPUS.glob("midi/**/*.[mM]*")), ids=lambda p: p.name)
def test_real_files_read_as_pretty_midi_reads_them(path: Path) -> None:
    data = path.read_bytes()
    if data[:4] == b"RIFF":  # which pretty_midi does not know
        data = data[20:]
    score = read_midi(path.read_bytes())
    assert with_programs(score) == from_pretty_midi(data)
    if path.name != "tempo in track 2.mid":  # pretty_midi reads the tempo of track 0 only
        other = pretty_midi.PrettyMIDI(io.BytesIO(data))
        starts = sorted(n.start for i in other.instruments for n in i.notes)
        assert sorted(score.onset_sec.tolist()) == pytest.approx(starts, abs=1e-9)


def test_tempo_outside_track_0_is_heard_by_mido_too() -> None:
    path = CORPUS / "midi" / "tempo in track 2.mid"
    score = read_midi(path.read_bytes())
    last = float((score.onset_sec + score.duration_sec).max())
    assert last == pytest.approx(mido.MidiFile(path).length, abs=1e-3)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("midi/**/*.[mM]*")), ids=lambda p: p.name)
def test_real_files_read_as_symusic_reads_them(path: Path) -> None:
    data = path.read_bytes()
    other: Any = symusic.Score.from_midi(data[20:] if data[:4] == b"RIFF" else data)
    expected = [
        (n.time, n.duration, n.pitch, n.velocity, t.program, t.is_drum)
        for t in other.tracks
        for n in t.notes
    ]
    assert with_programs(read_midi(data)) == sorted(expected)
