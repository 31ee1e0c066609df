"""Settings: what is wrong is named, with what is allowed, and quickly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import modify_yaml
from ruamel.yaml import YAML

from tonerow import params

SHIPPED = Path(__file__).resolve().parent.parent / "params.yaml"
TEXT = SHIPPED.read_text(encoding="utf-8")
RAW: dict[str, Any] = YAML(typ="safe", pure=True).load(TEXT)


def leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted name of every value."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


LEAVES = list(leaves(RAW))


def sections(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted name of every section, the whole file's being empty."""
    yield prefix
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from sections(value, f"{prefix}.{key}".strip("."))


def section(tree: dict[str, Any], name: str) -> dict[str, Any]:
    for part in filter(None, name.split(".")):
        tree = tree[part]
    return tree


def changed(values: dict[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The shipped settings with some values set and some left out."""
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(TEXT)
    for name, value in values.items():
        parent, _, key = name.rpartition(".")
        section(tree, parent)[key] = value
    for name in without:
        parent, _, key = name.rpartition(".")
        del section(tree, parent)[key]
    return tree


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def load(file: Path, tree: dict[str, Any]) -> params.Params:
    YAML(typ="safe", pure=True).dump(tree, file)
    return params.load(file)


def refusal(file: Path, tree: dict[str, Any]) -> str:
    with pytest.raises(params.ParamsError) as error:
        load(file, tree)
    return str(error.value)


def test_the_shipped_settings_load() -> None:
    settings = params.load(SHIPPED)
    assert settings.model == RAW["model"]
    assert settings.selected is settings.models[RAW["model"]]
    read = settings.model_dump()
    for name in LEAVES:
        parent, _, key = name.rpartition(".")
        assert section(read, parent)[key] == section(RAW, parent)[key]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        params.load(SHIPPED).train.threads = 3


def test_numbers_are_read_as_dvc_reads_them(file: Path) -> None:
    file.write_text(TEXT.replace("learning_rate: 0.001", "learning_rate: 1e-3"), encoding="utf-8")
    rates = {m.training.learning_rate for m in params.load(file).models.values()}
    assert 0.001 in rates


def test_loading_imports_nothing_slow() -> None:
    code = (
        "import sys; from tonerow import params; params.load(sys.argv[1]); "
        "print({'torch', 'sklearn', 'mlflow', 'pandas', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(SHIPPED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_model_that_is_not_there_is_named_with_those_that_are(file: Path) -> None:
    message = refusal(file, changed({"model": "lstm_locl"}))
    assert message.startswith(f"{file}: model is 'lstm_locl' (did you mean 'lstm_local'?)")
    for name in RAW["models"]:
        assert name in message


def test_every_value_of_the_wrong_kind_is_named(file: Path) -> None:
    names = [name for name in LEAVES if not name.endswith(".architecture")]
    lines = refusal(file, changed({key: {"odd": 1} for key in names})).splitlines()
    for name in names:
        assert any(line.startswith(f"{file}: {name} is {{'odd': 1}}") for line in lines), name


def test_every_missing_value_is_named_or_has_a_default(file: Path) -> None:
    names = {name for name in LEAVES if not name.endswith(".architecture")}
    lines = refusal(file, changed({}, without=tuple(names))).splitlines()
    missing = {name for name in names if f"{file}: {name} is missing" in lines}
    assert len(lines) == len(missing)
    assert {"seed", "model", "train.threads", "models.lstm_full.training.epochs"} <= missing
    load(file, changed({}, without=tuple(names - missing)))


def test_an_unknown_key_is_named_at_every_level(file: Path) -> None:
    # a new entry of `models` is a model, and refused for what it lacks
    names = [f"{name}.sheed".strip(".") for name in sections(RAW) if name != "models"]
    lines = refusal(file, changed(dict.fromkeys(names, 1))).splitlines()
    assert len(lines) == len(names)
    for name in names:
        (line,) = (line for line in lines if f": unknown key {name}" in line)
        parent = name.rpartition(".")[0]
        for key in section(RAW, parent):
            assert key in line.partition("allowed here: ")[2].split(", "), line


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sed", "seed"),
        ("train.theads", "threads"),
        ("corpora.folk.colections", "collections"),
        ("models.lstm_full.hidden_sise", "hidden_size"),
        ("models.lstm_local_small.training.epoch", "epochs"),
    ],
)
def test_a_misspelt_key_comes_with_a_suggestion(file: Path, name: str, meant: str) -> None:
    message = refusal(file, changed({name: 1}))
    assert f"unknown key {name} (did you mean {meant!r}?)" in message


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("corpus", "foldr", ["'foldr'", "did you mean 'folder'", "folk, folder, maestro"]),
        ("split.method", "works", ["did you mean 'work'", "work, file, official"]),
        ("train.device", "gpu", ["'gpu'", "auto, cpu, cuda"]),
        ("generate.split", "train", ["'train'", "val, test"]),
        ("models.lstm_full.training.optimizer", "sgd", ["'sgd'", "adam, adamw"]),
        ("models.lstm_full.architecture", "lstm_ful", ["did you mean 'lstm_full'", "rnn_vanilla"]),
        ("models.lstm_full.hidden_size", -2, ["-2", "greater than 0"]),
        ("models.lstm_full.hidden_size", 0, ["0", "greater than 0"]),
        ("models.lstm_full.hidden_size", 16.0, ["16.0", "integer"]),
        ("models.lstm_full.hidden_size", "16", ["'16'", "integer"]),
        ("models.lstm_full.hidden_size", True, ["True", "integer"]),
        ("models.lstm_full.dropout", 1.0, ["1.0", "less than 1"]),
        ("models.lstm_full.dropout", "0.5", ["'0.5'", "number"]),
        ("models.lstm_full.training.learning_rate", 0, ["0", "greater than 0"]),
        ("models.lstm_full.training.learning_rate", float("inf"), ["inf", "finite"]),
        ("models.lstm_full.training.learning_rate", float("nan"), ["nan", "number"]),
        ("models.lstm_full.training.transpose", 13, ["13", "12"]),
        ("seed", -1, ["-1", "greater than or equal to 0"]),
        ("seed", 2**32, ["4294967296", "less than"]),
        ("ingest.max_notes", -5, ["-5", "greater than 0"]),
        ("corpora.folder.path", None, ["None", "string"]),
        ("corpora.folder.path", "", ["''", "at least 1"]),
        ("corpora.folk.collections", [], ["[]", "at least 1"]),
        ("evaluate.ngram_orders", [], ["[]", "at least 1"]),
        ("generate.top_p", 1.5, ["1.5", "less than or equal to 1"]),
        ("generate.temperature", 0, ["0", "greater than 0"]),
        ("generate.tempo_bpm", 2.0, ["2.0", "4"]),
        ("train", 3, ["3"]),
        ("models", [], ["[]"]),
        ("models.lstm_full", None, ["None"]),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(
    file: Path, name: str, value: object, says: list[str]
) -> None:
    (line,) = refusal(file, changed({name: value})).splitlines()
    assert line.startswith(f"{file}: {name} is ") or line.startswith(f"{file}: {name}.")
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
    good = section(RAW, name.rpartition(".")[0])[name.rpartition(".")[2]][0]
    message = refusal(file, changed({name: [good, entry]}))
    assert message.startswith(f"{file}: {name}.1 is {entry!r}")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"evaluate.window": 8, "evaluate.stride": 9}, ["evaluate: stride (9)", "window (8)"]),
        (
            {"split.val_fraction": 0.5, "split.test_fraction": 0.5},
            ["split: val_fraction + test_fraction", "below 1"],
        ),
        ({"ingest.workers": 0}, ["ingest: workers is 0", "-1", "1, 2"]),
        ({"ingest.workers": -2}, ["ingest: workers is -2"]),
        ({"corpora.folder.path": "~/music"}, ["corpora.folder: path is '~/music'", "DVC"]),
    ],
)
def test_a_contradiction_is_named(file: Path, values: dict[str, Any], says: list[str]) -> None:
    message = refusal(file, changed(values))
    for text in says:
        assert text in message


def test_a_section_without_its_architecture_is_named(file: Path) -> None:
    message = refusal(file, changed({}, without=("models.lstm_full.architecture",)))
    assert message == f"{file}: models.lstm_full.architecture is missing"


def test_every_mistake_is_told_at_once(file: Path) -> None:
    values = {"train.threads": 0, "split.method": "x", "generate.tok_p": 1}
    lines = refusal(file, changed(values, without=("seed",))).splitlines()
    assert len(lines) == 4
    for name in ("train.threads", "split.method", "generate.tok_p", "seed"):
        assert any(name in line for line in lines)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(params.ParamsError, match="does not exist; run from the repository's root"):
        params.load(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"seed: [1", "is not valid YAML.*line 1"),
        (TEXT.encode() + b"\nseed: 2\n", 'is not valid YAML.*duplicate key "seed"'),
        (b"seed: \xe9", "is not valid YAML"),
        (b"", "holds no settings"),
        (b"- seed", "holds no settings"),
        (b"1: 2\n" + TEXT.encode(), "1 is 1; keys should be strings"),
    ],
)
def test_a_file_that_is_not_a_table_of_settings_is_refused(
    file: Path, content: bytes, says: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(params.ParamsError, match=f"(?s){says}") as error:
        params.load(file)
    assert str(error.value).startswith(str(file))


def test_dvc_changes_one_line_of_the_shipped_file(tmp_path: Path) -> None:
    written = tmp_path / "params.yaml"
    before = Path("params.yaml").read_text(encoding="utf-8")
    written.write_text(before, encoding="utf-8")
    with modify_yaml(str(written)) as tree:
        tree["seed"] = 2
    after = written.read_text(encoding="utf-8").splitlines()
    changed = [(a, b) for a, b in zip(before.splitlines(), after, strict=True) if a != b]
    assert [b.split()[:2] for _, b in changed] == [["seed:", "2"]]
