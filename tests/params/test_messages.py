"""What is wrong is named, with what is allowed and what the key means; all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import shipped
from tests.params.refusals import refusal

TREE = shipped.tree()
LEAVES = list(shipped.leaves(TREE))


def sections(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted name of every section, the whole file's being empty."""
    yield prefix
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from sections(value, f"{prefix}.{key}".strip("."))


def test_the_meaning_of_a_key_is_quoted(file: Path) -> None:
    assert refusal(file, shipped.tree({"train.threads": 0})) == (
        f"{file}: train.threads is 0; input should be greater than or equal to 1 (threads: CPU "
        "threads of torch in each process, 1-1024; another number gives slightly other weights)"
    )


def test_every_value_of_the_wrong_kind_is_named(file: Path) -> None:
    lines = refusal(file, shipped.tree({key: {"odd": 1} for key in LEAVES})).splitlines()
    for name in LEAVES:
        (line,) = (line for line in lines if line.startswith(f"{file}: {name} is {{'odd': 1}}"))
        assert f" ({name.rpartition('.')[2]}: " in line


def test_every_missing_value_is_named(file: Path) -> None:
    lines = refusal(file, shipped.tree(without=tuple(LEAVES))).splitlines()
    assert len(lines) == len(LEAVES)
    for line, name in zip(sorted(lines), sorted(LEAVES), strict=True):
        assert line.startswith(f"{file}: {name} is missing ({name.rpartition('.')[2]}: ")


def test_an_unknown_key_is_named_at_every_level(file: Path) -> None:
    # a new entry of a model is a size, and refused for what it is; see test_sections.py
    sizes = {f"models.{model}" for model in TREE["models"]}
    names = [
        f"{name}.sheed".strip(".")
        for name in sections(TREE)
        if name not in sizes | {"models", "corpora"}
    ]
    lines = refusal(file, shipped.tree(dict.fromkeys(names, 1))).splitlines()
    assert len(lines) == len(names)
    for name in names:
        (line,) = (line for line in lines if f": unknown key {name}" in line)
        parent = name.rpartition(".")[0]
        allowed = line.partition("allowed here: ")[2].split(", ")
        assert sorted(allowed) == sorted(shipped.section(TREE, parent) or ["no key"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("tran", "train"),
        ("train.theads", "threads"),
        ("corpora.folk.colections", "collections"),
        ("models.lstm_full.small.hidden_sise", "hidden_size"),
        ("models.lstm_local.small.training.epoch", "epochs"),
    ],
)
def test_a_misspelt_key_comes_with_a_suggestion(file: Path, name: str, meant: str) -> None:
    message = refusal(file, shipped.tree({name: 1}))
    assert f"unknown key {name} (did you mean {meant!r}?); allowed here: " in message


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "models.lstm_locl",
            "no class LstmLocl in src/tonerow/params/architectures.py (did you mean 'lstm_local'?)",
        ),
        ("models.my_model", "no class MyModel in src/tonerow/params/architectures.py; "),
        (
            "corpora.foldr",
            "no class Foldr in src/tonerow/params/corpora.py (did you mean 'folder'?)",
        ),
    ],
)
def test_a_key_without_a_class_is_named_with_those_that_have_one(
    file: Path, name: str, says: str
) -> None:
    message = refusal(file, shipped.tree({name: {}}))
    assert message.startswith(f"{file}: {name}: {says}")
    for key in TREE[name.partition(".")[0]]:
        assert key in message.partition("those there are of: ")[2]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("split.method", "works", ["did you mean 'work'", "work, file, official"]),
        ("train.device", "gpu", ["'gpu'", "auto, cpu, cuda"]),
        ("generate.split", "train", ["'train'", "val, test"]),
        ("models.lstm_full.small.training.optimizer", "sgd", ["'sgd'", "adam, adamw"]),
        ("models.lstm_full.small.hidden_size", -2, ["-2", "greater than 0"]),
        ("models.lstm_full.small.hidden_size", 0, ["0", "greater than 0"]),
        ("models.lstm_full.small.hidden_size", 3, ["3", "multiple of 2"]),
        ("models.lstm_full.small.hidden_size", 16.0, ["16.0", "integer"]),
        ("models.lstm_full.small.hidden_size", "16", ["'16'", "integer"]),
        ("models.lstm_full.small.hidden_size", True, ["True", "integer"]),
        ("models.lstm_full.small.dropout", 1.0, ["1.0", "less than 1"]),
        ("models.lstm_full.small.dropout", "0.5", ["'0.5'", "number"]),
        ("models.lstm_full.small.training.learning_rate", 0, ["0", "greater than 0"]),
        ("models.lstm_full.small.training.learning_rate", float("inf"), ["inf", "finite"]),
        ("models.lstm_full.small.training.learning_rate", float("nan"), ["nan", "number"]),
        ("models.lstm_full.small.training.transpose", 13, ["13", "12"]),
        ("ingest.max_notes", -5, ["-5", "greater than 0"]),
        ("corpora.folder.path", None, ["None", "string"]),
        ("corpora.folder.path", "", ["''", "at least 1"]),
        ("corpora.folk.collections", [], ["[]; it should have at least 1 in it (collections: "]),
        ("evaluate.ngram_orders", [], ["[]", "at least 1"]),
        ("generate.top_p", 1.5, ["1.5", "less than or equal to 1"]),
        ("generate.temperature", 0, ["0", "greater than 0"]),
        ("generate.tempo_bpm", 2.0, ["2.0", "4"]),
        ("generate.bars", 0, ["0", "greater than 0"]),
        ("generate.seconds", -1.0, ["-1.0", "greater than 0"]),
        ("generate.beam", -1, ["-1", "greater than or equal to 0"]),
        ("model", 3, ["3", "string"]),
        ("train", 3, ["3", "a section, with keys below it (train: "]),
        ("models", [], ["[]", "a section, with keys below it (models: "]),
        ("models.lstm_full", None, ["None", "a section, with keys below it"]),
        ("models.lstm_full", {}, ["{}; it should have at least 1 in it"]),
        ("models.lstm_full.small", None, ["None", "a section, with keys below it"]),
        ("models.lstm_full.small.training", [], ["[]", "a section, with keys below it (training"]),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(
    file: Path, name: str, value: object, says: list[str]
) -> None:
    (line,) = refusal(file, shipped.tree({name: value})).splitlines()
    assert line.startswith(f"{file}: {name} is ")
    for text in says:
        assert text in line.partition(name)[2]


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("evaluate.ngram_orders", 99),
        ("corpora.folk.collections", "bach"),
        ("tokenize.abc_fields", 3),
    ],
)
def test_an_entry_of_a_list_is_named_by_its_place(file: Path, name: str, entry: object) -> None:
    parent, _, key = name.rpartition(".")
    good = shipped.section(TREE, parent)[key][0]
    message = refusal(file, shipped.tree({name: [good, entry]}))
    assert message.startswith(f"{file}: {name}.1 is {entry!r}")
    assert f" ({key}: " in message


def test_every_mistake_is_told_at_once(file: Path) -> None:
    values = {"train.threads": 0, "split.method": "x", "generate.tok_p": 1, "model": "lstm"}
    lines = refusal(file, shipped.tree(values, without=("train.seed",))).splitlines()
    assert len(lines) == 5
    for name in (*values, "train.seed"):
        assert any(name in line for line in lines)
