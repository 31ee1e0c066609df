"""The snapshots from which an interrupted training goes on.

They are readable with ``torch.load(weights_only=True)``: tensors, numbers, strings, lists, dicts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from tonerow.files import save_tensors
from tonerow.params import Params

KEYS = {"progress", "learners"}
"""What a snapshot holds, see `tonerow.training.loop`."""


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
        decisive = settings.model_dump(include={"model", "size", "train"})
        decisive["evaluate"] = settings.evaluate.model_dump(include={"window", "stride"})
        section = settings.selected.model_dump()
        code = code_digest(Path(__file__).parents[1])
        return cls(Path(os.environ.get("DVC_ROOT", ".")), [decisive, section, data, code])

    def load(self) -> dict[str, Any] | None:
        """The snapshot, if there is one. What is not one of `save` is set aside, with a line."""
        of_all = self._folder.parent
        if of_all.exists() and not of_all.is_dir():
            print(f"{of_all} is a file; it is {_set_aside(of_all)} now", file=sys.stderr)
        if not self._folder.exists() or (self._folder.is_dir() and not self._path.exists()):
            return None
        try:
            snapshot = torch.load(self._path, map_location="cpu", weights_only=True)
            if not isinstance(snapshot, dict) or snapshot.keys() != KEYS:
                raise ValueError("it holds something else")
        except Exception as error:
            aside, why = _set_aside(self._folder), str(error).partition("\n")[0]
            print(
                f"{self._path} is no snapshot of this training ({why}); it is in {aside} now, and "
                "training starts anew",
                file=sys.stderr,
            )
            return None
        return snapshot

    def save(self, snapshot: dict[str, Any]) -> None:
        """Replaces the snapshot."""
        save_tensors(self._path, snapshot)

    def remove(self) -> None:
        """Forgets the training: it is over."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _set_aside(path: Path) -> Path:
    """Gives a file or folder another name, and returns it."""
    names = (path.with_name(f"{path.name}.unreadable-{n}") for n in itertools.count(1))
    free = next(name for name in names if not name.exists())
    return path.rename(free)


def code_digest(folder: Path) -> str:
    """One sha256 over the Python files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
