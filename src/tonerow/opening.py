"""Opens what every stage that runs a model needs: device, tokenizer and model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from tonerow import runtime
from tonerow.models import build
from tonerow.models.base import Model
from tonerow.models.files import ModelFileError, Saved, load_model
from tonerow.params import Params
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import vocabularies


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
        about = Saved(settings.model, settings.size, section, tokenizer.to_json())
        model = build(settings.model, section, vocabularies(tokenizer)).to(device)
        return Opened(device, tokenizer, model, about)
    model, about = load_model(file, device)
    if about.tokenizer != tokenizer.to_json():
        raise ModelFileError(
            f"{file} was trained on other tokens than {tokens} holds; run `dvc repro`"
        )
    return Opened(device, tokenizer, model, about)
