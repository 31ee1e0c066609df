"""Scores what a model has to beat: ``python -m stages.baselines TOKENS METRICS``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params, reports
from tonerow.evaluation import ngram
from tonerow.notes.splits import SPLITS
from tonerow.views import VIEWS


def main() -> None:
    """Fits the n-grams on train, chooses on val and scores val and test, once a corpus."""
    tokens, metrics = (Path(argument) for argument in sys.argv[1:3])
    settings = params.load().evaluate
    scores = {}
    for name in sorted({view.compared_with for view in VIEWS.values()}):
        pieces = {side: VIEWS[name].load(tokens, side) for side in SPLITS}
        lines = {side: (own.notes["pitch"].numpy(), own.first) for side, own in pieces.items()}
        scores[name] = ngram.baselines(lines.pop("train"), lines, settings.ngram_orders)
        for baseline, own in scores[name]["test"].items():
            print(f"{name}, {baseline}: {reports.line(own)}")
    reports.write_json(metrics, scores)


if __name__ == "__main__":
    run(main, params.ParamsError)
