"""Items shared out among workers of every kind: the same results in the same order."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ingest.workers.hostile_readers import PATIENT, do, process_id
from tests.waiting import PATIENCE
from tonerow.ingest.dispatch import ingest
from tonerow.ingest.workers.pool import BackendError, _cut, ordered_map
from tonerow.params import Ingest

ITEMS = ["a", "b kill", "regex c", *(str(number) for number in range(90))]
DONE = [
    "a",
    "b (kill died)",
    "(regex timed out) c",
    *(str(number) for number in range(90)),
]


def results(settings: Ingest) -> list[str]:
    limits = settings.model_copy(update={"timeout_sec": 0.5, "max_memory_mb": 256})
    return [done.decode() for done in ordered_map(do, ITEMS, len, limits)]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_whatever_happens(workers: int) -> None:
    assert results(PATIENT.model_copy(update={"workers": workers})) == DONE


def test_reading_never_happens_in_this_process() -> None:
    assert str(os.getpid()).encode() not in set(ordered_map(process_id, "abc", len, PATIENT))


def test_groups_are_cut_by_number_and_size() -> None:
    sizes = [1, 1, 1, 5, 9, 1, 1]
    cut = [list(group) for group in _cut(sizes, lambda size: size, most=2, most_bytes=6)]
    assert cut == [[1, 1], [1, 5], [9], [1, 1]]
    assert list(_cut([], len, 1, 1)) == []


def module(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", f"distributed.cli.{name}", "--no-dashboard", *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Dask scheduler with two workers, each a process of its own."""
    distributed = pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    found = folder / "scheduler.json"
    with ExitStack() as stack:
        processes = [module("dask_scheduler", "--port", "0", "--scheduler-file", str(found))]
        stack.callback(_stop, processes)
        while not found.exists() and processes[0].poll() is None:
            time.sleep(0.05)
        options = ["--nthreads", "2", "--local-directory", str(folder)]
        processes += [
            module("dask_worker", "--scheduler-file", str(found), *options) for _ in range(2)
        ]
        with distributed.Client(scheduler_file=str(found)) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
            address = client.scheduler.address
        yield address


def test_a_cluster_gives_the_same_results(cluster: str) -> None:
    dask = {"workers": -1, "backend": "dask", "scheduler": cluster}
    assert results(PATIENT.model_copy(update=dask)) == DONE


def test_tables_of_a_cluster_are_the_same_to_the_byte(cluster: str, tmp_path: Path) -> None:
    corpus = Path(__file__).parents[2] / "corpus"
    dask = {"workers": -1, "backend": "dask", "scheduler": cluster, "max_notes": 200_000}
    for name, changes in (("one", {"max_notes": 200_000}), ("cluster", dask)):
        ingest(corpus, tmp_path / name, PATIENT.model_copy(update=changes))
    for table in ("pieces.parquet", "notes.parquet"):
        one, other = ((tmp_path / name / table).read_bytes() for name in ("one", "cluster"))
        assert one == other


def test_a_cluster_that_is_not_there_is_an_error() -> None:
    pytest.importorskip("distributed")
    dask = {"workers": -1, "backend": "dask", "scheduler": "no address"}
    with pytest.raises(BackendError, match="no address"):
        list(ordered_map(do, ["a"], len, PATIENT.model_copy(update=dask)))


def test_a_cluster_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    dask = {"workers": -1, "backend": "dask", "scheduler": "tcp://127.0.0.1:1"}
    with pytest.raises(BackendError, match=r"tonerow\[dask\]"):
        list(ordered_map(do, ["a"], len, PATIENT.model_copy(update=dask)))
