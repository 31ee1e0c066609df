"""Reads ``params.yaml`` as DVC does (YAML 1.2: 1e-3 is a number) and validates it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tonerow.params import messages
from tonerow.params.corpora import Folder
from tonerow.params.section import Section
from tonerow.params.sections import Params

S = TypeVar("S", bound=Section)


class ParamsError(ValueError):
    """A file of settings says something it cannot mean; the message names every such key."""


def load(path: str | Path = "params.yaml") -> Params:
    """Reads and validates the settings; see `read`."""
    return read(path, Params)


def read(path: str | Path, kind: type[S]) -> S:
    """Reads and validates a file of settings.

    Args:
        path: the YAML file.
        kind: what it holds.

    Returns:
        The validated settings.

    Raises:
        ParamsError: the file is missing, is not YAML, or holds keys or values that are not allowed;
            the message has one line per problem.
    """
    try:
        tree = YAML(typ="safe").load(Path(path))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root") from None
    except YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(tree, dict):
        raise ParamsError(f"{path} holds no settings")
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        schema = kind.model_json_schema()
        lines = [messages.sentence(item, schema) for item in error.errors()]
        raise ParamsError("\n".join(f"{path}: {line}" for line in lines)) from None


def check_watched_folder(settings: Params) -> None:
    """Makes sure that the folder is there which DVC watches whatever the corpus is.

    Raises:
        ParamsError: ``corpora.folder.path`` is no folder.
    """
    for name, corpus in settings.corpora.items():
        if isinstance(corpus, Folder) and not Path(corpus.path).is_dir():
            raise ParamsError(
                f"params.yaml: corpora.{name}.path is {corpus.path!r}, which is no folder"
            )
