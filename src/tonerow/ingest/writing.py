"""Parquet tables written as their rows arrive, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 2**17
"""Rows a row group: what a reader that streams must hold at once."""


class TableWriter:
    """Writes one Parquet file in row groups of `ROW_GROUP` rows.

    The file gets its name only when the `with` block ends without an error, and a file of that name
    stays as it was until then. Equal rows give equal bytes, however they were cut into tables.

    Args:
        path: of the file; its folder must exist.
        schema: of the rows.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> TableWriter:
        # Times hardly repeat: a dictionary of them costs time and a third of the size.
        repeated = [f.name for f in self._schema if f.type not in (pa.float64(), pa.int64())]
        self._writer = pq.ParquetWriter(
            self._partial, self._schema, compression="zstd", use_dictionary=repeated
        )
        return self

    def write(self, table: pa.Table) -> None:
        """Takes rows; they must have the schema and come in the order of the file."""
        self._waiting.append(table)
        self._rows += len(table)
        if self._rows >= ROW_GROUP:
            rows = self._merged()
            whole = len(rows) // ROW_GROUP * ROW_GROUP
            self._write(rows.slice(0, whole))
            self._waiting = [rows.slice(whole)]
            self._rows = len(rows) - whole

    def _merged(self) -> pa.Table:
        return pa.concat_tables(self._waiting or [self._schema.empty_table()])

    def _write(self, rows: pa.Table) -> None:
        assert self._writer is not None
        self._writer.write_table(rows, row_group_size=ROW_GROUP)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._writer is not None
        try:
            if error is None and self._rows:
                # combined: row groups must not remember in which pieces their rows came
                self._write(self._merged().combine_chunks())
        finally:
            self._writer.close()
            if error is not None:
                self._partial.unlink(missing_ok=True)
        if error is None:
            self._partial.replace(self._path)
