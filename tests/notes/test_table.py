"""The note table, its melody line and its invariants."""

from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonerow.notes.schema import NOTES
from tonerow.notes.score import Score
from tonerow.notes.table import (
    CHORD_SEC,
    LEGATO_SEC,
    InvalidNotesError,
    melody_rest_and_duration,
    skyline,
    to_table,
    validate,
)

Note = tuple[float, float, int]  # onset, duration (seconds), pitch


def melody(notes: list[Note], drums: NDArray[np.bool_] | None = None) -> list[int]:
    """Indices of the melody notes."""
    onset, duration, pitch = (np.array(c) for c in zip(*notes, strict=True))
    none = np.zeros(len(notes), dtype=bool)
    on_line = skyline(onset.astype(float), duration, pitch, none if drums is None else drums)
    return np.flatnonzero(on_line).tolist()


def test_of_a_chord_the_highest_note_is_melody() -> None:
    assert melody([(0, 1.0, 60), (0, 1.0, 67), (0, 1.0, 64), (1, 1.0, 62)]) == [1, 3]


def test_a_chord_may_be_struck_unevenly() -> None:
    assert melody([(0, 1.0, 60), (CHORD_SEC / 2, 1.0, 67), (2 * CHORD_SEC, 1.0, 64)]) == [1]


def test_notes_below_a_sounding_melody_note_are_accompaniment() -> None:
    assert melody([(0, 2.0, 72), (0.5, 0.5, 60), (1.0, 0.5, 64), (2.0, 1.0, 62)]) == [0, 3]


def test_a_higher_note_takes_over_and_an_older_one_still_hides() -> None:
    assert melody([(0, 4.0, 70), (1, 1.0, 80), (2.5, 1.0, 60), (3.0, 0.5, 75)]) == [0, 1, 3]


def test_legato_overlap_does_not_hide_the_next_note() -> None:
    assert melody([(0, 0.55, 72), (0.5, 0.55, 71), (1.0, 0.5, 69)]) == [0, 1, 2]
    assert melody([(0, 0.75, 72), (0.5, 0.55, 71), (1.2, 0.5, 69)]) == [0, 2]


def test_every_note_of_a_one_voice_tune_is_melody() -> None:
    grace = CHORD_SEC / 3
    assert melody([(0, grace, 72), (grace, grace, 60), (2 * grace, 1.0, 64)]) == [0, 1, 2]


def test_drums_are_never_melody() -> None:
    drums = np.array([False, True, True])
    assert melody([(0, 1.0, 60), (0, 1.0, 90), (1, 1.0, 90)], drums) == [0]


def test_no_notes_no_melody() -> None:
    empty = np.zeros(0)
    assert len(skyline(empty, empty, empty.astype(int), empty.astype(bool))) == 0


NOTE = st.tuples(st.integers(0, 60), st.integers(1, 40), st.integers(0, 127))


@given(st.lists(NOTE, min_size=1, max_size=60), st.floats(0.005, 0.5))
def test_the_line_is_monophonic_and_holds_the_highest_note(
    grid: list[tuple[int, int, int]], unit: float
) -> None:
    onset, duration, pitch = (np.array(c) for c in zip(*grid, strict=True))
    start, length = onset * unit, duration * unit
    line = skyline(start, length, pitch, np.zeros(len(grid), dtype=bool))
    at = np.sort(start[line])
    assert np.all(np.diff(at) > 0)
    first = start <= start.min() + CHORD_SEC
    assert line[first & (pitch == pitch[first].max())].any() or np.all(line)
    rest, effective = melody_rest_and_duration(at, length[line][np.argsort(start[line])])
    assert np.all(effective > 0)
    assert np.all(rest >= 0)
    assert np.allclose(at[0] + np.cumsum(effective[:-1] + rest[1:]), at[1:])


def told_plainly(notes: list[Note]) -> list[Note]:
    """The rule of `skyline`, note by note."""
    waiting = sorted(notes, key=lambda note: (note[0], -note[2], -note[1]))
    line: list[Note] = []
    while waiting:
        chord = [note for note in waiting if note[0] <= waiting[0][0] + CHORD_SEC]
        waiting = waiting[len(chord) :]
        start, duration, pitch = max(chord, key=lambda note: note[2])  # of equals the first
        hides = [at + lasts - min(LEGATO_SEC, lasts / 2) for at, lasts, _ in line]
        higher = [until for until, note in zip(hides, line, strict=True) if note[2] >= pitch]
        if all(until <= start for until in higher):
            line.append((start, duration, pitch))
    return line


