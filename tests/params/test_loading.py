"""Reading ``params.yaml``: what the file says is what the settings hold, quickly, as with DVC."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from tests import shipped
from tonerow import params

TEXT = shipped.text()


def test_the_file_as_it_lies_there_loads() -> None:
    assert params.load(shipped.PATH).selected.training.epochs > 0


def test_every_value_is_read(file: Path) -> None:
    file.write_text(TEXT, encoding="utf-8")
    assert params.load(file).model_dump() == shipped.tree()
    assert params.Params.model_validate(shipped.settings().model_dump()) == params.load(file)


def test_numbers_are_read_as_dvc_reads_them(file: Path) -> None:
    key = "learning_rate: "
    before, _, rest = TEXT.partition(key)
    file.write_text(f"{before}{key}1e-3\n{rest.partition(chr(10))[2]}", encoding="utf-8")
    first = next(iter(params.load(file).models.values()))
    assert next(iter(first.values())).training.learning_rate == 0.001


def test_loading_imports_nothing_slow() -> None:
    code = (
        "import sys; from tonerow import params; params.load(sys.argv[1]); "
        "print({'torch', 'sklearn', 'mlflow', 'pandas', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(shipped.PATH)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(params.ParamsError, match="does not exist; run from the repository's root"):
        params.load(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"model: [1", "is not valid YAML.*line 1"),
        (TEXT.encode() + b"\nmodel: a\n", 'is not valid YAML.*duplicate key "model"'),
        (b"model: \xe9", "is not valid YAML"),
        (b"", "holds no settings"),
        (b"- model", "holds no settings"),
        (b"1: 2\n" + TEXT.encode(), "1 is 1; keys should be strings"),
    ],
)
def test_a_file_that_is_not_a_table_of_settings_is_refused(
    file: Path, content: bytes, says: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(params.ParamsError, match=f"(?s){says}") as error:
        params.load(file)
    assert str(error.value).startswith(str(file))


def test_dvc_changes_one_line_of_the_file(file: Path) -> None:
    before = shipped.PATH.read_text(encoding="utf-8")
    file.write_text(before, encoding="utf-8")
    apply_overrides(str(file), ["model=another"])
    after = file.read_text(encoding="utf-8").splitlines()
    differ = [(a, b) for a, b in zip(before.splitlines(), after, strict=True) if a != b]
    assert [b.split()[:2] for _, b in differ] == [["model:", "another"]]


def test_dvc_sets_every_value_without_a_plus(file: Path) -> None:
    file.write_text(TEXT, encoding="utf-8")
    names = list(shipped.leaves(shipped.tree()))
    apply_overrides(str(file), [f"{name}=7" for name in names])
    with pytest.raises(params.ParamsError) as error:
        params.load(file)
    assert f"{file}: model is 7" in str(error.value)
    assert f"{file}: corpora.maestro.path is 7" in str(error.value)


def test_the_folder_that_dvc_watches_must_be_there(tmp_path: Path) -> None:
    params.check_watched_folder(shipped.settings({"corpora.folder.path": str(tmp_path)}))
    gone = str(tmp_path / "gone")
    with pytest.raises(params.ParamsError) as error:
        params.check_watched_folder(shipped.settings({"corpora.folder.path": gone}))
    says = f"params.yaml: corpora.folder.path is {gone!r}, which is no folder"
    assert str(error.value) == says
