"""Match lengths against a slow loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonerow.evaluation.lines import Lines
from tonerow.evaluation.matches import FEATURES, LONGEST_MATCH, Pairs, grouped, pairs

Note = tuple[int, float, float]

notes = st.tuples(st.integers(60, 62), st.sampled_from([0.0, 0.5]), st.sampled_from([0.5, 1.0]))
corpora = st.lists(st.lists(notes, min_size=1, max_size=14), min_size=1, max_size=4)


def lines_of(pieces: list[list[Note]]) -> Lines:
    first = np.cumsum([0, *(len(piece) for piece in pieces)])
    pitch, rest, duration = zip(*(note for piece in pieces for note in piece), strict=True)
    return Lines(np.array(pitch, np.int64), first, np.array(rest), np.array(duration))


def slow_before(keys: list[object], t: int, s: int) -> int:
    k = 0
    while s - k - 1 >= 0 and keys[t - k - 1] == keys[s - k - 1]:
        k += 1
    return k


def slow_ahead(keys: list[object], t: int, s: int) -> int:
    k = 0
    while t + k < len(keys) and keys[t + k] == keys[s + k]:
        k += 1
    return k


def slow_pairs(pieces: list[list[Note]], look_back: int) -> dict[tuple[int, int], tuple[int, ...]]:
    """Pitch, joint and rhythm match by (note, earlier note)."""
    slow: dict[tuple[int, int], tuple[int, ...]] = {}
    start = 0
    for piece in pieces:
        pitch: list[object] = [note[0] for note in piece]
        joint: list[object] = list(piece)
        rhythm: list[object] = [note[1:] for note in piece]
        for t in range(len(piece)):
            for s in range(max(0, t - look_back), t):
                slow[start + t, start + s] = (
                    slow_before(pitch, t, s),
                    slow_before(joint, t, s),
                    slow_ahead(rhythm, t, s),
                )
        start += len(piece)
    return slow


@given(corpora, st.sampled_from([2, 100]))
@settings(max_examples=100)
def test_equal_a_slow_loop(pieces: list[list[Note]], look_back: int) -> None:
    names = ["pitch_match", "joint_match", "rhythm_match_ahead"]
    fast = pairs(lines_of(pieces), names, look_back)
    keys = zip(fast.note.tolist(), fast.earlier.tolist(), strict=True)
    values = (tuple(column) for column in fast.classes.T.tolist())
    assert dict(zip(keys, values, strict=True)) == slow_pairs(pieces, look_back)
    assert len(fast.note) == lines_of(pieces).pairs(look_back).sum()


def test_longer_matches_count_as_the_longest() -> None:
    lines = lines_of([[(60, 0.0, 1.0)] * 50])
    classes = pairs(lines, ["pitch_match"], 1).classes[0]
    assert classes.tolist() == [min(k, LONGEST_MATCH) for k in range(49)]


def test_beats_apart_are_classed_by_their_divisor() -> None:
    def classes(feature: str, *beats: float) -> list[int]:
        line = [(60, 0.0, length) for length in beats] + [(60, 0.0, 1.0)]
        every = pairs(lines_of([line]), [feature], len(line))
        return [int(c) for c, s in zip(every.classes[0], every.earlier, strict=True) if s == 0]

    odd, half, one, three, four, eight = (
        classes("beats_apart", beats)[0] for beats in (0.25, 0.5, 1.0, 3.0, 4.0, 8.0)
    )
    assert len({odd, half, one, three, four, eight}) == 6
    assert classes("beats_apart", 20.0) == [four]
    assert classes("beats_apart", 40.0) == [eight]
    assert classes("beats_apart", 9.0) == [three]
    assert classes("beats_apart", 1.5) == [half]
    assert classes("beats_apart_before", 4.0) == [four]


def test_the_distance_of_the_notes_before_knows_no_rest_of_the_note() -> None:
    def both(rest: float) -> list[list[int]]:
        lines = lines_of([[(60, 0.0, 1.0), (60, rest, 1.0)]])
        classes: list[list[int]] = pairs(
            lines, ["beats_apart_before", "beats_apart"], 9
        ).classes.T.tolist()
        return classes

    (known, full), (other, full_other) = both(0.0)[0], both(3.0)[0]
    assert known == other
    assert full != full_other


@pytest.mark.parametrize("name", sorted(set(FEATURES) - {"place_match"}))
def test_every_class_is_below_the_size(name: str) -> None:
    generator = np.random.default_rng(0)
    times = generator.integers(1, 9, (1200, 2)) / 4
    line = [(60, float(rest), float(duration)) for rest, duration in times]
    classes = pairs(lines_of([line]), [name], 1200).classes
    assert int(classes.max()) < FEATURES[name].size <= 32
    assert len(np.unique(classes)) > 1


@given(corpora)
@settings(max_examples=40)
def test_groups_stand_for_all_pairs(pieces: list[list[Note]]) -> None:
    lines = lines_of(pieces)
    every = pairs(lines, ["pitch_match", "rhythm_match_ahead"], 100)
    alike, hit = grouped(every, lines.pitch)
    score = np.random.default_rng(0).random((2, 32))
    n = len(lines.pitch)

    def mass(of: Pairs, only: NDArray[np.bool_]) -> NDArray[np.float64]:
        weight = of.times * np.exp(score[0][of.classes[0]] + score[1][of.classes[1]])
        return np.bincount(of.note[only], weight[only], n).astype(float)

    own = lines.pitch[every.note] == lines.pitch[every.earlier]
    np.testing.assert_allclose(mass(alike, hit), mass(every, own))
    np.testing.assert_allclose(mass(alike, ~hit), mass(every, ~own))
    assert len(alike.note) <= len(every.note)
