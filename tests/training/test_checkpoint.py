"""Model files and snapshots: what is written is read back, by the one it is meant for."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import SHIPPED, melodies, model_of, settings
from tonerow.models.base import Model
from tonerow.training import checkpoint
from tonerow.training.checkpoint import (
    CheckpointError,
    Snapshots,
    code_digest,
    load_model,
    save_model,
)
from tonerow.windows import Window, make_batch

CPU = torch.device("cpu")
SNAPSHOT = {"epoch": 3, "weights": {"a": torch.arange(3.0)}, "curves": [{"nll": 1.5}], "best": ""}


def saved(path: Path, name: str = "rnn_vanilla") -> Model:
    chosen = settings(name)
    model = model_of(chosen)
    save_model(path, model, chosen.selected.model_dump(), "tokens")
    return model


@pytest.mark.parametrize("name", list(SHIPPED.models))
def test_a_model_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model" / "model.pt"
    model = saved(path, name)
    torch.manual_seed(99)
    found, section = load_model(path, CPU, "tokens")
    assert section == settings(name).selected.model_dump()
    assert type(found) is type(model)
    assert not found.training
    assert found.state_dict().keys() == model.state_dict().keys()
    for key, value in model.state_dict().items():
        assert torch.equal(found.state_dict()[key], value)
    assert found.vocabularies == model.vocabularies


def test_a_model_that_comes_back_predicts_the_same(tmp_path: Path) -> None:
    model = saved(tmp_path / "model.pt", "lstm_local_small").eval()
    found, _ = load_model(tmp_path / "model.pt", CPU, "tokens")
    batch = make_batch(melodies([7]), [Window(0, 7)])
    for before, after in zip(model(batch).values(), found(batch).values(), strict=True):
        assert torch.equal(before.log_probabilities(), after.log_probabilities())


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        saved(tmp_path / folder / "model.pt")
    saved(tmp_path / "a" / "model.pt")
    assert (tmp_path / "a/model.pt").read_bytes() == (tmp_path / "b/model.pt").read_bytes()


def test_nothing_is_left_beside_the_model(tmp_path: Path) -> None:
    saved(tmp_path / "model.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_model_file_holds_no_code(tmp_path: Path) -> None:
    saved(tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["tokenizer"] == "tokens"
    assert content["settings"]["architecture"] == "rnn_vanilla"


def test_other_tokens_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"trained on other tokens.*run `dvc repro`"):
        load_model(tmp_path / "model.pt", CPU, "other tokens")


@pytest.mark.parametrize("found", [0, 99, None])
def test_another_format_is_refused(tmp_path: Path, found: int | None) -> None:
    path = tmp_path / "model.pt"
    saved(path)
    content: dict[str, Any] = torch.load(path, weights_only=True)
    torch.save({**content, "format": found}, path)
    with pytest.raises(CheckpointError, match=rf"has format {found}, not \d+; retrain"):
        load_model(path, CPU, "tokens")


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return bool(a == b)


def test_a_snapshot_comes_back_and_is_forgotten(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, ["identity"])
    assert snapshots.load() is None
    snapshots.save({"epoch": 1})
    snapshots.save(SNAPSHOT)
    assert equal(SNAPSHOT, Snapshots(tmp_path, ["identity"]).load())
    snapshots.remove()
    assert snapshots.load() is None
    assert not any((tmp_path / ".checkpoints").iterdir())
    snapshots.remove()


def test_a_snapshot_cut_short_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = Snapshots(tmp_path, ["identity"])
    snapshots.save(SNAPSHOT)

    def power_fails(content: object, path: Path) -> None:
        Path(path).write_bytes(b"half a fi")
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(torch, "save", power_fails)
        with pytest.raises(KeyboardInterrupt):
            snapshots.save({"epoch": 4})
    assert equal(SNAPSHOT, snapshots.load())
    snapshots.save({"epoch": 4})
    assert snapshots.load() == {"epoch": 4}
    snapshots.remove()
    assert snapshots.load() is None


@pytest.mark.parametrize("content", [b"", b"not a snapshot", b"PK\x03\x04 cut"])
def test_a_corrupt_snapshot_is_ignored_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    snapshots = Snapshots(tmp_path, ["identity"])
    snapshots.save(SNAPSHOT)
    (file,) = (path for path in (tmp_path / ".checkpoints").rglob("*") if path.is_file())
    file.write_bytes(content)
    assert snapshots.load() is None
    assert "cannot be read" in (said := capsys.readouterr().err)
    assert "training starts anew" in said
    snapshots.save(SNAPSHOT)
    assert equal(SNAPSHOT, snapshots.load())


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, while the current folder is another, as in a temporary run."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "temporary")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "checkout"))
    return tmp_path / "checkout"


def test_snapshots_outlive_a_temporary_run(root: Path) -> None:
    Snapshots.of(settings(), ["data"]).save(SNAPSHOT)
    assert (root / ".checkpoints").is_dir()
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"training__learning_rate": 0.5},
        {"training__epochs": 99},
        {"train__threads": 7},
        {"train__patience": 99},
        {"evaluate__window": 300},
    ],
    ids=str,
)
def test_other_settings_are_another_training(root: Path, changes: dict[str, Any]) -> None:
    Snapshots.of(settings(), ["data"]).save(SNAPSHOT)
    assert Snapshots.of(settings(**changes), ["data"]).load() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"generate__samples": 99},
        {"track__experiment": "another"},
        {"models__lstm_full__hidden_size": 98},
        {"ingest__workers": 3},
    ],
    ids=str,
)
def test_settings_that_decide_no_weight_are_the_same_training(
    root: Path, changes: dict[str, Any]
) -> None:
    Snapshots.of(settings(), ["data"]).save(SNAPSHOT)
    assert equal(SNAPSHOT, Snapshots.of(settings(**changes), ["data"]).load())


def test_another_model_or_other_data_are_another_training(root: Path) -> None:
    Snapshots.of(settings(), ["data"]).save(SNAPSHOT)
    assert Snapshots.of(settings("lstm_full"), ["data"]).load() is None
    assert Snapshots.of(settings(), ["other data"]).load() is None
    assert Snapshots.of(settings(), ["data"]).load() is not None


def test_other_code_is_another_training(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Snapshots.of(settings(), ["data"]).save(SNAPSHOT)
    monkeypatch.setattr(checkpoint, "code_digest", lambda folder: "other code")
    assert Snapshots.of(settings(), ["data"]).load() is None


def test_the_digest_of_code_sees_every_python_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "deep" / "b.py").write_text("2")
    before = code_digest(tmp_path)
    (tmp_path / "a.pyc").write_text("3")
    assert code_digest(tmp_path) == before
    (tmp_path / "deep" / "b.py").write_text("3")
    assert code_digest(tmp_path) != before


def test_digests_tell_data_apart() -> None:
    pieces, other = melodies([5, 4]), melodies([4, 5])
    assert pieces.digest() == melodies([5, 4]).digest()
    assert pieces.digest() != other.digest()  # the same notes, cut elsewhere
    changed = copy.deepcopy(pieces)
    changed.values["pitch"][3] += 1
    assert pieces.digest() != changed.digest()
