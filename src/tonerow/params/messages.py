"""Errors about settings as sentences: the key, what was found, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from tonerow.params.by_name import class_name_of

CLASS_FILES: dict[tuple[str | int, ...], str] = {
    ("models",): "src/tonerow/params/architectures.py",
    ("corpora",): "src/tonerow/params/corpora.py",
}
"""Where the class of a key of these sections is looked for."""


def sentence(error: Any, schema: dict[str, Any]) -> str:
    """One sentence about one validation error.

    Args:
        error: one of pydantic's ``ValidationError.errors()``.
        schema: the JSON schema of the settings, which knows the keys and their docstrings.
    """
    loc, kind, value = error["loc"], error["type"], error["input"]
    key = ".".join(str(part) for part in loc)
    if loc and loc[-1] == "[key]":
        key = ".".join(str(part) for part in loc[:-1])
        return f"{key}: {value!r} is no name of a size; allowed: a letter, then letters, digits, _"
    if kind == "extra_forbidden":
        return unknown_key(loc, keys_at(loc[:-1], schema))
    if kind == "value_error":
        message = error["msg"].removeprefix("Value error, ")
        return f"{key}: {message}" if key else message
    note = _note(loc, schema)
    if kind == "missing":
        return f"{key} is missing{note}"
    if kind == "unknown_name":
        context = error["ctx"]
        return _not_among(key, value, context["allowed"], context["owner"]) + note
    if kind == "literal_error":
        allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return _not_among(key, value, allowed) + note
    if kind in ("model_type", "dict_type"):
        return f"{key} is {value!r}; it should be a section, with keys below it{note}"
    if kind == "too_short":
        return (
            f"{key} is {value!r}; it should have at least {error['ctx']['min_length']} in it{note}"
        )
    message = error["msg"]
    return f"{key} is {value!r}; {message[0].lower()}{message[1:]}{note}"


def keys_at(loc: Sequence[str | int], schema: dict[str, Any]) -> list[str]:
    """The keys that the section at a location may have."""
    node = _nodes(loc, schema)[-1]
    return list(node.get("properties", {}))


def unknown_key(loc: tuple[str | int, ...], allowed: list[str]) -> str:
    """One sentence about a key that is not among those allowed at its place."""
    key = ".".join(str(part) for part in loc)
    hint = _hint(loc[-1], allowed)
    if loc[:-1] in CLASS_FILES:
        name, file = class_name_of(str(loc[-1])), CLASS_FILES[loc[:-1]]
        return f"{key}: no class {name} in {file}{hint}; those there are of: {', '.join(allowed)}"
    return f"unknown key {key}{hint}; allowed here: {', '.join(allowed) or 'no key'}"


def _not_among(key: str, value: object, allowed: Sequence[str], owner: str = "") -> str:
    return f"{key} is {value!r}{_hint(value, allowed)}; allowed{owner}: {', '.join(allowed)}"


def _hint(value: object, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(value), list(allowed), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _note(loc: Sequence[str | int], schema: dict[str, Any]) -> str:
    """The docstring of the key at a location, in brackets; empty if it has none."""
    names = [part for part in loc if isinstance(part, str)]  # the entries of a list have none
    if not names:
        return ""
    description = _nodes(names, schema)[-1].get("description", "")
    return f" ({names[-1]}: {' '.join(description.split()).rstrip('.')})" if description else ""


def _nodes(loc: Sequence[str | int], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a JSON schema on the way to a location, that of the whole first."""
    nodes = [schema]
    for part in loc:
        node: dict[str, Any] = nodes[-1]
        patterns = node.get("patternProperties", {})  # keys that are free, like sizes
        free = next(iter(patterns.values()), None) or node.get("additionalProperties")
        below: dict[str, Any] = node.get("properties", {}).get(part) or free or {}
        definition = schema.get("$defs", {}).get(below.get("$ref", "").rpartition("/")[2], {})
        nodes.append(definition | below)
    return nodes
