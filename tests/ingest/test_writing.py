"""Tables have the same bytes however their rows come, and their names once all are whole."""

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tonerow.ingest import writing
from tonerow.ingest.writing import TableWriter, written
from tonerow.notes.schema import NOTES


def numbers(low: int, high: int) -> pa.Table:
    return pa.table({"n": pa.array(range(low, high), pa.int64())})


def test_tables_have_the_same_bytes_however_they_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "ROW_GROUP", 8)
    for name, cuts in (("a", [0, 30]), ("b", [0, 3, 3, 7, 20, 29, 30])):
        with written(tmp_path, **{name: numbers(0, 0).schema}) as (writer,):
            for low, high in pairwise(cuts):
                writer.write(numbers(low, high))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(4)] == [8, 8, 8, 6]
    assert file.read().equals(numbers(0, 30))


def test_interrupted_tables_leave_the_old_ones(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.parquet").write_text("old")

    def interrupted() -> None:
        with written(tmp_path, one=numbers(0, 0).schema, two=NOTES) as (one, _):
            one.write(numbers(0, 30))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.parquet", "two.parquet"]
    assert (tmp_path / "one.parquet").read_text() == "old"


def test_neither_table_gets_its_name_unless_both_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: TableWriter) -> None:
        raise OSError("no space left on device")

    with written(tmp_path, one=NOTES):
        pass
    before = (tmp_path / "one.parquet").stat().st_ino
    with pytest.raises(OSError, match="space"), written(tmp_path, one=NOTES, two=NOTES) as (_, two):
        monkeypatch.setattr(two, "close", full.__get__(two))
    assert [(path.name, path.stat().st_ino) for path in tmp_path.iterdir()] == [
        ("one.parquet", before)
    ]
