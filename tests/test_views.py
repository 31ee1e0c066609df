"""How tokens are read, and what models are given of a line's rhythm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from tests.tokens.token_tables import TUNE, random_piece, write_corpus
from tonerow import parts
from tonerow.models.vocabulary import TICKS_PER_BEAT
from tonerow.tokens import corpus
from tonerow.views import VIEWS, rhythm_of


def test_times_are_counted_from_both_ends_of_each_line() -> None:
    beats = np.array([[2, 0.5], [0, 1 / 3], [1.5, 1], [0, 4]], np.float32)  # lines of 3, 0 and 1
    given = rhythm_of(beats * 0.1, beats, np.array([0, 3, 3, 4]))
    assert np.allclose(given["rhythm"], beats * 0.1)
    ticks = [[48, 12], [0, 8], [36, 24], [0, 96]]
    assert given["ticks"].tolist() == ticks
    assert given["onset"].tolist() == [0, 12, 12 + 8 + 36, 0]
    assert given["remaining"].tolist() == [12 + 8 + 36 + 24, 8 + 36 + 24, 24, 96]


def test_a_long_line_loses_no_tick() -> None:
    beats = np.tile(np.array([[0, 1 / 3]], np.float32), (30_000, 1))
    given = rhythm_of(beats, beats, np.array([0, 30_000]))
    assert given["onset"].tolist() == [i * TICKS_PER_BEAT // 3 for i in range(30_000)]


def test_a_line_has_the_same_ticks_whatever_stands_before_it() -> None:
    triplets, short = np.full((301, 2), [0, 1 / 3], np.float32), np.full((64, 2), [0, 1 / 16])
    alone = rhythm_of(short, short, np.array([0, 64]))
    both = np.concatenate([triplets, short.astype(np.float32)])
    after = rhythm_of(both, both, np.array([0, 301, 365]))
    for name, values in alone.items():
        assert torch.equal(values, after[name][301:]), name


def test_no_lines_are_given_nothing() -> None:
    given = rhythm_of(np.zeros((0, 2)), np.zeros((0, 2)), np.array([0, 0]))
    assert {name: len(values) for name, values in given.items()} == {
        "rhythm": 0,
        "ticks": 0,
        "onset": 0,
        "remaining": 0,
    }


def test_the_size_of_parts_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sides = {piece: "val" if piece in "cf" else "train" for piece in "abcdefg"}
    pieces = {piece: random_piece(piece) for piece in sides}
    folders = write_corpus(tmp_path, pieces, sides, dict.fromkeys(sides, TUNE))
    read = []
    for size in (1 << 20, 30):
        monkeypatch.setattr(parts, "AT_ONCE", size)
        monkeypatch.setattr(corpus, "CHUNK", size)
        monkeypatch.setattr(corpus, "TUNES", min(size, 2))
        out = tmp_path / str(size)
        corpus.tokenize(*folders, out, tiny.settings().tokenize)
        read.append({name: view.load(out, "train") for name, view in VIEWS.items()})
    for one, other in zip(*(of.values() for of in read), strict=True):
        assert one.ids == other.ids == list("abdeg")
        assert one.digest() == other.digest()
