"""Model files, and the snapshots from which an interrupted training goes on.

Both are readable with ``torch.load(weights_only=True)``: tensors, numbers, strings, lists and dicts.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from tonerow.models import build
from tonerow.models.base import Model
from tonerow.models.vocabulary import from_plain, to_plain
from tonerow.params import Params

_FORMAT = 1


class CheckpointError(RuntimeError):
    """A model file that cannot be used here; the message says why and what to do."""


def save_model(path: Path, model: Model, settings: dict[str, Any], tokenizer: str) -> None:
    """Writes weights and what is needed to rebuild the model.

    The bytes depend on the content and the file's name alone.

    Args:
        path: the file to write.
        model: the trained model.
        settings: its section of ``params.yaml``, for `tonerow.models.build`.
        tokenizer: fingerprint of the tokenizer whose fields it was trained on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {key: value.cpu().contiguous() for key, value in model.state_dict().items()}
    content = {
        "format": _FORMAT,
        "settings": settings,
        "fields": to_plain(model.vocabularies),
        "tokenizer": tokenizer,
        "weights": weights,
    }
    _write(path, content)


def load_model(path: Path, device: torch.device, tokenizer: str) -> tuple[Model, dict[str, Any]]:
    """Rebuilds a model from its file.

    Args:
        path: a file that `save_model` wrote.
        device: where the model shall be.
        tokenizer: fingerprint of the tokenizer at hand.

    Returns:
        The model in evaluation mode, and its settings.

    Raises:
        CheckpointError: the file is of another format, or belongs to another tokenizer.
    """
    content = torch.load(path, map_location=device, weights_only=True)
    if content.get("format") != _FORMAT:
        raise CheckpointError(f"{path} has format {content.get('format')}, not {_FORMAT}; retrain")
    if content["tokenizer"] != tokenizer:
        raise CheckpointError(
            f"{path} was trained on other tokens than data/tokens holds; run `dvc repro`"
        )
    model = build(content["settings"], from_plain(content["fields"])).to(device)
    model.load_state_dict(content["weights"])
    return model.eval(), content["settings"]


def _write(path: Path, content: dict[str, Any]) -> None:
    """Writes beside the target and moves into place: a reader never sees half a file."""
    folder = path.parent / f".{path.name}.{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(content, folder / path.name)  # the archive inside is named after the file
    (folder / path.name).replace(path)
    folder.rmdir()


class Snapshots:
    """The latest snapshot of one training, kept outside what DVC manages.

    DVC deletes a stage's outputs before it starts, so what an interrupted training has reached lies
    under ``$DVC_ROOT/.checkpoints/<identity>/`` until the training is over.

    Args:
        root: the user's checkout.
        identity: everything that decides the weights: settings, data and code.
    """

    def __init__(self, root: Path, identity: list[Any]) -> None:
        text = json.dumps(identity, sort_keys=True)
        self._folder = root / ".checkpoints" / hashlib.sha256(text.encode()).hexdigest()
        self._path = self._folder / "snapshot.pt"

    @classmethod
    def of(cls, settings: Params, data: list[str]) -> Snapshots:
        """The snapshot of the training with these settings, on this data, with this code.

        Args:
            settings: all of ``params.yaml``.
            data: digests of what is trained on, and whatever else decides the weights.
        """
        decisive = settings.model_dump(include={"seed", "train", "evaluate"})
        section = settings.selected.model_dump()
        code = code_digest(Path(__file__).parents[1])
        return cls(Path(os.environ.get("DVC_ROOT", ".")), [decisive, section, data, code])

    def load(self) -> dict[str, Any] | None:
        """The snapshot, if there is one that can be read."""
        if not self._path.exists():
            return None
        try:
            found: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        except Exception as error:
            print(f"{self._path} cannot be read ({error}); training starts anew", file=sys.stderr)
            return None
        return found

    def save(self, snapshot: dict[str, Any]) -> None:
        """Replaces the snapshot."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(self._path, snapshot)

    def remove(self) -> None:
        """Forgets the training: it is over."""
        shutil.rmtree(self._folder, ignore_errors=True)


def code_digest(folder: Path) -> str:
    """One sha256 over the Python files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
