"""How a stage ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stages import run
from tonerow.files import save_tensors


def test_an_expected_error_is_a_sentence() -> None:
    def main() -> None:
        raise LookupError("what was found, what is allowed, what to do")

    with pytest.raises(SystemExit, match="what was found, what is allowed, what to do"):
        run(main, LookupError)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main, LookupError)


def test_an_interruption_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["stages/train.py"])
    with pytest.raises(SystemExit, match="train: interrupted; `dvc repro` goes on from here"):
        run(main)


def run_with(error: BaseException) -> None:
    def main() -> None:
        raise error

    run(main)


@pytest.fixture
def as_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/train.py"])


@pytest.mark.usefixtures("as_train")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_a_sentence() -> None:
    def main() -> None:
        Path("/dev/full").write_bytes(b"1")

    with pytest.raises(SystemExit, match=r"^train: the disk is full; make room, then `dvc repro`"):
        run(main)


@pytest.mark.usefixtures("as_train")
def test_a_file_where_a_folder_should_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "samples").write_text("mine")

    def main() -> None:
        save_tensors(tmp_path / "samples" / "model.pt", {"a": 1})

    says = "samples.*: there is a file where a folder should be; move it away, then"
    with pytest.raises(SystemExit, match=says):
        run(main)


@pytest.mark.usefixtures("as_train")
def test_full_memory_is_a_sentence() -> None:
    with pytest.raises(SystemExit, match="train: the memory is full"):
        run_with(MemoryError())


def test_another_error_of_the_system_keeps_its_traceback() -> None:
    with pytest.raises(OSError, match="nowhere"):
        run_with(FileNotFoundError("nowhere"))
