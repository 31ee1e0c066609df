"""Notes written to MIDI are the notes that another program reads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonerow.midi.writing import playing_tempo, write_midi

TICKS_PER_BEAT = 480


def line(
    durations: list[float], pitches: list[int], program: int = 0, velocity: int = 80
) -> pd.DataFrame:
    """Notes one after another."""
    duration = pd.Series(durations, dtype="float64")
    return pd.DataFrame(
        {
            "pitch": pitches,
            "velocity": velocity,
            "program": program,
            "is_drum": False,
            "onset_beat": duration.cumsum() - duration,
            "duration_beat": duration,
        }
    )


def read_back(path: Path) -> pretty_midi.PrettyMIDI:
    return pretty_midi.PrettyMIDI(str(path))


notes = st.lists(
    st.tuples(st.integers(1, 1920).map(lambda t: t / TICKS_PER_BEAT), st.integers(0, 127)),
    min_size=1,
    max_size=20,
)


@given(notes, st.floats(20, 400), st.integers(1, 127), st.integers(0, 127))
def test_every_note_is_read_back_where_it_was_put(
    tmp_path_factory: pytest.TempPathFactory,
    played: list[tuple[float, int]],
    tempo: float,
    velocity: int,
    program: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "line.mid"
    written = line([d for d, _ in played], [p for _, p in played], program, velocity)
    write_midi(path, written, tempo)
    (instrument,) = read_back(path).instruments
    found = sorted(instrument.notes, key=lambda note: note.start)
    assert instrument.program == program
    assert [note.pitch for note in found] == written["pitch"].tolist()
    assert {note.velocity for note in found} == {velocity}
    # a tick is the finest time, a microsecond a beat the finest tempo
    half = 60 / tempo / TICKS_PER_BEAT / 2
    seconds = written["onset_beat"] * 60 / tempo
    assert [note.start for note in found] == pytest.approx(seconds.tolist(), rel=1e-5, abs=half)
    ends = seconds + written["duration_beat"] * 60 / tempo
    assert [note.end for note in found] == pytest.approx(ends.tolist(), rel=1e-5, abs=half)


def test_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "é.mid"
    write_midi(path, line([1.0, 0.5, 2.0], [60, 64, 67]), 90.0)
    midi = read_back(path)
    found = [(n.pitch, n.start, n.end) for n in midi.instruments[0].notes]
    third = 1 / 3
    expected = [(60, 0, 2 * third), (64, 2 * third, 1), (67, 1, 1 + 4 * third)]
    for note, wanted in zip(found, expected, strict=True):
        assert note == pytest.approx(wanted, abs=1e-5)
    assert midi.get_tempo_changes()[1].tolist() == pytest.approx([90.0], rel=1e-5)


def test_a_pitch_struck_again_at_once_is_two_notes(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", line([1.0, 1.0, 1.0], [60, 60, 60]), 120.0)
    found = read_back(tmp_path / "a.mid").instruments[0].notes
    assert [(n.start, n.end) for n in found] == [(0, 0.5), (0.5, 1), (1, 1.5)]


def test_a_note_shorter_than_a_tick_is_not_lost(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", line([0.0001, 1.0, 0.0001], [60, 62, 64]), 120.0)
    found = read_back(tmp_path / "a.mid").instruments[0].notes
    assert sorted(n.pitch for n in found) == [60, 62, 64]
    assert min(n.end - n.start for n in found) == pytest.approx(0.5 / TICKS_PER_BEAT)


def test_each_program_is_an_instrument_and_drums_are_drums(tmp_path: Path) -> None:
    drums = line([1.0], [36]).assign(is_drum=True)
    write_midi(tmp_path / "a.mid", pd.concat([line([1.0], [60], 40), line([2.0], [38]), drums]), 99)
    found = read_back(tmp_path / "a.mid").instruments
    pitches = {(i.program, i.is_drum): [n.pitch for n in i.notes] for i in found}
    assert pitches == {(0, False): [38], (40, False): [60], (0, True): [36]}


@pytest.mark.parametrize(
    ("own", "asked", "plays"),
    [
        (None, None, 120),
        (float("nan"), None, 120),
        (90.0, None, 90),
        (1.0, None, 4),
        (90.0, 60, 60),
    ],
)
def test_the_tempo_is_the_one_asked_for_or_the_piece_s_own(
    own: float | None, asked: float | None, plays: float
) -> None:
    assert playing_tempo(own, asked) == plays


def test_the_same_notes_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mid", "b.mid"):
        write_midi(tmp_path / name, line([1.0, 0.3], [60, 62]), 100.0)
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
