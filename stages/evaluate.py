"""Scores the model: ``python -m stages.evaluate SPLITS TOKENS RIVALS MODEL SCORES METRICS``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params, reports
from tonerow.evaluation.report import report
from tonerow.model_files import ModelFileError, open_model


def main() -> None:
    """Scores every held-out note once, beside the rival that sees as much."""
    splits, tokens, rivals, model_file, scores, metrics = map(Path, sys.argv[1:7])
    settings = params.load()
    opened = open_model(settings, tokens, settings.train.seed, model_file)
    summary, table = report(opened, splits, tokens, rivals, settings.evaluate)
    reports.write_table(scores, table)
    reports.write_json(metrics, summary)
    print(f"test: {reports.line(summary['test'])}")


if __name__ == "__main__":
    run(main, params.ParamsError, ModelFileError)
