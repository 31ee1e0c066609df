"""New numbers beside the committed ones."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest

from tonerow.tracking import committed

SUMMARY = {"test": {"pitch_nll": 0.6449, "pitch_accuracy": 0.79}, "parameters": 7}


@pytest.mark.parametrize(
    ("nats", "says"),
    [(0.6449, "all else is the same"), (0.6548, "makes such a difference"), (0.7, "more than")],
)
def test_a_difference_is_set_beside_the_noise(nats: float, says: str) -> None:
    now = copy.deepcopy(SUMMARY)
    now["test"]["pitch_nll"] = nats  # type: ignore[index]
    found = committed.sentence(now, SUMMARY)
    assert f"{nats:.4f} nats a note; committed: 0.6449" in found
    assert says in found


def test_other_settings_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    git("init", "--quiet")
    committed.main()  # nothing is committed yet
    assert not capsys.readouterr().out
    (tmp_path / committed.SUMMARY).write_text(json.dumps(SUMMARY))
    (tmp_path / committed.SETTINGS).write_text("model: a\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "a")
    committed.main()
    assert "all else is the same too" in capsys.readouterr().out
    (tmp_path / committed.SETTINGS).write_text("model: b\n")
    committed.main()
    assert not capsys.readouterr().out
