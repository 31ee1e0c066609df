"""The long benchmarks: what they ask for can be built from the settings, and the short one runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from benchmarks import gpu, sampling, scale, scoring, write_up, yardstick
from tests import shipped, tiny
from tests.tokens.token_tables import TUNE, random_piece, write_corpus
from tonerow import params, splitting
from tonerow.ingest.dispatch import ingest
from tonerow.model_files import open_model
from tonerow.tokens import corpus
from tonerow.trials import held_out

SIDES = {"a": "train", "b": "val", "c": "test"}


def asked(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(params, "load", shipped.settings)
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])


def test_the_yardstick_has_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, "--seeds", "1", "2")
    options = yardstick.parsed()
    assert len(options.trained) == 4
    for (name, seed), own in options.trained.items():
        assert (own.model, own.size, own.train.seed) == (name, "few", seed)
        assert own.selected.training.patience == 0
    assert {rival.sees for rival in options.rivals} == {"pitch", "pitch_and_past_rhythm", "rhythm"}


@pytest.mark.parametrize("size", ["small", "published"])
def test_the_write_up_has_its_settings(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    asked(monkeypatch, "maestro", "--models", "lstm_full", "lstm_local", "--size", size)
    options = write_up.parsed()
    for model in options.models:
        settings = write_up.settings_for(options, model, epochs=4, max_windows=10)
        own = settings.selected.training
        assert (settings.model, own.window, own.epochs, own.patience) == (model, 64, 4, 0)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks")
    pieces = {piece: random_piece(piece) for piece in SIDES}
    interim, splits = write_corpus(folder, pieces, SIDES, dict.fromkeys(SIDES, TUNE))
    corpus.tokenize(interim, splits, folder / "tokens", tiny.settings().tokenize)
    return folder / "tokens"


@pytest.mark.parametrize("name", ["rnn_vanilla small", "lstm_fields small", "lstm_char small"])
def test_learning_and_drawing_are_timed(
    tokens: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(params, "load", lambda: tiny.settings(name))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    options = argparse.Namespace(tokens=tokens, batches=1, samples=2, notes=4, threads=1)
    model, *_, learned, _, drawn, _ = gpu.row(name, options)
    assert model == name
    assert float(learned.replace(",", "")) > 0
    assert float(drawn.replace(",", "")) > 0


@pytest.mark.parametrize("model", list(sampling.LOOPS))
def test_the_write_ups_loops_are_the_models(tokens: Path, model: str) -> None:
    opened = open_model(tiny.settings(f"{model} published"), tokens, 1)
    one = sampling.from_zero(held_out(opened.model.eval(), tokens, 1, 40))
    assert sampling.apart(opened.model, model, one) < 1e-4
    assert sampling.loop(opened.model, model, one) == one.scored.numel()


def test_scoring_is_timed(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "load", lambda: tiny.settings("rnn_vanilla small"))
    options = argparse.Namespace(tokens=tokens, batches=1)
    name, *times = scoring.row("rnn_vanilla small", options)
    assert name == "rnn_vanilla small"
    assert len([float(time) for time in times]) == 3


def test_copies_of_a_corpus_are_works_of_their_own(tmp_path: Path) -> None:
    of = scale.sources([Path(__file__).parent / "corpus"])
    scale.make_corpus(of, 4 * of.notes, tmp_path / "raw")
    settings = shipped.settings()
    one = settings.ingest.model_copy(update={"workers": 1})
    read = ingest(tmp_path / "raw", tmp_path / "interim", one)
    assert 3 * of.notes < read["notes"] < 5 * of.notes
    _, found = splitting.split(tmp_path / "interim", settings.split)
    assert found["n_works"] > 0.9 * read["kept"]


def test_what_a_stage_takes_is_measured(
    tokens: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    busy = "-c import time; notes = bytearray(10**8); time.sleep(0.5)"
    cost = scale.measured(busy, tmp_path)
    assert cost.seconds > 0.5
    assert 95 < cost.peak_mb < 1000
    with pytest.raises(RuntimeError, match="log"):
        scale.measured("-c 1 / 0", tmp_path)
    assert scale.rows({"split": (10, cost)}, {"split": (100, cost)})[1][-1] == "0.10 times"
    monkeypatch.setattr(params, "load", lambda: tiny.settings("rnn_vanilla small"))
    monkeypatch.chdir(tmp_path)
    Path("tokens").symlink_to(tokens)
    scale.epoch()
    scale.windows()
    assert Path("model.pt").exists()
    assert "batches" in capsys.readouterr().out