@given(st.lists(NOTE, min_size=1, max_size=60), st.sampled_from([0.005, 0.011, 0.04, 0.25]))
def test_the_line_is_what_its_rule_says(grid: list[tuple[int, int, int]], unit: float) -> None:
    notes = [(onset * unit, duration * unit, pitch % 12) for onset, duration, pitch in grid]
    notes += [(0.0, 0.5, 3), (0.2, 0.5, 1)]  # so that some sound together
    assert sorted(notes[i] for i in melody(notes)) == sorted(told_plainly(notes))


@given(st.lists(NOTE, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_line_does_not_depend_on_the_order_of_the_notes(
    grid: list[tuple[int, int, int]], random: Random
) -> None:
    shuffled = list(grid)
    random.shuffle(shuffled)
    lines = []
    for notes in (grid, shuffled):
        onset, duration, pitch = (np.array(c) for c in zip(*notes, strict=True))
        line = skyline(onset / 8, duration / 8, pitch, np.zeros(len(notes), dtype=bool))
        lines.append(sorted(zip(onset[line].tolist(), pitch[line].tolist(), strict=True)))
    assert lines[0] == lines[1]


def test_a_melody_note_is_cut_where_the_next_begins() -> None:
    rest, effective = melody_rest_and_duration(np.array([2.0, 3.0, 5.0]), np.array([1.5, 1.0, 4.0]))
    assert rest.tolist() == [0.0, 0.0, 1.0]
    assert effective.tolist() == [1.0, 1.0, 4.0]


def score(**changes: list[int]) -> Score:
    columns = {
        "track": [0, 0, 0],
        "program": [0, 0, 0],
        "is_drum": [False, False, False],
        "pitch": [67, 60, 60],
        "velocity": [64, 50, 90],
        "onset_tick": [480, 0, 0],
        "duration_tick": [480, 480, 480],
    } | changes
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    return Score(
        ticks_per_beat=480,
        onset_sec=arrays["onset_tick"] / 960,
        duration_sec=arrays["duration_tick"] / 960,
        **arrays,
    )


def test_the_table_is_sorted_in_beats_and_without_duplicates() -> None:
    table = to_table("a", score())
    validate(table)
    assert table.schema.equals(NOTES)
    assert table["pitch"].to_pylist() == [60, 67]
    assert table["velocity"].to_pylist() == [90, 64]  # of equal notes the loudest
    assert table["onset_beat"].to_pylist() == [0.0, 1.0]
    assert table["is_melody"].to_pylist() == [True, True]


@pytest.mark.parametrize("changes", [{"pitch": [67, 60, 256]}, {"track": [0, 0, 2**15]}])
def test_a_number_that_does_not_fit_is_an_error(changes: dict[str, list[int]]) -> None:
    with pytest.raises(InvalidNotesError, match=next(iter(changes))):
        to_table("a", score(**changes))


@pytest.mark.parametrize(
    "changes", [{"track": [0, 0, 1]}, {"program": [0, 0, 1]}, {"duration_tick": [480, 480, 240]}]
)
def test_notes_that_differ_are_no_duplicates(changes: dict[str, list[int]]) -> None:
    table = to_table("a", score(**changes))
    validate(table)
    assert len(table) == 3


def replaced(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    index = table.schema.get_field_index(name)
    column = pa.array(values, NOTES.field(name).type)
    return table.set_column(index, NOTES.field(name), column)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("pitch", [60, 128], "pitch"),
        ("velocity", [0, 64], "velocity"),
        ("program", [0, 200], "program"),
        ("duration_tick", [480, 0], "duration_tick"),
        ("duration_sec", [0.5, 0.0], "duration_sec"),
        ("onset_sec", [0.0, float("inf")], "onset_sec"),
        ("onset_sec", [0.0, float("nan")], "onset_sec"),
        ("onset_beat", [-1.0, 1.0], "onset_beat"),
        ("onset_tick", [480, 0], "out of order"),
        ("piece_id", ["b", "a"], "piece_id is not ascending"),
    ],
)
def test_validate_names_what_is_wrong(name: str, values: list[object], message: str) -> None:
    with pytest.raises(InvalidNotesError, match=message):
        validate(replaced(to_table("a", score()), name, values))


def test_validate_finds_duplicates_and_foreign_schemas() -> None:
    table = to_table("a", score()).slice(0, 1)
    with pytest.raises(InvalidNotesError, match="same note twice"):
        validate(pa.concat_tables([table, table]))
    with pytest.raises(InvalidNotesError, match="velocity has 1 null"):
        validate(replaced(table, "velocity", [None]))
    with pytest.raises(InvalidNotesError, match="schema"):
        validate(table.drop_columns(["velocity"]))
    validate(NOTES.empty_table())
    validate(pa.concat_tables([table, to_table("b", score())]))
