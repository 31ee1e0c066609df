"""Writes a trained model as MLflow reads it: weights, code, signature and an example; no pickle."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from tonerow.notes.schema import SAMPLES
from tonerow.params import Generate

CODE = Path(__file__).with_name("pyfunc.py")
RHYTHM = {"onset_beat": [0.0, 1.0, 1.5, 2.0], "duration_beat": [1.0, 0.5, 0.5, 2.0]}
EXAMPLES: dict[str, dict[str, list[Any]]] = {
    "melody": RHYTHM,
    "events": {"pitch": [62, 66, 69, 74], **RHYTHM},
    "chars": {"header": ["R:reel M:4/4 L:1/8 K:G"]},
}
"""What a model of each view is asked; the types of its columns are those of these values."""
KINDS = {"int32": "long", "uint8": "long", "bool": "boolean", "double": "double", "float": "float"}
NOTES = {field.name: KINDS[str(field.type)] for field in SAMPLES if str(field.type) in KINDS}
ANSWERS = {"melody": NOTES, "events": NOTES, "chars": {"sample": "long", "abc": "string"}}
"""The columns of what it answers."""
TYPES = {int: "long", float: "double", str: "string"}
CHANGED = ["seed", "samples", "max_notes", "max_characters", "temperature", "top_k", "top_p"]
CHANGED += ["min_p", "repeat_decay"]
"""Settings of `generate` that a caller may change."""


def save(view: str, drawing: Generate, file: Path, folder: Path, about: Any) -> None:
    """Writes the folder of a model.

    Args:
        view: of the model.
        drawing: how it draws; one sample, unless a caller asks for more.
        file: of the trained model.
        folder: it is made.
        about: the `mlflow.models.Model` that it becomes.
    """
    import pandas as pd  # noqa: PLC0415 - with mlflow
    from mlflow import pyfunc  # noqa: PLC0415 - takes seconds
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema  # noqa: PLC0415

    example, answer = EXAMPLES[view], ANSWERS[view]
    usual = drawing.model_dump() | {"samples": 1}
    del usual["source"]  # a path of this machine: it starts from what it is asked with
    asked = {name: TYPES[type(values[0])] for name, values in example.items()}
    changed = [ParamSpec(name, TYPES[type(usual[name])], usual[name]) for name in CHANGED]
    inputs, outputs = (
        Schema([ColSpec(kind, name) for name, kind in of.items()]) for of in (asked, answer)
    )
    pyfunc.save_model(
        folder,
        python_model=CODE,
        artifacts={"model": str(file)},
        model_config=usual,
        signature=ModelSignature(inputs, outputs, ParamSchema(changed)),
        input_example=pd.DataFrame(example),
        pip_requirements=[f"tonerow=={version('tonerow')}"],
        mlflow_model=about,
    )
