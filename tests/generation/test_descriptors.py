"""Descriptors by hand, and what counts as copied."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tiny import settings
from tests.tokens.token_tables import random_piece, write_corpus
from tonerow.generation.descriptors import (
    RUNS,
    Known,
    in_runs,
    lines_of,
    of_line,
    pitch_class_entropy,
    repeated,
    scale_consistency,
    side_by_side,
)
from tonerow.tokens import corpus
from tonerow.views import load_melody

C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]


def line(*pitch: int) -> np.ndarray:
    return np.array(pitch, np.int64)


def samples_of(*lines: list[int] | np.ndarray) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"sample": i, "pitch": pitch, "is_given": False})
        for i, pitch in enumerate(lines)
    ]
    return pd.concat(parts, ignore_index=True).astype({"pitch": "uint8"})


def test_scale_consistency_by_hand() -> None:
    assert scale_consistency(line(*C_MAJOR)) == 1.0
    assert scale_consistency(line(*C_MAJOR) + 5) == 1.0
    assert scale_consistency(line(60, 61, 62, 63)) == 0.75  # A flat: C, D flat, E flat
    assert scale_consistency(np.arange(60, 72)) == pytest.approx(7 / 12)
    assert scale_consistency(line(60)) == 1.0


def test_pitch_class_entropy_by_hand() -> None:
    assert pitch_class_entropy(line(60, 72, 48)) == 0.0
    assert pitch_class_entropy(line(60, 61, 74, 75)) == 2.0
    assert pitch_class_entropy(np.arange(36, 48)) == pytest.approx(math.log2(12))


def test_notes_in_runs_by_hand() -> None:
    assert in_runs(line(1, 2), 2, 7).tolist() == [False, True, True, True, True, False, False]
    assert not in_runs(line(), 2, 3).any()


def test_what_a_tune_has_had_before_is_repeated_transposed_too() -> None:
    theme = np.random.default_rng(0).integers(50, 70, 20)
    other = np.random.default_rng(1).integers(50, 70, 20)
    assert repeated(np.concatenate([theme, other])) == 0
    assert repeated(np.concatenate([theme, theme])) == 0.5
    assert repeated(np.concatenate([theme, other, theme + 3])) == pytest.approx(1 / 3)
    assert repeated(np.concatenate([theme, other, theme[:12]])) == 0  # eleven intervals


def test_a_line_by_hand() -> None:
    found = of_line(line(60, 62, 62, 60, 72))
    assert found["mean_interval"] == (2 + 0 + 2 + 12) / 4
    assert found["same_pitch_again"] == 1 / 4
    assert found["range"] == 12


def test_a_single_note_gives_numbers() -> None:
    found = of_line(line(60))
    assert found == {
        **{"scale_consistency": 1.0, "pitch_class_entropy": 0.0, "mean_interval": 0.0},
        **{"same_pitch_again": 0.0, "range": 0.0, "repeated": 0.0},
    }


def test_samples_stand_beside_human_tunes_with_intervals() -> None:
    one, other = [{"range": 2.0}, {"range": 12.0}], [{"range": 0.0}] * 2
    assert side_by_side({"samples": one, "human": other})["range"] == {
        **{"samples": 7, "samples_low": 2, "samples_high": 12},
        **{"human": 0, "human_low": 0, "human_high": 0},
    }


def test_what_was_given_does_not_count() -> None:
    samples = samples_of([60, 62, 64])
    samples["is_given"] = [True, False, False]
    assert [own.tolist() for own in lines_of(samples)] == [[62, 64]]


def test_no_samples_have_no_descriptors() -> None:
    found = side_by_side({"samples": [], "human": [{"range": 0.0}, {"range": math.nan}]})
    assert found == {"range": {"human": 0, "human_low": 0, "human_high": 0}}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    sides = {"a": "train", "b": "train", "c": "test"}
    pieces = {name: random_piece(name, 40, i) for i, name in enumerate(sides)}
    interim, splits = write_corpus(folder, pieces, sides)
    corpus.tokenize(interim, splits, folder / "tokens", settings().tokenize)
    return folder / "tokens"


def test_what_is_copied_from_train_is_counted_transposed_too(tokens: Path) -> None:
    train = load_melody(tokens, "train")
    tune = train.notes["pitch"].numpy()[train.first[0] : train.first[1]][:10].astype(np.int64)
    own = np.random.default_rng(0).integers(30, 90, 20)
    known = Known(tokens, "melody")
    mixed = np.concatenate([own, tune + 1])
    assert known.share(samples_of(mixed), 6) == pytest.approx(10 / 30)
    assert known.share(samples_of(own), 6) == 0
    assert known.share(samples_of(own[:3]), 6) == 0
    assert known.share(samples_of(mixed).assign(is_given=True), 6) == 0
    assert known.longest([mixed, own[:3], tune]) == [9, known.longest([own[:3]])[0], 9]


def test_the_longest_run_is_found_whatever_its_length(tokens: Path) -> None:
    train = load_melody(tokens, "train")
    tune = train.notes["pitch"].numpy()[train.first[0] : train.first[1]].astype(np.int64)
    known = Known(tokens, "melody")
    lines = [tune[: n + 1] for n in range(12, len(tune))]
    assert known.longest(lines) == list(range(12, len(tune)))
    assert known.longest([]) == []


def test_a_run_does_not_go_on_in_the_next_sample(tokens: Path) -> None:
    train = load_melody(tokens, "train")
    tune = train.notes["pitch"].numpy()[train.first[0] : train.first[1]].astype(np.int64)
    assert Known(tokens, "melody").share(samples_of(tune[:6], tune[6:12]), 6) == 0


def test_copying_is_reported_at_every_length(tokens: Path) -> None:
    train = load_melody(tokens, "train")
    tune = train.notes["pitch"].numpy()[train.first[0] : train.first[1]][:20].astype(np.int64)
    own = np.random.default_rng(0).integers(30, 90, 20)
    report = Known(tokens, "melody").report({"samples": [tune], "human": [own]})
    at = {run: report[f"in_runs_of_{run}"] for run in RUNS}
    assert [at[run]["samples"] for run in (8, 16, 24)] == [1, 1, 0]
    assert [at[run]["human"] for run in (8, 16, 24)] == [0, 0, 0]
    assert report["longest_run"]["samples"] == 19


def test_copying_has_intervals_over_lines(tokens: Path) -> None:
    train = load_melody(tokens, "train")
    tune = train.notes["pitch"].numpy()[train.first[0] : train.first[1]][:20].astype(np.int64)
    own = np.random.default_rng(0).integers(30, 90, 20)
    report = Known(tokens, "melody").report({"samples": [tune, own], "human": []})
    assert report["in_runs_of_8"] == {"samples": 0.5, "samples_low": 0, "samples_high": 1}
    assert set(report["longest_run"]) == {"samples", "samples_low", "samples_high"}
