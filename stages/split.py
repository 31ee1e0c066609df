"""Splits the corpus by work: ``python -m stages.split INTERIM OUT METRICS``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params, reports, splitting


def main() -> None:
    """Writes ``splits.parquet`` and the audit of how much of val and test is also in train."""
    interim, out, metrics = map(Path, sys.argv[1:])
    table, summary = splitting.split(interim, params.load().split)
    reports.write_table(out / "splits.parquet", table)
    reports.write_json(metrics, summary)
    leak = [summary[name]["test_notes_shared_with_train"] for name in ("audit", "audit_by_file")]
    print(f"{table.num_rows} pieces, {summary['n_works']} works; of test's melody notes")
    print(f"{leak[0]:.1%} lie in runs that train holds too ({leak[1]:.1%} if split by file)")


if __name__ == "__main__":
    run(main, params.ParamsError, splitting.SplitError)
