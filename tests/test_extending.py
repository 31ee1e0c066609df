"""What docs/contributing.md says of a new model and a new corpus is the whole truth."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.repository import SOURCE, Repository, started

BLOCK = re.compile(r"^```(?:python|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(title: str) -> list[str]:
    """The code of a section of the guide, in order."""
    guide = (SOURCE / "docs/contributing.md").read_text("utf-8")
    section = re.split(r"^## ", guide, flags=re.MULTILINE)
    (text,) = (part for part in section if part.startswith(title))
    return BLOCK.findall(text)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text("utf-8").rstrip("\n") + "\n\n\n" + text, encoding="utf-8")


def insert(path: Path, before: str, text: str) -> None:
    content = path.read_text("utf-8")
    assert content.count(before) == 1
    path.write_text(content.replace(before, text + before), encoding="utf-8")


@pytest.fixture(scope="module")
def with_model(another: Repository) -> Repository:
    """With the guide's model: a file, a class, an entry and a line."""
    model, settings, entry, line = blocks("Add a model")
    library = another.root / "src/tonerow"
    (library / "models/my_gru.py").write_text(model, encoding="utf-8")
    append(library / "params/architectures.py", settings)
    insert(another.root / "params.yaml", "\ntrain:\n", entry)
    insert(another.root / "tests/models/test_contract.py", '    "rnn_vanilla": 244_518,\n', line)
    return another


def test_a_new_model_reruns_the_check_and_nothing_else(with_model: Repository) -> None:
    assert started(with_model.run("dvc", "repro")) == ["check"]
    with_model.commit()


def test_a_new_model_keeps_the_contract(with_model: Repository) -> None:
    command = [sys.executable, "-m", "pytest", "tests/models/test_contract.py", "-k", "my_gru"]
    output = with_model.run(*command)
    assert re.search(r"\d\d passed", output)
    assert "failed" not in output


def test_a_new_model_is_trained_scored_heard_and_compared(with_model: Repository) -> None:
    few = ["-S", "models.my_gru.small.training.epochs=1", "-S", "models.my_gru.small.hidden_size=8"]
    output = with_model.run("dvc", "exp", "run", "-S", "model=my_gru", *few)
    assert sorted(started(output)) == ["check", "evaluate", "generate", "summary", "track", "train"]
    assert with_model.json("evaluate.json")["model"] == "my_gru"
    assert with_model.json("generate.json")["notes"] > 0
    table = with_model.run(sys.executable, "-m", "tonerow.tracking.comparison")
    assert "| my_gru " in table
    assert "my_gru sees the notes before" in table


def test_a_new_corpus_is_fetched_and_read(with_model: Repository) -> None:
    fetch, settings, entry = blocks("Add a corpus")
    library = with_model.root / "src/tonerow"
    (library / "corpora/mine.py").write_text(fetch, encoding="utf-8")
    append(library / "params/corpora.py", settings)
    insert(with_model.root / "params.yaml", "\ningest:\n", entry)
    assert started(with_model.run("dvc", "repro")) == ["check"]
    where = f"corpora.mine.path={SOURCE / 'tests/corpus/more'}"
    output = with_model.run("dvc", "exp", "run", "-S", "corpus=mine", "-S", where, "ingest")
    assert started(output) == ["check", "fetch", "ingest"]
    assert with_model.json("ingest.json")["kept"] > 0
