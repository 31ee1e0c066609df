"""How a stage ends."""

from __future__ import annotations

import sys

import pytest

from stages import run


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
