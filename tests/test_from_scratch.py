"""A second repository, which has a folder of its user's own and starts from nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.repository import SOURCE, Repository, started


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music") / "my tunes"
    shutil.copytree(SOURCE / "tests/corpus", folder)
    return folder


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, music: Path, empty_store: Path) -> Repository:
    root = tmp_path_factory.mktemp("pipeline") / "second"
    folder = {"corpora.folder.path": str(music)}
    repository = Repository.made(root, folder, store=empty_store)
    repository.run("dvc", "repro", "baselines", "summary")
    return repository


def test_the_same_from_scratch_is_the_same_bytes(
    second: Repository, request: pytest.FixtureRequest
) -> None:
    another = request.getfixturevalue("another")  # now: it may be made while the second is
    first = another.outs()
    del first["data/tracked"]  # of a stage that the second has not run
    assert second.outs() == first
    for path in (another.root / "metrics").iterdir():
        assert (second.root / "metrics" / path.name).read_bytes() == path.read_bytes()


def test_a_file_added_to_the_users_own_folder_is_noticed(second: Repository, music: Path) -> None:
    before = second.json("ingest.json")
    shutil.copy(music / "jigs.abc", music / "more jigs.abc")
    output = second.run("dvc", "repro", "ingest")
    assert started(output) == ["fetch", "ingest"]
    assert second.json("ingest.json")["files"] == before["files"] + 1
    shutil.copy(music / "jigs.abc", music / "even more jigs.abc")
    output = second.run("dvc", "exp", "run", "--temp", "ingest")
    assert started(output) == ["fetch", "ingest"]
    shown = json.loads(second.run("dvc", "exp", "show", "--json"))
    (rev,) = (of["revs"][0]["rev"] for commit in shown for of in commit["experiments"] or ())
    ingested = json.loads(second.run("git", "show", f"{rev}:metrics/ingest.json"))
    assert ingested["files"] == before["files"] + 2
