"""Scores what a model stands beside: ``python -m stages.baselines SPLITS TOKENS OUT METRICS``."""

import os
import sys
from pathlib import Path

from stages import run
from tonerow import params, reports
from tonerow.evaluation import baselines
from tonerow.evaluation.intervals import read_works
from tonerow.tokens.tokenizer import Tokenizer

AT_ONCE = 4
"""Processes at most: each takes some 300 MB on the default corpus."""


def main() -> None:
    """Fits on train, chooses on val and scores val and test, once a corpus."""
    splits, tokens, out, metrics = (Path(argument) for argument in sys.argv[1:5])
    orders = params.load().evaluate.ngram_orders
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    works, summaries, jobs = read_works(splits), {}, min(AT_ONCE, os.cpu_count() or 1)
    for view in baselines.compared_views(tokens):
        pieces, scored = baselines.opponents(view, tokens, tokenizer, orders, jobs)
        reports.write_table(out / f"{view}.parquet", baselines.table(pieces, scored, works))
        summaries[view] = baselines.summarise(pieces, scored, works)
        for name, scores in summaries[view]["test"].items():
            print(f"{view}, {name}: {reports.line(scores)}")
        for sentence in summaries[view].get("edges", ()):
            print(f"{view}: on val, {sentence}")
    reports.write_json(metrics, summaries)


if __name__ == "__main__":
    run(main, params.ParamsError)
