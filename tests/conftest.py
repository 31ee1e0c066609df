"""Shared settings of the tests."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

# A timing never decides a test.
settings.register_profile("tonerow", deadline=None)
settings.load_profile("tonerow")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder below which another user may look, unlike `tmp_path`."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
