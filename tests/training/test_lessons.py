"""What an epoch learns from."""

from __future__ import annotations

import numpy as np
import torch

from tests.tiny import melodies, playing, settings
from tonerow.params import Training
from tonerow.training.lessons import Lessons
from tonerow.views import Pieces

ONCE = 20


def repeating(n: int) -> Pieces:
    """Melodies of 20 notes, each of which is played twice."""
    once = [list(range(i * ONCE, (i + 1) * ONCE)) for i in range(n)]
    return playing(melodies([ONCE] * n), *([*own, *own] for own in once))


def chosen(skip_repeats: float) -> Training:
    changes = {"training__window": 64, "training__batch_size": 3, "training__transpose": 0}
    own = settings("lstm_local small", training__skip_repeats=skip_repeats, **changes)
    return own.selected.training


def lengths(skip_repeats: float, epoch: int = 0, seed: int = 0) -> list[int]:
    """Of the windows of an epoch."""
    _, made = Lessons.of(repeating(40), chosen(skip_repeats)).epoch(epoch, seed)
    return [n for batch in made for n in batch.length.tolist()]


def test_a_share_of_the_pieces_is_learned_from_without_what_they_play_again() -> None:
    assert lengths(0.0) == [2 * ONCE] * 40
    assert lengths(1.0) == [ONCE] * 40
    some = lengths(0.5)
    assert sorted(some) == [ONCE] * some.count(ONCE) + [2 * ONCE] * some.count(2 * ONCE)
    assert 10 <= some.count(ONCE) <= 30


def test_each_epoch_chooses_others_and_the_same_again() -> None:
    lessons = Lessons.of(repeating(40), chosen(0.5))

    def short(epoch: int, seed: int) -> list[int]:
        windows = lessons.windows(np.random.default_rng([seed, epoch]))
        return [i for i, n in enumerate(windows.length.tolist()) if n == ONCE]

    assert short(0, 0) == short(0, 0)
    assert short(0, 0) != short(1, 0)
    assert short(0, 0) != short(0, 1)


def test_every_piece_comes_once_an_epoch() -> None:
    _, made = Lessons.of(repeating(40), chosen(0.5)).epoch(0, 0)
    openings = torch.cat([batch.now["pitch"][:, :ONCE] for batch in made])
    expected = repeating(40).notes["pitch"].view(40, 2 * ONCE)[:, :ONCE]
    assert sorted(openings.tolist()) == sorted(expected.tolist())


def test_without_skipping_nothing_is_held_twice() -> None:
    pieces = repeating(3)
    assert Lessons.of(pieces, chosen(0.0)).pieces is pieces
    assert Lessons.of(pieces, chosen(0.5)).pieces.n_notes == pieces.n_notes + 3 * ONCE
