"""Finds the class of settings of a key of ``params.yaml`` by its name: `LstmFull` of `lstm_full`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import core_schema

from tonerow.params.section import Section

S = TypeVar("S", bound=Section)


def key_of(class_name: str) -> str:
    """The key that a class describes: ``LstmFull`` gives ``lstm_full``."""
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()


def class_name_of(key: str) -> str:
    """The name that the class of a key should have: ``lstm_full`` gives ``LstmFull``."""
    return "".join(part[:1].upper() + part[1:] for part in key.split("_"))


def subclasses_in(names: Mapping[str, object], base: type[S]) -> dict[str, type[S]]:
    """Lists the classes of a module that build on `base`, by the keys that they describe.

    Args:
        names: what the module holds: ``vars(module)``.
        base: itself not listed; nor is a class whose name begins with an underscore.

    Returns:
        The classes by key, in the order of the module.
    """
    return {
        key_of(name): value
        for name, value in names.items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value is not base
        and not name.startswith("_")
    }


def one_key_each(annotations: Mapping[str, Any], required: bool) -> GetPydanticSchema:
    """Lets pydantic validate a dict whose keys are known, each with a type of its own.

    Args:
        annotations: the type of each key's value.
        required: whether every key must be there. Keys that are not listed are refused either way.
    """

    def schema(_: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        fields = {
            key: core_schema.typed_dict_field(handler.generate_schema(kind), required=required)
            for key, kind in annotations.items()
        }
        return core_schema.typed_dict_schema(fields, strict=True, extra_behavior="forbid")

    return GetPydanticSchema(schema)
