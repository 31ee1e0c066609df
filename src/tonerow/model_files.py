"""Model files, and how a stage opens a model: with its device and its tokenizer.

A file holds weights and all that it takes to rebuild the model and to read its ids. It is readable
with ``torch.load(weights_only=True)``: tensors, numbers, strings, lists, dicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tonerow import runtime
from tonerow.files import save_tensors
from tonerow.models import build
from tonerow.models.base import Model
from tonerow.models.vocabulary import from_plain, to_plain
from tonerow.params import Params
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import vocabularies

_FORMAT = 4


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
        corpus: the name of what it was trained on.
        scores: of the epoch whose weights it has, see `tonerow.training.Progress.summary`; none
            before training.
    """

    model: str
    size: str
    settings: Mapping[str, Any]
    tokenizer: str
    corpus: str
    scores: Mapping[str, float] = field(default_factory=dict)


def save_model(path: Path, model: Model, about: Saved) -> None:
    """Writes a model; the bytes depend on the content alone."""
    weights = {key: value.cpu().contiguous() for key, value in model.state_dict().items()}
    content = {
        "format": _FORMAT,
        **vars(about),
        "vocabularies": to_plain(model.vocabularies),
        "weights": weights,
    }
    save_tensors(path, content)


def load_model(path: Path, device: torch.device) -> tuple[Model, Saved]:
    """Rebuilds a model from its file.

    Args:
        path: a file that `save_model` wrote.
        device: where the model shall be.

    Returns:
        The model in evaluation mode, and what else the file holds.

    Raises:
        ModelFileError: the file is of another format, or of a model as it was in another version.
    """
    content = torch.load(path, map_location=device, weights_only=True)
    if content.get("format") != _FORMAT:
        raise ModelFileError(f"{path} has format {content.get('format')}, not {_FORMAT}; retrain")
    about = Saved(**{key: content[key] for key in Saved.__dataclass_fields__})
    model = build(about.model, about.settings, from_plain(content["vocabularies"])).to(device)
    try:
        model.load_state_dict(content["weights"])
    except RuntimeError:
        raise ModelFileError(
            f"{path} holds the weights of another {about.model}; retrain"
        ) from None
    return model.eval(), about


@dataclass(frozen=True)
class Opened:
    """A model on its device, with the tokenizer of its tokens.

    Attributes:
        device: where the model is.
        tokenizer: of the tokens at hand, which is the model's.
        model: untrained, or from a file and then in evaluation mode.
        about: what the model's file holds, or will hold.
    """

    device: torch.device
    tokenizer: Tokenizer
    model: Model
    about: Saved


def open_model(settings: Params, tokens: Path, seed: int, file: Path | None = None) -> Opened:
    """Prepares the device and opens a model.

    Args:
        settings: of which `train` names the device and the threads, and `model` and `size` the
            architecture if there is no file.
        tokens: folder with ``tokenizer.json``.
        seed: of every generator, before the model is made.
        file: of a trained model; None: a new one.

    Raises:
        ParamsError: the device is not to be had.
        ModelFileError: the file is of another format, or belongs to other tokens.
    """
    device = runtime.prepare(settings.train.device, settings.train.threads, seed)
    text = (tokens / "tokenizer.json").read_text("utf-8")
    tokenizer = Tokenizer.from_json(text)
    if file is None:
        section = settings.selected.model_dump(exclude={"training"})
        about = Saved(settings.model, settings.size, section, tokenizer.to_json(), settings.corpus)
        model = build(settings.model, section, vocabularies(tokenizer)).to(device)
        return Opened(device, tokenizer, model, about)
    model, about = load_model(file, device)
    if about.tokenizer != tokenizer.to_json():
        raise ModelFileError(
            f"{file} was trained on other tokens than {tokens} holds; run `dvc repro`"
        )
    return Opened(device, tokenizer, model, about)
