"""Parquet tables written as their rows arrive, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 2**17
"""Rows a row group: what a reader that streams must hold at once."""


class TableWriter:
    """Writes one Parquet file in row groups of `ROW_GROUP` rows; see `written`.

    Equal rows give equal bytes, however they were cut into tables.

    Args:
        path: of the file; its folder must exist.
        schema: of the rows.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        self._waiting: list[pa.Table] = [schema.empty_table()]
        self._rows = 0
        # Times hardly repeat: a dictionary of them costs time and a third of the size.
        repeated = [f.name for f in schema if f.type not in (pa.float64(), pa.int64())]
        self._writer = pq.ParquetWriter(
            self._partial, schema, compression="zstd", use_dictionary=repeated
        )

    def write(self, table: pa.Table) -> None:
        """Takes rows; they must have the schema and come in the order of the file."""
        self._waiting.append(table)
        self._rows += len(table)
        if self._rows >= ROW_GROUP:
            rows = pa.concat_tables(self._waiting)
            whole = len(rows) // ROW_GROUP * ROW_GROUP
            self._writer.write_table(rows.slice(0, whole), row_group_size=ROW_GROUP)
            self._waiting = [rows.slice(whole)]
            self._rows = len(rows) - whole

    def close(self) -> None:
        """Writes what is left; the file does not have its name yet."""
        if self._rows:
            # combined: row groups must not remember in which pieces their rows came
            rows = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(rows, row_group_size=ROW_GROUP)
        self._writer.close()

    def publish(self) -> None:
        """Gives the closed file its name."""
        self._partial.replace(self._path)

    def discard(self) -> None:
        """Removes what was written."""
        self._writer.close()
        self._partial.unlink(missing_ok=True)


@contextmanager
def written(folder: Path, **schemas: pa.Schema) -> Iterator[list[TableWriter]]:
    """Writers of tables that belong together.

    The files get their names only when the block has ended without an error and all of them are
    whole; files of those names stay as they were until then.

    Args:
        folder: must exist.
        schemas: of each table, by name: ``notes=NOTES`` becomes ``notes.parquet``.

    Yields:
        A writer for each table.
    """
    writers: list[TableWriter] = []
    try:
        for name, schema in schemas.items():
            writers.append(TableWriter(folder / f"{name}.parquet", schema))
        yield writers
        for writer in writers:
            writer.close()
        for writer in writers:
            writer.publish()
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
