"""The browsers that pages are tested in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browsers import Browser, chromium, firefox


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one for each browser, in which it saves files."""
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest, saved: Path) -> Iterator[Browser]:
    place, profile = saved / request.param, saved / "profile"
    place.mkdir()
    if request.param == "chromium":
        with chromium(place) as started:
            yield started
    else:
        profile.mkdir()
        with firefox(place, profile) as started:
            yield started
