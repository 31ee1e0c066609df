"""The two passes over the tables: fit on the train pieces, then write every piece's fields.

Memory is bounded by `CHUNK` notes plus the longest piece. Notes are cut into chunks of whole pieces
in a way that depends on the notes alone, so that neither the row groups of the input nor, for the
fit, the held-out pieces change a digit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tonerow.files import replaced
from tonerow.notes.schema import TOKEN_CHARS, TOKEN_NOTES
from tonerow.notes.splits import SPLITS
from tonerow.params import Tokenize
from tonerow.progress import progress
from tonerow.tokens.encoding import encode, instruments, piece_starts
from tonerow.tokens.fitting import Fit
from tonerow.tokens.reduction import header_of, reduce_tune
from tonerow.tokens.tokenizer import Tokenizer

CHUNK = 65_536
"""Notes that are held at once, at least; the piece that crosses this border is held whole."""

TUNES = 1_024
"""Tunes that are held at once."""


@dataclass
class Summary:
    """What was written, and how far train's vocabularies reach.

    Attributes:
        tokenizer: as fitted.
        notes: number of notes by split.
        tunes: number of ABC tunes by split.
        unseen: held-out values by vocabulary that train does not have.
        held_out: held-out values by vocabulary, in all.
    """

    tokenizer: Tokenizer
    notes: Counter[str] = field(default_factory=Counter)
    tunes: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    held_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """One line per split and one per vocabulary."""
        fitted = self.tokenizer
        sizes = {
            "offset": len(fitted.offsets),
            "duration": len(fitted.durations),
            "instrument": len(fitted.instruments),
            "character": len(fitted.alphabet),
        }
        lines = [
            f"{split:<10} {self.notes[split]:>10,} notes {self.tunes[split]:>8,} ABC tunes"
            for split in SPLITS
        ]
        for name, size in sizes.items():
            share = self.unseen[name] / max(1, self.held_out[name])
            lines.append(
                f"{name:<10} {size:>10,} values {share:>10.4%} of held-out ones not in train"
            )
        return "\n".join(lines)


def tokenize(interim: Path, splits: Path, out: Path, settings: Tokenize) -> Summary:
    """Fits a tokenizer on the train pieces and writes the fields of all.

    Args:
        interim: folder with pieces.parquet and notes.parquet.
        splits: folder with splits.parquet.
        out: folder for notes.parquet (a row group a chunk), chars.parquet (without rows if no piece
            is ABC) and tokenizer.json; made if it is missing.
        settings: the tokenize section of the parameters.

    Returns:
        What was written.

    Raises:
        ValueError: the tables do not fit together (a piece has no split, the notes are not sorted
            by piece, a kept tune has no count of notes or no key), or train is empty.
    """
    table = pq.read_table(splits / "splits.parquet", columns=["piece_id", "split"])
    sides = dict(zip(*(table.column(i).to_pylist() for i in range(2)), strict=True))
    fit = _fit(interim, sides, settings)
    summary = Summary(fit.tokenizer())
    with ExitStack() as stack:
        names = "tokenizer.json", "notes.parquet", "chars.parquet"
        fitted, notes, chars = (stack.enter_context(replaced(out / name)) for name in names)
        fitted.write_text(summary.tokenizer.to_json(), encoding="utf-8", newline="\n")
        _write_notes(interim / "notes.parquet", notes, sides, fit, summary)
        _write_chars(interim / "pieces.parquet", chars, sides, summary)
    return summary


def _fit(interim: Path, sides: dict[str, str], settings: Tokenize) -> Fit:
    fit = Fit(settings)
    batches = _read_notes(interim / "notes.parquet", sides, "fit")
    train = (batch.filter(pc.field("split") == "train") for batch in batches)
    for notes in whole_pieces(train):
        fit.add_notes(notes)
    for piece_id, text, _ in _read_tunes(interim / "pieces.parquet"):
        if sides[piece_id] == "train":
            fit.add_tune(reduce_tune(text, settings.abc_fields))
    return fit


def _write_notes(
    source: Path, target: Path, sides: dict[str, str], fit: Fit, summary: Summary
) -> None:
    fitted = summary.tokenizer
    batches = _read_notes(source, sides, "encode")
    with pq.ParquetWriter(target, TOKEN_NOTES, compression="zstd") as writer:
        for notes in whole_pieces(batches):
            fields = encode(fitted, notes)
            split = notes.column("split").combine_chunks()
            writer.write_table(fields.add_column(1, TOKEN_NOTES.field("split"), split))
            for count in split.value_counts().to_pylist():
                summary.notes[count["values"]] += count["counts"]
            _count_unseen(notes.filter(pc.field("split") != "train"), fit, summary)


def _count_unseen(held_out: pa.Table, fit: Fit, summary: Summary) -> None:
    fitted = summary.tokenizer
    offset, duration = fit.on_grid(held_out, piece_starts(held_out))
    for name, values, known in (
        ("offset", fit.grid[offset], fitted.offsets),
        ("duration", fit.grid[duration], fitted.durations),
        ("instrument", instruments(held_out), fitted.instruments),
    ):
        summary.held_out[name] += len(values)
        summary.unseen[name] += int(np.isin(values, known, invert=True).sum())


def _write_chars(source: Path, target: Path, sides: dict[str, str], summary: Summary) -> None:
    fitted = summary.tokenizer
    alphabet = set(fitted.alphabet)
    with pq.ParquetWriter(target, TOKEN_CHARS, compression="zstd") as writer:
        tunes = _read_tunes(source)
        while batch := list(islice(tunes, TUNES)):
            rows: list[tuple[str, str, list[int], int, int]] = []
            for piece_id, text, n_notes_written in batch:
                split, reduced = sides[piece_id], reduce_tune(text, fitted.abc_fields)
                ids = fitted.encode_text(reduced)
                rows.append((piece_id, split, ids, len(header_of(reduced)), n_notes_written))
                summary.tunes[split] += 1
                if split != "train":
                    summary.held_out["character"] += len(reduced)
                    summary.unseen["character"] += sum(c not in alphabet for c in reduced)
            columns = [list(values) for values in zip(*rows, strict=True)]
            writer.write_table(pa.table(columns, schema=TOKEN_CHARS))


def _read_notes(source: Path, sides: dict[str, str], desc: str) -> Iterator[pa.Table]:
    """The needed columns, and split, in batches that may cut a piece."""
    times = ["onset_beat", "duration_beat"]
    columns = ["piece_id", "program", "is_drum", "is_melody", "pitch", "velocity", *times]
    file = pq.ParquetFile(source)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    batches = (
        batch
        for i in range(len(sizes))
        for batch in file.iter_batches(CHUNK, row_groups=[i], columns=columns)
    )
    total = sum(-(-size // CHUNK) for size in sizes)
    for batch in progress(batches, total=total, desc=desc, unit="batches"):
        pieces = batch.column("piece_id").dictionary_encode()
        names = pieces.dictionary.to_pylist()
        if lost := next((name for name in names if name not in sides), None):
            raise ValueError(f"piece {lost} has notes but no split; run the split stage again")
        split = pa.array([sides[name] for name in names], pa.string()).take(pieces.indices)
        yield pa.Table.from_batches([batch]).append_column("split", split)


def _read_tunes(source: Path) -> Iterator[tuple[str, str, int]]:
    """piece_id, text and notes as written of each kept ABC tune, in order."""
    columns = ["piece_id", "abc_text", "n_notes_written", "rejected_because"]
    for batch in pq.ParquetFile(source).iter_batches(TUNES, columns=columns):
        for row in batch.to_pylist():
            if row["abc_text"] is None or row["rejected_because"] is not None:
                continue
            if (n_notes_written := row.get("n_notes_written")) is None:
                raise ValueError(
                    f"tune {row['piece_id']} has no n_notes_written; run the ingest stage again"
                )
            yield row["piece_id"], row["abc_text"], n_notes_written


def whole_pieces(batches: Iterable[pa.Table], size: int | None = None) -> Iterator[pa.Table]:
    """The same notes in chunks of at least `size` (the last may be smaller), cut between pieces.

    Args:
        batches: notes sorted by piece_id, cut anywhere.
        size: notes a chunk, at least; None: `CHUNK`.

    Yields:
        Whole pieces; where they are cut depends on the notes alone.

    Raises:
        ValueError: a piece_id comes after a greater one, or again.
    """
    size = CHUNK if size is None else size
    held: list[pa.Table] = []
    rows = 0
    last = ""
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while rows > size:
            notes = pa.concat_tables(held)
            starts = piece_starts(notes)
            cut = starts[starts >= size]
            held = [notes]
            if not len(cut):
                break
            chunk, held = notes[: cut[0]], [notes[cut[0] :]]
            rows = held[0].num_rows
            last = _checked_order(chunk, last)
            yield chunk
    if rows:
        chunk = pa.concat_tables(held)
        _checked_order(chunk, last)
        yield chunk


def _checked_order(notes: pa.Table, last: str) -> str:
    """The chunk's last piece_id, once it is certain that they ascend from `last`."""
    ids = notes.column("piece_id").take(piece_starts(notes)).to_pylist()
    for before, after in zip([last, *ids], ids, strict=False):
        if before >= after:
            raise ValueError(
                f"the notes are not sorted by piece_id: {after!r} comes after {before!r}; "
                "run the ingest stage again"
            )
        last = after
    return last
