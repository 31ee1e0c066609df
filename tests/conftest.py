"""Shared settings of the tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.repository import Repository
from tonerow.tracking import set_environment

# A timing never decides a test.
settings.register_profile("tonerow", deadline=None)
settings.load_profile("tonerow")


LONG = (
    *("test_pipeline.py", "test_page_in_browser.py", "test_from_scratch.py", "test_contract.py"),
    *("test_user_settings.py", "test_search.py", "test_extending.py", "test_queue.py"),
    *("test_generation.py", "test_run.py", "test_ui.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first, so that no process waits for them at the end.

    What copies the pipeline's checkout comes later, when that is made.
    """
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder below which another user may look, unlike `tmp_path`."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of a run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def finished(shared: Path) -> tuple[Repository, str]:
    """A checkout and what its first `dvc repro` prints, made once for all processes."""
    root, printed = shared / "a checkout", shared / "printed"
    with FileLock(shared / "checkout.lock"):
        if not printed.exists():
            shutil.rmtree(root, ignore_errors=True)  # what another process could not make
            repository = Repository.made(root)
            output = repository.run("dvc", "repro")
            repository.commit()
            shutil.rmtree(shared / "as it was", ignore_errors=True)
            shutil.copytree(root, shared / "as it was", symlinks=True)
            printed.write_text(output, encoding="utf-8")
    return Repository(root), printed.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def another(
    finished: tuple[Repository, str],
    shared: Path,
    empty_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Repository:
    """A copy of that checkout as it was then, for one file of tests, with an empty store."""
    del finished  # it is there
    root = tmp_path_factory.mktemp("another") / "a checkout"
    shutil.copytree(shared / "as it was", root, symlinks=True)
    shutil.rmtree(root / "mlartifacts")
    shutil.copy(empty_store, root / "mlflow.db")
    return Repository(root)


@pytest.fixture(scope="session")
def empty_store(shared: Path) -> Path:
    """A SQLite file with MLflow's tables; making one takes seconds."""
    set_environment()
    from mlflow.tracking import MlflowClient

    path, ready = shared / "empty/mlflow.db", shared / "empty/ready"
    path.parent.mkdir(exist_ok=True)
    with FileLock(shared / "store.lock"):
        if not ready.exists():
            path.unlink(missing_ok=True)
            MlflowClient(f"sqlite:///{path}").search_experiments()
            ready.touch()
    return path
