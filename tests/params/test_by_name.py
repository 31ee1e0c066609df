"""Classes of settings are found by the key that they describe."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copy, copytree

import pytest

from tests import shipped
from tonerow.params import Architecture
from tonerow.params.by_name import class_name_of, key_of, subclasses_in
from tonerow.params.sections import ARCHITECTURES, CORPORA

SOURCE = shipped.PATH.parent / "src" / "tonerow"


@pytest.mark.parametrize(
    ("name", "key"),
    [("Folk", "folk"), ("LstmFull", "lstm_full"), ("Gru2Heads", "gru2_heads"), ("MyGRU", "my_gru")],
)
def test_a_class_describes_the_key_of_its_name(name: str, key: str) -> None:
    assert key_of(name) == key


@pytest.mark.parametrize("key", [*ARCHITECTURES, *CORPORA])
def test_every_key_leads_to_its_class_and_back(key: str) -> None:
    assert key_of(class_name_of(key)) == key
    assert {**ARCHITECTURES, **CORPORA}[key].__name__ == class_name_of(key)


def test_bases_and_what_else_a_module_holds_are_no_architectures() -> None:
    class Mine(Architecture):
        """An architecture."""

    class _Shared(Architecture):
        """What some have in common."""

    names = {"Architecture": Architecture, "Mine": Mine, "_Shared": _Shared, "Path": Path, "n": 3}
    assert subclasses_in(names, Architecture) == {"mine": Mine}


MODEL = '''

class MyModel(Architecture):
    """A model."""

    units: PositiveInt
    """how many units"""
'''


def test_a_class_that_is_added_is_all_that_the_settings_of_a_model_need(tmp_path: Path) -> None:
    (tmp_path / "tonerow").mkdir()
    copy(SOURCE / "__init__.py", tmp_path / "tonerow")
    copytree(SOURCE / "params", tmp_path / "tonerow" / "params")
    training = shipped.tree()["models"]["lstm_local"]["small"]["training"]
    mine = {"units": 3, "networks": 1, "training": training}
    text = shipped.text({"models.my_model": {"tiny": mine}, "model": "my_model", "size": "tiny"})
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    code = """
from tonerow import params
try:
    print(params.load().selected.units)
except params.ParamsError as error:
    print(error)
"""

    def load() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert "no class MyModel in src/tonerow/params/architectures.py" in load()
    with (tmp_path / "tonerow" / "params" / "architectures.py").open("a") as stream:
        stream.write(MODEL)
    assert load() == "3\n"
    (tmp_path / "params.yaml").write_text(text.replace("units: 3", "units: 0"), encoding="utf-8")
    assert "models.my_model.tiny.units is 0; input should be greater than 0 (units: how" in load()
