"""The architectures: one file each, all keeping the contract of `tonerow.models.base`.

An architecture is found by its name and listed nowhere: `lstm_local` is the class `LstmLocal` in
`lstm_local.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tonerow.models.base import Model
from tonerow.models.ensemble import joined
from tonerow.models.vocabulary import Vocabularies


def find(name: str) -> type[Model]:
    """The class of an architecture.

    Args:
        name: like "lstm_local".

    Raises:
        LookupError: there is no such file, or no such class in it.
    """
    class_name = "".join(part.capitalize() for part in name.split("_"))
    if not name.isidentifier() or find_spec(f"{__name__}.{name}") is None:
        raise LookupError(f"there is no src/tonerow/models/{name}.py for the model {name!r}")
    model: type[Model] | None = getattr(import_module(f"{__name__}.{name}"), class_name, None)
    if model is None:
        raise LookupError(f"src/tonerow/models/{name}.py has no class {class_name}")
    return model


def build(name: str, settings: Mapping[str, Any], vocabularies: Vocabularies) -> Model:
    """Makes an untrained model.

    Args:
        name: of the architecture.
        settings: the arguments of its class, and `networks`: how many such networks it has;
            without, it is one.
        vocabularies: of the tokens.

    Raises:
        LookupError: there is no such architecture.
    """
    own = {key: value for key, value in settings.items() if key != "networks"}
    return joined([find(name)(vocabularies, **own) for _ in range(settings.get("networks", 1))])
