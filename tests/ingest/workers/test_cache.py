"""The cache of readings: it never changes a result, and never holds more than it may."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tonerow.ingest.workers.cache import Cache, reader_version


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", "1")


def entries(cache: Cache) -> list[Path]:
    return sorted(path for path in cache.folder.glob("*/*") if path.is_file())


def test_an_entry_is_what_was_put(cache: Cache) -> None:
    key = cache.key(b"data", "midi", 0)
    assert cache.get(key) is None
    cache.put(key, b"value")
    cache.put(cache.key(b"empty"), b"")
    assert cache.get(key) == b"value"
    assert cache.get(cache.key(b"empty")) == b""


def test_everything_that_a_reading_depends_on_is_in_its_key(cache: Cache) -> None:
    keys = {
        cache.key(b"data", "midi", 0),
        cache.key(b"other", "midi", 0),
        cache.key(b"data", "abc", 0),
        cache.key(b"data", "midi", 1),
        Cache(cache.folder, "2").key(b"data", "midi", 0),
    }
    assert len(keys) == 5
    assert len(reader_version()) == 64


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 100])
def test_an_entry_that_is_not_whole_counts_as_none(cache: Cache, damage: bytes) -> None:
    key = cache.key(b"data")
    cache.put(key, b"value")
    entries(cache)[0].write_bytes(damage)
    assert cache.get(key) is None
    cache.put(key, b"value")
    assert cache.get(key) == b"value"


def test_pruning_keeps_what_was_used_last(cache: Cache) -> None:
    keys = [cache.key(bytes([i])) for i in range(10)]
    for age, key in enumerate(keys):
        cache.put(key, bytes(984))  # 1,000 with its seal
        os.utime(cache.folder / key[:2] / key[2:], (age, age))
    cache.prune(10_000)
    assert len(entries(cache)) == 10
    assert cache.get(keys[0]) is not None  # now the youngest
    cache.prune(5_000)
    assert [cache.get(key) is not None for key in keys] == [True, *6 * [False], *3 * [True]]


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file", "1")
    cache.put(cache.key(b"data"), b"value")
    assert cache.get(cache.key(b"data")) is None
    cache.prune(0)


def test_a_full_disk_keeps_nothing(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError("no space left on device")

    key = cache.key(b"data")
    monkeypatch.setattr(Path, "write_bytes", full)
    cache.put(key, b"value")
    assert cache.get(key) is None
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


def test_pruning_clears_what_a_killed_run_was_writing(cache: Cache) -> None:
    cache.put(cache.key(b"data"), b"value")
    half = entries(cache)[0].parent / ".ab.0123" / "ab"
    half.parent.mkdir()
    half.write_bytes(b"half")
    cache.prune(0)
    assert not half.parent.exists()


def test_many_at_once_never_see_half_an_entry(cache: Cache) -> None:
    value = os.urandom(100_000)
    keys = [cache.key(bytes([i])) for i in range(4)]

    def use(turn: int) -> bool:
        key = keys[turn % 4]
        cache.put(key, value)
        if turn % 5 == 0:
            cache.prune(150_000)
        return cache.get(key) in (None, value)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(200)))
    cache.prune(0)
    assert entries(cache) == []
