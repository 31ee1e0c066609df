"""Model files: weights, and all that it takes to rebuild the model and to read its notes.

They are readable with ``torch.load(weights_only=True)``: tensors, numbers, strings, lists, dicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tonerow.files import replaced
from tonerow.models import build
from tonerow.models.base import Model
from tonerow.models.vocabulary import from_plain, to_plain

_FORMAT = 2


class ModelFileError(RuntimeError):
    """A model file that cannot be used here; the message says why and what to do."""


@dataclass(frozen=True)
class Saved:
    """What a model file holds.

    Attributes:
        model: the architecture's name.
        size: the name of its settings.
        settings: the arguments of its class.
        tokenizer: the tokenizer whose ids it was trained on, as JSON.
    """

    model: str
    size: str
    settings: Mapping[str, Any]
    tokenizer: str


def save_model(path: Path, model: Model, about: Saved) -> None:
    """Writes a model; the bytes depend on the content and the file's name alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {key: value.cpu().contiguous() for key, value in model.state_dict().items()}
    content = {
        "format": _FORMAT,
        "model": about.model,
        "size": about.size,
        "settings": dict(about.settings),
        "vocabularies": to_plain(model.vocabularies),
        "tokenizer": about.tokenizer,
        "weights": weights,
    }
    with replaced(path) as partial:
        torch.save(content, partial)


def load_model(path: Path, device: torch.device) -> tuple[Model, Saved]:
    """Rebuilds a model from its file.

    Args:
        path: a file that `save_model` wrote.
        device: where the model shall be.

    Returns:
        The model in evaluation mode, and what else the file holds.

    Raises:
        ModelFileError: the file is of another format.
    """
    content = torch.load(path, map_location=device, weights_only=True)
    if content.get("format") != _FORMAT:
        raise ModelFileError(f"{path} has format {content.get('format')}, not {_FORMAT}; retrain")
    about = Saved(**{key: content[key] for key in Saved.__dataclass_fields__})
    model = build(about.model, about.settings, from_plain(content["vocabularies"])).to(device)
    model.load_state_dict(content["weights"])
    return model.eval(), about
