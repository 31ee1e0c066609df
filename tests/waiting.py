"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 600.0
"""Seconds after which what a test waits for does not happen any more, on the busiest machine too."""


def until(ready: Callable[[], Any], what: str) -> Any:
    """Waits for a result that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := ready():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE:.0f} seconds in vain: {what}")
