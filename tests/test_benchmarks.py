"""The long benchmarks: what they ask for can be built from the settings, and the short one runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from benchmarks import gpu, write_up, yardstick
from tests import shipped, tiny
from tests.tokens.token_tables import TUNE, random_piece, write_corpus
from tonerow import params
from tonerow.tokens import corpus

SIDES = {"a": "train", "b": "val", "c": "test"}


def asked(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(params, "load", shipped.settings)
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])


def test_the_yardstick_has_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch)
    options = yardstick.parsed()
    assert options.settings.selected.training.patience == 0
    assert {rival.sees for rival in options.rivals} == {"pitch", "pitch_and_past_rhythm", "rhythm"}


@pytest.mark.parametrize("size", ["small", "published"])
def test_the_write_up_has_its_settings(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    asked(monkeypatch, "maestro", "--models", "lstm_full", "lstm_local", "--size", size)
    options = write_up.parsed()
    for model in options.models:
        settings = write_up.settings_for(options, model, epochs=4, max_windows=10)
        own = settings.selected.training
        assert (settings.model, own.window, own.epochs, own.patience) == (model, 64, 4, 0)


@pytest.mark.parametrize("name", ["rnn_vanilla small", "lstm_fields small", "lstm_char small"])
def test_learning_and_drawing_are_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pieces = {piece: random_piece(piece) for piece in SIDES}
    interim, splits = write_corpus(tmp_path, pieces, SIDES, dict.fromkeys(SIDES, TUNE))
    corpus.tokenize(interim, splits, tmp_path / "tokens", tiny.settings().tokenize)
    monkeypatch.setattr(params, "load", lambda: tiny.settings(name))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    options = argparse.Namespace(
        tokens=tmp_path / "tokens", batches=1, samples=2, notes=4, threads=1
    )
    model, *_, learned, _, drawn, _ = gpu.row(name, options)
    assert model == name
    assert float(learned.replace(",", "")) > 0
    assert float(drawn.replace(",", "")) > 0
