"""A page as `tonerow generate` and `make compare` make it, in Chromium and Firefox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browsers import Browser
from tests.cli.test_commands import ABC, model_file
from tests.listening.test_page_in_browser import FAILED, MEASURE, NO_SOUND_CARD, until_played
from tests.waiting import until
from tonerow.cli import main
from tonerow.listening.page import merge_pages

BYTES_A_SECOND = 25_000
"""Of a page, for each second of its music, at most; a page takes some 0.1 MB besides."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples of two models, with what they start from, on one page."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "tune.abc").write_text(ABC, encoding="utf-8")
    starts = {"lstm_local": ["--rhythm"], "rnn_heads": ["--primer-notes", "3", "--primer"]}
    pages = {}
    for model, start in starts.items():
        file, out = model_file(folder, f"{model} small"), folder / model
        asked = [*start, str(folder / "tune.abc"), "--samples", "2", "--notes", "20"]
        main(["generate", "--model", str(file), "--out", str(out), *asked])
        pages[model] = out / "listen.html"
    merge_pages(folder / "listen.html", pages)
    return folder / "listen.html"


def tracks(browser: Browser) -> int:
    return int(browser.run("return document.querySelectorAll('#listen .play').length"))


@pytest.fixture
def opened(browser: Browser, page: Path) -> Iterator[Browser]:
    browser.errors()
    browser.get(page.as_uri())
    until(lambda: tracks(browser) == 8, "the page is built")
    yield browser
    assert browser.errors() == []


def test_every_track_plays(opened: Browser) -> None:
    for place in range(tracks(opened)):
        opened.click("#listen .play", place)
        until_played(opened, place)
    assert set(opened.run(FAILED)) <= {NO_SOUND_CARD}


def test_every_track_has_a_sound(opened: Browser, page: Path) -> None:
    found = opened.run_async(MEASURE)
    assert len(found) == 8
    for seconds, loudness, _ in found:
        assert seconds > 1
        assert loudness > 0.01
    pictures = re.sub('data:audio[^"]*', "", page.read_text("utf-8"))
    music = page.stat().st_size - len(pictures)
    assert music < BYTES_A_SECOND * sum(seconds for seconds, *_ in found)
