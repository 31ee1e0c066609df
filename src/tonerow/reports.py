"""How stages write results: JSON and CSV that diff well, and Parquet; each whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tonerow.files import replaced

DIGITS = 6
"""Significant digits of a float: enough to compare, few enough to read."""


def rounded(value: Any) -> Any:
    """The same tree with every float at `DIGITS` significant digits."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a metrics file, its keys in the given order."""
    text = json.dumps(rounded(content), indent=2, ensure_ascii=False, allow_nan=False)
    with replaced(path) as place:
        place.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows with the same keys as a CSV file."""
    with replaced(path) as place, place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rounded(rows))


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a table as Parquet."""
    with replaced(path) as place:
        pq.write_table(table, place, compression="zstd")


def line(row: Mapping[str, Any]) -> str:
    """The numbers of one row as a line for the terminal."""
    numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
    return "  ".join(f"{key} {value:.4g}" for key, value in numbers.items())
