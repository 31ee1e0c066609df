"""A reading as bytes: how it travels between processes and lies in the cache. Never a pickle.

The rows as JSON, then the notes as an Arrow stream without their piece_id, which would be most of
it; the rows say how many notes each piece has. Neither says where the source lies: `unpack` adds
that, so that one entry of the cache serves every copy of a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tonerow.ingest.sources import Source
from tonerow.notes.schema import NOTES, PIECES

ROW = (*PIECES.names, "n_equal_notes")
"""What is told of a piece: `PIECES`, and how many notes equal to others were left out."""

_COLUMNS = pa.schema(list(NOTES)[1:])
_LENGTH_BYTES = 8
_SMALL = pa.ipc.IpcWriteOptions(compression="lz4")  # else writing the cache waits for the disk


def pack(rows: Sequence[dict[str, Any]], tables: Sequence[pa.Table]) -> bytes:
    """Makes bytes of pieces.

    Args:
        rows: of `ROW`, in order; piece_id is the tune's number, "" for a MIDI file.
        tables: of `NOTES`, one for each kept piece, in the same order; their piece_id is not kept.

    Returns:
        The same bytes for the same pieces.
    """
    head = json.dumps(list(rows), ensure_ascii=True).encode()
    packed = [len(head).to_bytes(_LENGTH_BYTES, "big"), head]
    if tables:
        sink = pa.BufferOutputStream()
        columns = pa.concat_tables(tables).select(_COLUMNS.names).combine_chunks()
        with pa.ipc.new_stream(sink, _COLUMNS, options=_SMALL) as stream:
            stream.write_table(columns)
        packed.append(sink.getvalue().to_pybytes())
    return b"".join(packed)


def unpack(packed: bytes, source: Source) -> tuple[list[dict[str, Any]], pa.Table]:
    """The rows and the notes of a reading, named after where its source lies.

    Args:
        packed: by `pack`.
        source: where it was read; what the corpus's list of pieces says of it goes before what
            the file itself says.

    Returns:
        Rows of `ROW`, and a table of `NOTES`, which may be empty.
    """
    body = _LENGTH_BYTES + int.from_bytes(packed[:_LENGTH_BYTES], "big")
    rows = json.loads(packed[_LENGTH_BYTES:body])
    for row in rows:
        number = row["piece_id"]
        row |= {
            "piece_id": f"{source.source_path}/{number}" if number else source.source_path,
            "source_path": source.source_path,
            "source_format": source.kind,
            "composer": source.composer or row["composer"],
            "title": source.title or row["title"],
            "official_split": source.official_split,
        }
    if body == len(packed):
        return rows, NOTES.empty_table()
    columns = pa.ipc.open_stream(pa.py_buffer(packed)[body:]).read_all()
    kept = [row for row in rows if row["rejected_because"] is None]
    names = [pa.repeat(pa.scalar(row["piece_id"]), row["n_notes"]) for row in kept]
    return rows, pa.Table.from_arrays([pa.chunked_array(names), *columns.columns], schema=NOTES)
