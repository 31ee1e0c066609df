"""Cross-validation: two means, paired differences, and the counting models of a fold."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tonerow.evaluation.counting import RIVALS
from tonerow.evaluation.cross_validation import PieceNats, counted
from tonerow.notes.schema import TOKEN_NOTES

BIT = math.log(2)
WORKS = {"a": "a", "b": "b", "c": "b"}


def nats(*bits_and_notes: tuple[float, int]) -> PieceNats:
    """Pieces a, b ... with so many bits a note and notes."""
    bits, notes = zip(*bits_and_notes, strict=True)
    total = np.array(bits) * np.array(notes) * BIT
    return PieceNats(list("abc")[: len(notes)], np.array(notes), total)


def test_a_short_piece_counts_less_over_notes_and_as_much_over_pieces() -> None:
    own = nats((1.0, 90), (3.0, 10))
    assert own.over_notes(WORKS).mean == pytest.approx(1.2)
    assert own.over_pieces(WORKS).mean == pytest.approx(2.0)


def test_works_are_drawn_and_not_pieces() -> None:
    own = nats((1.0, 10), (1.0, 10), (3.0, 10))
    apart = own.over_notes({"a": "a", "b": "b", "c": "c"})
    assert (apart.low, apart.high) == pytest.approx((1.0, 3.0))
    together = own.over_notes(WORKS)  # the work of b and c has a mean of 2
    assert (together.low, together.high) == pytest.approx((1.0, 2.0))
    pieces = own.over_pieces(WORKS)
    assert (pieces.low, pieces.high) == pytest.approx((1.0, 2.0))


def test_a_constant_difference_has_no_spread() -> None:
    hard, easy = nats((4.0, 10), (1.0, 30), (2.0, 7)), nats((3.5, 10), (0.5, 30), (1.5, 7))
    assert tuple(hard.minus(easy, WORKS)) == pytest.approx((0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match="not scored on the same notes"):
        hard.minus(nats((4.0, 10), (1.0, 30)), WORKS)


def test_folds_are_joined_in_the_order_of_ids_and_none_twice() -> None:
    first = PieceNats.of(["b", "d"], np.array([0, 2, 3]), np.array([1.0, 2.0, 4.0]))
    second = PieceNats.of(["a"], np.array([0, 2]), np.array([0.5, 0.5]))
    joined = PieceNats.joined([first, second])
    assert joined.pieces == ["a", "b", "d"]
    assert joined.notes.tolist() == [2, 2, 1]
    assert joined.nats.tolist() == [1.0, 3.0, 4.0]
    with pytest.raises(ValueError, match="scored in two folds"):
        PieceNats.joined([first, first])


def write_tokens(folder: Path, lines: dict[str, list[list[int]]]) -> None:
    """A token table: pitches of pieces by split, a beat each; a drum beside every line."""
    rows = []
    for split, pieces in lines.items():
        for i, pitches in enumerate(pieces):
            for pitch in pitches:
                row: dict[str, Any] = dict.fromkeys(TOKEN_NOTES.names, 0)
                row |= {"piece_id": f"{split}{i}", "split": split, "is_melody": True}
                rows.append(row | {"pitch": pitch, "melody_rest": 0.0, "melody_duration": 1.0})
            rows.append({**rows[-1], "is_melody": False, "pitch": 35})
    pq.write_table(pa.Table.from_pylist(rows, schema=TOKEN_NOTES), folder / "notes.parquet")


def test_counting_models_score_every_test_note_and_learn_the_scale(tmp_path: Path) -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    lines = {"train": [scale * 2] * 4, "val": [scale * 2] * 2, "test": [scale, scale * 3]}
    write_tokens(tmp_path, lines)
    scores = counted(tmp_path, [2, 3], RIVALS[:1])
    assert list(scores) == ["ngram_cache", RIVALS[0].name]
    for own in scores.values():
        assert len(own) == 32
        assert own.mean() < math.log(8)


def test_nats_of_other_notes_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 3 nats for 4 notes"):
        PieceNats.of(["a", "b"], np.array([0, 2, 4]), np.ones(3))
