"""Snapshots: what is written is read back, by the training that it is meant for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import melodies, settings
from tonerow.training import checkpoint
from tonerow.training.checkpoint import Snapshots, code_digest

SNAPSHOT = {
    "progress": {"epoch": 3, "curves": [{"nll": 1.5}], "best": ""},
    "learners": [{"weights": {"a": torch.arange(3.0)}, "average": {"seen": 0}, "optimizer": {}}],
}
LATER = {**SNAPSHOT, "progress": {"epoch": 4}}


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return bool(a == b)


def test_a_snapshot_comes_back_and_is_forgotten(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, ["identity"])
    assert snapshots.load() is None
    snapshots.save(LATER)
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

    def power_fails(path: Path, content: object) -> None:
        with path.open("wb") as file:
            file.write(b"half a fi")
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", power_fails)
        with pytest.raises(KeyboardInterrupt):
            snapshots.save(LATER)
    assert equal(SNAPSHOT, snapshots.load())
    snapshots.save(LATER)
    assert equal(LATER, snapshots.load())
    snapshots.remove()
    assert snapshots.load() is None


def put_bytes(content: bytes, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "snapshot.pt").write_bytes(content)


def put_too_little(folder: Path) -> None:
    folder.mkdir(parents=True)
    torch.save({"progress": {}, "learner": []}, folder / "snapshot.pt")


def put_another_kind(folder: Path) -> None:
    folder.mkdir(parents=True)
    torch.save([1.0], folder / "snapshot.pt")


def put_a_folder(folder: Path) -> None:
    (folder / "snapshot.pt").mkdir(parents=True)


def put_a_file(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("of another program")


CORRUPT = [partial(put_bytes, content) for content in (b"", b"not a snapshot", b"PK\x03\x04 cut")]


@pytest.mark.parametrize(
    "put", [*CORRUPT, put_too_little, put_another_kind, put_a_folder, put_a_file]
)
def test_what_is_no_snapshot_is_set_aside_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], put: Callable[[Path], None]
) -> None:
    snapshots = Snapshots(tmp_path, ["identity"])
    snapshots.save(SNAPSHOT)
    (folder,) = (tmp_path / ".checkpoints").iterdir()
    snapshots.remove()
    (tmp_path / ".checkpoints").rmdir()
    for n in (1, 2):  # the second does not take the place of the first
        put(folder)
        assert snapshots.load() is None
        (line,) = capsys.readouterr().err.splitlines()
        assert f"unreadable-{n} now, and training starts anew" in line
        assert folder.with_name(f"{folder.name}.unreadable-{n}").exists()
        assert not folder.exists()
    snapshots.save(SNAPSHOT)
    assert equal(SNAPSHOT, snapshots.load())


def test_a_file_where_all_snapshots_should_be_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".checkpoints").write_text("mine")
    snapshots = Snapshots(tmp_path, ["identity"])
    assert snapshots.load() is None
    assert (tmp_path / ".checkpoints.unreadable-1").read_text() == "mine"
    assert ".checkpoints is a file" in capsys.readouterr().err
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
        {"train__seed": 2},
        {"training__learning_rate": 0.5},
        {"training__epochs": 99},
        {"train__threads": 7},
        {"training__patience": 99},
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
        {"models__lstm_full__small__hidden_size": 98},
        {"split__seed": 2},
        {"generate__seed": 2},
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
    assert Snapshots.of(settings("lstm_full small"), ["data"]).load() is None
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
    changed.notes["pitch"][3] += 1
    assert pieces.digest() != changed.digest()
