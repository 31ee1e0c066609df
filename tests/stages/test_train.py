"""The train stage: val decides, test is never looked at, and an interruption costs nothing."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from ruamel.yaml import YAML

from stages import train as stage
from tests.tiny import settings
from tests.tokens.token_tables import random_piece, write_corpus
from tonerow import tracking
from tonerow.notes.schema import TOKEN_NOTES
from tonerow.tokens import corpus

FEW: dict[str, Any] = {"training__epochs": 4, "training__batch_size": 3, "training__window": 12}


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Tokens of ten pieces on three sides."""
    names = [f"p{i}" for i in range(10)]
    sides = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    pieces = {name: random_piece(name, seed=i) for i, name in enumerate(names)}
    interim, splits = write_corpus(tmp_path, pieces, dict(zip(names, sides, strict=True)))
    corpus.tokenize(interim, splits, tmp_path / "tokens", settings().tokenize)
    return tmp_path / "tokens"


class NoRun:
    """A run that is logged nowhere, and that may be interrupted."""

    def __init__(self, until: float) -> None:
        self.until = until

    def log_epoch(self, epoch: int, values: dict[str, float]) -> None:
        if epoch > self.until:
            raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **more: None


@pytest.fixture
def run_stage(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., bytes]]:
    """Runs the train stage in a folder and returns the model file."""

    def run(out: Path, tokens: Path = tokens, until: float = math.inf, processes: int = 1) -> bytes:
        out.mkdir(exist_ok=True)
        alone: dict[str, Any] = {"train__device": "cpu", "train__threads": 1}
        tree = settings(**FEW, **alone, train__processes=processes).model_dump()
        YAML(typ="safe").dump(tree, out / "params.yaml")
        outputs = ["model/model.pt", "metrics/train.json", "metrics/curves.csv"]
        monkeypatch.chdir(out)
        monkeypatch.setenv("DVC_ROOT", str(out))
        monkeypatch.setattr(tracking, "start", lambda chosen: nullcontext(NoRun(until)))
        monkeypatch.setattr(sys, "argv", ["train", str(tokens), *outputs])
        stage.main()
        assert all((out / name).stat().st_size > 0 for name in outputs)
        return (out / "model/model.pt").read_bytes()

    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def with_pitches_changed(tokens: Path, splits: list[str]) -> Path:
    """A copy of the tokens in which all pitches of these splits are 1."""
    other = tokens.with_name("with changed " + " ".join(splits))
    shutil.copytree(tokens, other)
    notes = pq.read_table(tokens / "notes.parquet").to_pandas()
    notes.loc[notes["split"].isin(splits), "pitch"] = np.uint8(1)
    table = pa.Table.from_pandas(notes, TOKEN_NOTES, preserve_index=False)
    pq.write_table(table, other / "notes.parquet")
    return other


def test_the_stage_never_looks_at_test(
    tokens: Path, tmp_path: Path, run_stage: Callable[..., bytes]
) -> None:
    model = run_stage(tmp_path / "a")
    assert run_stage(tmp_path / "b", with_pitches_changed(tokens, ["test"])) == model
    assert run_stage(tmp_path / "c", with_pitches_changed(tokens, ["train"])) != model


def test_an_interrupted_stage_goes_on_where_it_stopped(
    tmp_path: Path, run_stage: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    model = run_stage(tmp_path / "a", processes=2)
    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path / "b", until=2, processes=2)
    assert not (tmp_path / "b" / "model").exists()
    capsys.readouterr()
    assert run_stage(tmp_path / "b", processes=2) == model
    assert "going on after epoch 2" in capsys.readouterr().err
    for name in ("metrics/train.json", "metrics/curves.csv"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()
    assert not any((tmp_path / "b" / ".checkpoints").iterdir())
