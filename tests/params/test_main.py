"""The names that `make compare` takes from params.yaml."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests import shipped


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that the command prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["params", *arguments])
        runpy.run_module("tonerow.params", run_name="__main__")
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the shipped settings."""
    (tmp_path / "params.yaml").write_text(shipped.text(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("section", ["models", "corpora"])
def test_the_names_of_a_section_are_printed_in_order(
    section: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, section) == list(shipped.tree()[section])


@pytest.mark.parametrize("arguments", [(), ("model",), ("models", "corpora")])
def test_another_section_is_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        printed(capsys, *arguments)
    assert str(stopped.value).endswith("allowed: one of models, corpora")


def test_wrong_settings_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "params.yaml").write_text("model: 1\n", encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        printed(capsys, "models")
    assert "params.yaml: models is missing" in str(stopped.value)
