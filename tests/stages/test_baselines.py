"""The stage `baselines` as a whole: the same tables on any machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages import baselines as stage
from tests.tiny import settings
from tests.tokens.token_tables import TUNE, random_piece, write_corpus
from tonerow.evaluation import baselines
from tonerow.tokens import corpus

SIDES = {"a": "train", "b": "train", "c": "val", "d": "test"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's root with tokens."""
    pieces = {piece: random_piece(piece) for piece in SIDES}
    interim, splits = write_corpus(tmp_path, pieces, SIDES, dict.fromkeys(SIDES, TUNE))
    corpus.tokenize(interim, splits, tmp_path / "tokens", settings().tokenize)
    tree = settings(evaluate__ngram_orders=[2, 3]).model_dump()
    YAML(typ="safe").dump(tree, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def made(root: Path, cores: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """All files that the stage writes on a machine with so many cores."""
    out = root / f"on {cores}"
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    arguments = ["splits", "tokens", str(out / "tables"), str(out / "metrics.json")]
    monkeypatch.setattr(sys, "argv", ["baselines", *arguments])
    stage.main()
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_tables_do_not_depend_on_the_number_of_processes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "WORTH_SHARING", 0)
    alone = made(root, 1, monkeypatch)
    assert made(root, 2, monkeypatch) == alone
    assert set(alone) == {"chars.parquet", "events.parquet", "melody.parquet", "metrics.json"}
