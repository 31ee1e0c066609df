"""A reading as bytes: how it travels between processes and lies in the cache. Never a pickle.

The rows as JSON, then the notes as a compressed Arrow stream, without what the rows say too: the
piece_id, which would be most of it, and the beats. Neither says where the source lies: `unpack` adds
that, so that one entry of the cache serves every copy of a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tonerow.ingest.sources import Source
from tonerow.notes.schema import NOTES, PIECES
from tonerow.notes.table import to_arrow, to_numpy

ROW = (*PIECES.names, "n_equal_notes")
"""What is told of a piece: `PIECES`, and how many notes equal to others were left out."""

_TICKS = {"onset_beat": "onset_tick", "duration_beat": "duration_tick"}
_COLUMNS = pa.schema([field for field in NOTES if field.name not in {"piece_id", *_TICKS}])
_LENGTH_BYTES = 8
_CODEC = "lz4_raw"  # without it, writing the cache waits for the disk


def pack(rows: Sequence[dict[str, Any]], tables: Sequence[pa.Table]) -> bytes:
    """Makes bytes of pieces.

    Args:
        rows: of `ROW`, in order; piece_id is the tune's number, "" for a MIDI file.
        tables: of `NOTES`, one for each kept piece, in the same order; their piece_id is not kept.

    Returns:
        The same bytes for the same pieces.
    """
    head = json.dumps(list(rows), ensure_ascii=True).encode()
    packed = [_length(head), head]
    if tables:
        sink = pa.BufferOutputStream()
        columns = pa.concat_tables(tables).select(_COLUMNS.names).combine_chunks()
        with pa.ipc.new_stream(sink, _COLUMNS) as stream:
            stream.write_table(columns)
        notes = sink.getvalue()
        packed += [_length(notes), pa.compress(notes, _CODEC, asbytes=True)]
    return b"".join(packed)


def _length(data: bytes | pa.Buffer) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES, "big")


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
    notes = body + _LENGTH_BYTES
    size = int.from_bytes(packed[body:notes], "big")
    stream = pa.decompress(pa.py_buffer(packed)[notes:], size, _CODEC)
    table = pa.ipc.open_stream(stream).read_all()
    kept = [row for row in rows if row["rejected_because"] is None]
    n_notes = [row["n_notes"] for row in kept]
    ticks_per_beat = np.repeat([float(row["ticks_per_beat"]) for row in kept], n_notes)
    columns = {name: table[name] for name in table.column_names}
    for beats, ticks in _TICKS.items():
        columns[beats] = to_arrow(beats, to_numpy(table[ticks]) / ticks_per_beat)
    names = [pa.repeat(pa.scalar(row["piece_id"]), n) for row, n in zip(kept, n_notes, strict=True)]
    columns["piece_id"] = pa.chunked_array(names)
    return rows, pa.Table.from_arrays([columns[name] for name in NOTES.names], schema=NOTES)
