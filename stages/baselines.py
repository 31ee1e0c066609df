"""Scores what a model stands beside: ``python -m stages.baselines SPLITS TOKENS OUT METRICS``."""

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

import joblib
from threadpoolctl import threadpool_limits

from stages import run
from tonerow import params, reports
from tonerow.evaluation import baselines
from tonerow.evaluation.intervals import read_works
from tonerow.tokens.tokenizer import Tokenizer


class LabelledLines(io.TextIOBase):
    """Standard error of one of several processes: no bars, and each line says what it is about."""

    def __init__(self, about: str) -> None:
        self._about, self._stream = about, sys.stderr

    def write(self, text: str) -> int:
        """Writes a line, or its end."""
        return self._stream.write(text if text == "\n" else f"{self._about}, {text}")

    def flush(self) -> None:
        """Hands on what was written."""
        self._stream.flush()


def scored(view: str, splits: Path, tokens: Path, out: Path, orders: list[int]) -> dict[str, Any]:
    """Fits on train, chooses on val and scores val and test of a view."""
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8"))
    works = read_works(splits)
    # more threads would sum in another order
    with contextlib.redirect_stderr(LabelledLines(view)), threadpool_limits(1):
        pieces, opponents = baselines.opponents(view, tokens, tokenizer, orders)
    reports.write_table(out / f"{view}.parquet", baselines.table(pieces, opponents, works))
    return baselines.summarise(pieces, opponents, works)


def main() -> None:
    """Scores all views side by side, each in a process of its own."""
    splits, tokens, out, metrics = (Path(argument) for argument in sys.argv[1:5])
    orders = params.load().evaluate.ngram_orders
    out.mkdir(parents=True, exist_ok=True)
    views = baselines.compared_views(tokens)
    work = (joblib.delayed(scored)(view, splits, tokens, out, orders) for view in views)
    at_once = min(len(views), os.cpu_count() or 1) or 1
    summaries = dict(zip(views, joblib.Parallel(at_once)(work), strict=True))
    for view, summary in summaries.items():
        for name, scores in summary["test"].items():
            print(f"{view}, {name}: {reports.line(scores)}")
        for sentence in summary["edges"]:
            print(f"{view}: on val, {sentence}")
    reports.write_json(metrics, summaries)


if __name__ == "__main__":
    run(main, params.ParamsError)
