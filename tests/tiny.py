"""Small models, melodies and settings for the tests of what runs models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.tokens.token_tables import TUNE, fitted, random_piece
from tonerow import params, windows
from tonerow.models import build
from tonerow.models.base import Model
from tonerow.windows import Pieces

torch.set_num_threads(1)  # more only get in each other's way in models this small

SHIPPED = params.load(Path(__file__).resolve().parent.parent / "params.yaml")
FIELDS = windows.vocabularies(fitted(random_piece("a"), text=TUNE))
SIZES = {
    "pitch_embedding": 6,
    "embedding": 6,
    "field_size": 6,
    "hidden_size": 8,
    "encoder_size": 6,
    "copy_size": 4,
    "window": 6,
}


def settings(model: str = "rnn_vanilla", **changes: Any) -> params.Params:
    """The shipped settings with this model, small, and some values changed.

    Args:
        model: a key of `models`.
        changes: new values by dotted name, ``__`` for the dot; those of the model's own training
            are ``training__...``.
    """
    tree = SHIPPED.model_dump()
    section = tree["models"][model]
    section.update({key: size for key, size in SIZES.items() if section.get(key)})
    tree["model"] = model
    for name, value in changes.items():
        *parents, key = name.split("__")
        node = section if parents[:1] == ["training"] else tree
        for parent in parents:
            node = node[parent]
        node[key] = value
    if "window" in section:
        section["window"] = section["training"]["window"]
    return params.Params.model_validate(tree)


def model_of(chosen: params.Params, fields: Any = FIELDS, seed: int = 0) -> Model:
    """The untrained model that settings select; the same for the same seed."""
    torch.manual_seed(seed)
    return build(chosen.selected.model_dump(), fields)


def melodies(sizes: list[int], seed: int = 0, low: int = 55, high: int = 75) -> Pieces:
    """Random melodies of these lengths."""
    generator = np.random.default_rng(seed)
    n = sum(sizes)
    values = {
        "pitch": torch.from_numpy(generator.integers(low, high, n)),
        "rhythm": torch.from_numpy(generator.normal(size=(n, 2)).astype(np.float32)),
    }
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Pieces([str(i) for i in range(len(sizes))], first, values)
