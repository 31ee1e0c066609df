"""What sounds on the beats: another hand's ornaments hide no tune, and a common phrase joins none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonerow.splitting import beats
from tonerow.splitting.melodic_runs import Lines, distinct_lines

RUN, FRACTION, LONG = 6, 0.2, 640
Line = np.ndarray[tuple[int], np.dtype[np.uint8]]


def tune(seed: int, n: int = 64) -> Line:
    """The pitches of a random tune on its beats."""
    return np.random.default_rng(seed).integers(50, 74, n, dtype=np.uint8)


def lines_of(lines: list[Line]) -> Lines:
    return distinct_lines((len(line), line) for line in lines)


def pairs_of(lines: list[Line], run: int = RUN) -> set[tuple[int, int]]:
    found = beats.alike(lines_of(lines), run, FRACTION, LONG)
    return {(min(pair), max(pair)) for pair in found.tolist() if pair[0] != pair[1]}


class TestOnBeats:
    @pytest.mark.parametrize(
        ("metre", "quarters"),
        [
            ("2/4", 0.5),
            ("4/4", 1),
            ("2/2", 1),
            ("6/8", 0.75),
            ("3/4", 1),
            ("9/8", 1.5),
            ("12/8", 1.5),
        ],
    )
    def test_points_of_a_bar(self, metre: str, quarters: float) -> None:
        assert beats.quarters_between(metre) == quarters

    @pytest.mark.parametrize("metre", [None, "", "C", "0/4"])
    def test_no_metre_no_beats(self, metre: str | None) -> None:
        assert not len(beats.on_beats(tune(1), np.arange(64.0), metre, None))

    def test_ornaments_between_the_beats_and_notation_change_nothing(self) -> None:
        plain, onset = tune(1, 32), np.arange(32.0) + 1
        expected = beats.on_beats(plain, onset, "4/4", 1.0)
        assert np.array_equal(expected, plain)
        pitch = np.repeat(plain, 2)
        pitch[1::2] += 1  # a neighbour after each note
        turned = np.repeat(onset, 2) + np.tile([0, 0.75], 32)
        assert np.array_equal(beats.on_beats(pitch, turned, "2/2", 1.0), plain)
        assert np.array_equal(beats.on_beats(pitch, turned / 2, "2/4", 0.5), plain)

    def test_an_upbeat_is_between_the_beats_and_a_long_note_is_held(self) -> None:
        pitch = np.array([60, 62, 64], np.uint8)
        assert beats.on_beats(pitch, np.array([0.5, 1, 4]), "3/4", 1.0).tolist() == [62, 62, 62, 64]

    def test_a_line_of_silence_costs_no_memory(self) -> None:
        assert not len(beats.on_beats(tune(1, 2), np.array([0.0, 1e15]), "4/4", 0.0))


class TestAlike:
    @given(st.integers(0, 10**6), st.integers(-40, 40))
    def test_the_same_beats_in_another_key(self, seed: int, shift: int) -> None:
        moved = (tune(seed).astype(int) + shift).astype(np.uint8)
        assert pairs_of([tune(seed), tune(seed + 1), moved]) == {(0, 2)}

    def test_a_second_part_of_ones_own_hides_nothing(self) -> None:
        one, other = tune(1), tune(2)
        other[:32] = one[:32]
        assert pairs_of([one, other]) == {(0, 1)}

    def test_a_phrase_joins_nothing(self) -> None:
        one, other = tune(1), tune(2)
        other[:16] = one[:16]  # 10 runs
        assert pairs_of([one, other]) == set()
        assert pairs_of([one[:24], other[:24]]) == set()  # more than the share, but few

    def test_a_share_that_is_small_joins_nothing(self) -> None:
        one, other = tune(1, 400), tune(2, 400)
        other[:40] = one[:40]
        assert pairs_of([one, other]) == set()

    def test_held_notes_are_not_telling(self) -> None:
        bass = np.tile(np.array([50, 50, 57, 57], np.uint8), 16)
        assert pairs_of([bass, np.append(bass, tune(1, 8))]) == set()

    def test_without_beats(self) -> None:
        assert pairs_of([tune(1), tune(1)], run=0) == set()
        assert pairs_of([tune(1, 0), tune(1, 0), tune(1, 10), tune(1, 10)]) == set()


class TestNearVariants:
    def test_counted_by_hand(self) -> None:
        # Val's second tune has a phrase of train's, backwards; test's first has one as it is.
        train, phrase = tune(1), tune(1)[20 : 20 + beats.AUDITED + 1]
        lines = [train, tune(2), np.append(tune(3), phrase[::-1])]
        lines += [np.append(tune(4), phrase), tune(5)]
        sides = np.array(["train", "val", "val", "test", "test"])
        assert beats.near_variants(lines_of(lines), sides) == {
            "val": 0.0,
            "val_backwards": 0.5,
            "test": 0.5,
            "test_backwards": 0.0,
        }

    def test_a_phrase_of_val_in_test_is_no_leak(self) -> None:
        sides = np.array(["train", "val", "test"])
        found = beats.near_variants(lines_of([tune(1), tune(2), tune(2)]), sides)
        assert set(found.values()) == {0.0}
        assert set(beats.near_variants(lines_of([tune(1, 0)] * 3), sides).values()) == {0.0}
