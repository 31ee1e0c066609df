"""Settings written to a file and read from it, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tonerow import params


def load(file: Path, tree: dict[str, Any]) -> params.Params:
    YAML(typ="safe").dump(tree, file)
    return params.load(file)


def refusal(file: Path, tree: dict[str, Any]) -> str:
    """The message with which the settings are refused."""
    with pytest.raises(params.ParamsError) as error:
        load(file, tree)
    return str(error.value)
