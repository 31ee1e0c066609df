"""Parquet tables written as their rows arrive, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tonerow.files import replaced

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
        self._waiting: list[pa.Table] = [schema.empty_table()]
        self._rows = 0
        # Times hardly repeat: a dictionary of them costs time and a third of the size.
        repeated = [f.name for f in schema if f.type not in (pa.float64(), pa.int64())]
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated)

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
        """Writes what is left and closes the file."""
        if self._rows:
            # combined: row groups must not remember in which pieces their rows came
            rows = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(rows, row_group_size=ROW_GROUP)
        self._writer.close()

    def abandon(self) -> None:
        """Closes a file that will be removed; one that is closed stays so."""
        with suppress(OSError):  # such as a full disk, which is why it is abandoned
            self._writer.close()


@contextmanager
def written(folder: Path, **schemas: pa.Schema) -> Iterator[list[TableWriter]]:
    """Writers of tables that belong together.

    The files get their names only when the block has ended without an error and all of them are
    whole; files of those names stay as they were until then.

    Args:
        folder: made if it is missing.
        schemas: of each table, by name: ``notes=NOTES`` becomes ``notes.parquet``.

    Yields:
        A writer for each table.
    """
    with ExitStack() as stack:
        writers: list[TableWriter] = []
        for name, schema in schemas.items():
            place = stack.enter_context(replaced(folder / f"{name}.parquet"))
            writers.append(TableWriter(place, schema))
            stack.callback(writers[-1].abandon)
        yield writers
        for writer in writers:
            writer.close()
