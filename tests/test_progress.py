"""Progress in a log: a line now and then, and the items untouched."""

import pytest

from tonerow import progress as module
from tonerow.progress import progress


def test_a_log_gets_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(progress(iter("abc"), 3, "ingest", "files")) == ["a", "b", "c"]
    assert capsys.readouterr().err == "ingest: 3 of 3 files, done\n"
    monkeypatch.setattr(module, "_LOG_EVERY_SEC", 0.0)
    assert list(progress([1, 2], desc="read", unit="rows")) == [1, 2]
    said = ["read: 1 of 2 rows", "read: 2 of 2 rows", "read: 2 of 2 rows, done"]
    assert capsys.readouterr().err.splitlines() == said
