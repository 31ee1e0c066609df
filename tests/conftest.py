"""Shared settings of the tests."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

# A timing never decides a test.
settings.register_profile("tonerow", deadline=None)
settings.load_profile("tonerow")


LONG = (
    *("test_pipeline.py", "test_search.py", "test_extending.py", "test_user_settings.py"),
    *("test_run.py", "test_ui.py", "test_contract.py", "test_page_in_browser.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first, so that no process waits for them at the end."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder below which another user may look, unlike `tmp_path`."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
