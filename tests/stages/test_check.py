"""The check stage: what DVC would find out after the training."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.check import check_source
from tonerow.params import HELD_OUT, ParamsError


@pytest.mark.parametrize("name", ["own.mid", "own.ABC"])
def test_a_file_of_music_may_be_a_source(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    check_source(str(tmp_path / name))
    check_source(HELD_OUT)


@pytest.mark.parametrize("name", ["gone.mid", "own.txt", "own.zip", "folder.mid"])
def test_nothing_else_may(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.mid").mkdir()
    if name.startswith("own"):
        (tmp_path / name).touch()
    with pytest.raises(ParamsError) as error:
        check_source(str(tmp_path / name))
    says = f"params.yaml: generate.source is {str(tmp_path / name)!r}, which is no MIDI or ABC file"
    assert str(error.value).startswith(says)
