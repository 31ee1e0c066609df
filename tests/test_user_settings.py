"""The tests pass whatever a user has set in ``params.yaml``, as ``dvc exp run -S`` does."""

from __future__ import annotations

import copy
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from tests import shipped

ROOT = Path(__file__).resolve().parent.parent
# What reads settings, but for what trains, runs DVC or opens a tracking store.
QUICK = [
    *("tests/params", "tests/models/test_contract.py", "tests/corpora/test_corpora.py"),
    "tests/test_windows.py",
]
SLOW = "by_heart or made_links or published"  # the sizes as written up stay as they are
OF_ONE_MODEL = "test_contract"  # what one model keeps, the others do: only their numbers are others
CHANGES = {
    "size": "mine",
    "corpus": "folder",
    "split.seed": 11,
    "split.val_fraction": 0.2,
    "train.seed": 12,
    "train.threads": 1,
    "evaluate.window": 64,
    "evaluate.stride": 16,
    "evaluate.ngram_orders": [3],
    "generate.seed": 13,
    "generate.source": "no such tune.mid",
    "generate.samples": 1,
    "generate.primer": 8,
    "generate.hints": [60],
    "generate.instrument": 73,
}


def user_settings() -> tuple[str, str]:
    """A ``params.yaml`` that differs from the shipped one in model, size, corpus, seeds and sizes.

    And the model.
    """
    yaml = YAML()
    tree = yaml.load(shipped.text())
    model: str = next(name for name in tree["models"] if name != tree["model"])
    for sizes in tree["models"].values():
        if "published" in sizes:  # else small is the size that the contract test knows
            sizes["small"]["hidden_size"] //= 2
        for settings in sizes.values():  # published stays as large as it was written up
            settings["training"].update(batch_size=3, epochs=1, learning_rate=0.5, patience=1)
    tree["models"][model]["mine"] = copy.deepcopy(tree["models"][model]["small"])
    shipped.put(tree, {**CHANGES, "model": model})
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue(), model


def test_the_tests_pass_with_a_users_settings(tmp_path: Path) -> None:
    for folder in ("src", "stages", "tests", "docs"):
        ignored = shutil.ignore_patterns("*.egg-info", "*.pyc.*")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name in ("pyproject.toml", "dvc.yaml", "Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    text, model = user_settings()
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-k",
        f"not ({SLOW}) and (not {OF_ONE_MODEL} or {model})",
        *QUICK,
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
