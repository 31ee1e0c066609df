"""What every section of ``params.yaml`` is: immutable, strict, and complete."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(ge=0, lt=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]
Pitch = Annotated[int, Field(ge=0, le=127)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A section of ``params.yaml``, without unknown keys and without silent conversions.

    No field has a default: what a user may set is written out in ``params.yaml``, where
    ``dvc exp run -S`` finds it. The docstring below a field is quoted in errors about it.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
