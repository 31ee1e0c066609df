"""Choices among the sections, and what cannot be together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import shipped
from tests.params.refusals import load, refusal

CHOICES = [(model, size) for model, sizes in shipped.tree()["models"].items() for size in sizes]


@pytest.mark.parametrize(("model", "size"), CHOICES)
def test_model_and_size_select_a_section(model: str, size: str) -> None:
    settings = shipped.settings({"model": model, "size": size})
    assert settings.selected is settings.models[model][size]
    assert settings.name == f"{model} {size}"
    section = shipped.tree()["models"][model][size]
    assert settings.selected.model_dump() == section


def test_a_size_has_a_free_name(file: Path) -> None:
    mine = shipped.tree()["models"]["lstm_local"]["small"] | {"hidden_size": 6}
    values = {"models.lstm_local.on_my_laptop2": mine, "size": "on_my_laptop2"}
    settings = load(file, shipped.tree(values))
    assert settings.selected.model_dump()["hidden_size"] == 6


@pytest.mark.parametrize("name", ["a.b", "a b", "2", "", "é", 3])
def test_a_size_that_dvc_cannot_name_is_refused(file: Path, name: object) -> None:
    tree = shipped.tree()
    sizes = tree["models"]["lstm_local"]
    sizes[name] = sizes["small"]
    message = refusal(file, tree)
    assert message.startswith(f"{file}: models.lstm_local.{name}: {name!r} is no name of a size")
    assert "allowed: a letter, then letters, digits, _" in message


@pytest.mark.parametrize("key", ["model", "size", "corpus"])
def test_a_choice_that_is_not_there_is_named_with_those_that_are(file: Path, key: str) -> None:
    near = shipped.CHOICES[key][:-1]
    allowed = {
        "model": shipped.tree()["models"],
        "size": sorted(shipped.tree()["models"]["lstm_local"]),  # as the file is written here
        "corpus": shipped.tree()["corpora"],
    }[key]
    (line,) = refusal(file, shipped.tree({key: near})).splitlines()
    owner = " for lstm_local" if key == "size" else ""
    start = f"{file}: {key} is {near!r} (did you mean {shipped.CHOICES[key]!r}?); "
    assert line.startswith(f"{start}allowed{owner}: {', '.join(allowed)} ({key}: the ")


def test_the_sizes_of_another_model_are_not_allowed(file: Path) -> None:
    tree = shipped.tree({"size": "huge"})
    models = tree["models"]
    models["lstm_full"]["huge"] = models["lstm_full"]["small"]
    message = refusal(file, tree)
    assert "size is 'huge'; allowed for lstm_local: " in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"evaluate.window": 8, "evaluate.stride": 9}, ["evaluate: stride (9)", "window (8)"]),
        (
            {"split.val_fraction": 0.5, "split.test_fraction": 0.5},
            ["split: val_fraction + test_fraction", "below 1"],
        ),
        (
            {"generate.bars": 8, "generate.seconds": 9.5},
            ["generate: bars is 8 and seconds 9.5; one must be null"],
        ),
        ({"ingest.workers": 0}, ["ingest: workers is 0", "-1", "1, 2"]),
        ({"ingest.workers": -2}, ["ingest: workers is -2"]),
        ({"ingest.backend": "dask"}, ["ingest: backend is dask", "the address of a scheduler"]),
        ({"ingest.scheduler": "tcp://a:1"}, ["scheduler is tcp://a:1", "loky has none (null)"]),
    ],
)
def test_a_contradiction_is_named(file: Path, values: dict[str, Any], says: list[str]) -> None:
    message = refusal(file, shipped.tree(values))
    for text in says:
        assert text in message


@pytest.mark.parametrize("name", ["split.seed", "train.seed", "generate.seed"])
def test_seeds_are_32_bits(file: Path, name: str) -> None:
    load(file, shipped.tree({name: 0}))
    load(file, shipped.tree({name: 2**32 - 1}))
    says = f"{file}: {name} is -1; input should be greater than or equal to 0"
    assert refusal(file, shipped.tree({name: -1})).startswith(says)
    says = f"{file}: {name} is 4294967296; input should be less than 4294967296"
    assert refusal(file, shipped.tree({name: 2**32})).startswith(says)
