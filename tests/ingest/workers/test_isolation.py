"""Isolated readers: whatever one dies of costs the part that it was busy with."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.workers.hostile_readers import HEAR_INTERRUPTS, alive, die_used, do, process_id
from tests.waiting import until
from tonerow.ingest.workers import isolation
from tonerow.ingest.workers.isolation import Bounds, BrokenReaderError, isolated

PATIENT = Bounds(seconds=60.0, megabytes=256)


@pytest.mark.parametrize("deed", ["segfault", "kill", "abort"])
def test_a_reader_that_dies_costs_one_part(deed: str) -> None:
    assert isolated(do, [f"a {deed} c"], PATIENT) == [f"a ({deed} died) c".encode()]


@pytest.mark.parametrize("deed", ["sleep", "regex"])
def test_a_reader_that_hangs_in_native_code_costs_one_part(deed: str) -> None:
    bounds = Bounds(seconds=2.0, megabytes=256)
    assert isolated(do, [f"a {deed} c"], bounds) == [f"a ({deed} timed out) c".encode()]


def test_a_reader_that_is_kept_waiting_costs_nothing() -> None:
    bounds = Bounds(seconds=1.0, megabytes=256)
    assert bounds.patience < 3
    assert isolated(do, ["a wait c"], bounds) == [b"a wait c"]


def test_a_reader_that_eats_memory_costs_one_part() -> None:
    assert isolated(do, ["a memory c"], PATIENT) == [b"a (memory out of memory) c"]


def test_several_parts_may_be_fatal_even_the_first_and_the_last() -> None:
    found = isolated(do, ["kill b memory segfault"], PATIENT)
    assert found == [b"(kill died) b (memory out of memory) (segfault died)"]


def test_of_several_items_each_costs_its_own_parts() -> None:
    items = ["a", "b kill", "c"]
    done = ["a", "b (kill died)", "c"]
    assert [result.decode() for result in isolated(do, items, PATIENT)] == done


def test_a_reader_serves_on_until_it_dies() -> None:
    first = isolated(process_id, [None], PATIENT)
    assert isolated(process_id, [None], PATIENT) == first
    isolated(do, ["kill"], PATIENT)
    assert isolated(process_id, [None], PATIENT) != first
    assert first != [str(os.getpid()).encode()]


def test_what_went_before_costs_nothing() -> None:
    for _ in range(3):
        assert isolated(die_used, [None], PATIENT) == [b"lost 0"]


def test_what_a_library_prints_stays_out_of_the_results(capfd: pytest.CaptureFixture[str]) -> None:
    assert isolated(do, ["print b"], PATIENT) == [b"print b"]
    assert "no output" not in capfd.readouterr().out


def test_a_function_that_raises_is_a_bug_and_not_a_files_fault() -> None:
    with pytest.raises(BrokenReaderError, match="IndexError"):
        isolated(do, ["a raise"], PATIENT)


def test_a_reader_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_CHILD", "raise SystemExit")
    monkeypatch.setattr(isolation, "_idle", [])
    with pytest.raises(BrokenReaderError, match="ended as it began"):
        isolated(do, ["a"], PATIENT)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_reader_outlives_its_parent(how: signal.Signals) -> None:
    script = (
        f"{HEAR_INTERRUPTS}\n"
        "from tests.ingest.workers.hostile_readers import *\n"
        "from tonerow.ingest.workers.isolation import *\n"
        "print(isolated(process_id, [0], Bounds(60, 256))[0].decode(), flush=True)\n"
        "isolated(do, ['a regex' if __import__('sys').argv[1:] else 'a'], Bounds(60, 256))\n"
        "__import__('time').sleep(3600)\n"
    )
    busy = ["busy"] if how is signal.SIGINT else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", script, *busy],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    reader = int(parent.stdout.readline())
    parent.send_signal(how)
    parent.wait()
    parent.stdout.close()
    until(lambda: not alive(reader), "the reader ends with its parent")
