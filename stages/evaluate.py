"""Scores the model: ``python -m stages.evaluate INTERIM SPLITS TOKENS RIVALS MODEL OUT METRICS``.

OUT gets the scores of every note, pictures and ``calibration.csv``, METRICS (a folder)
``evaluate.json``, ``where.json`` and ``val_works.json``.
"""

import sys
from pathlib import Path

from stages import run
from tonerow import params, reports
from tonerow.evaluation.picture import draw
from tonerow.evaluation.report import Folders, report
from tonerow.model_files import ModelFileError, open_model


def main() -> None:
    """Scores every held-out note once, beside the rival that sees no more."""
    *read, model_file, out, metrics = map(Path, sys.argv[1:8])
    settings, folders = params.load(), Folders(*read)
    opened = open_model(settings, folders.tokens, settings.train.seed, model_file)
    done = report(opened, folders, settings.evaluate)
    out.mkdir(parents=True, exist_ok=True)
    reports.write_table(out / "notes.parquet", done.notes)
    for split, of in done.where.items():
        draw(out / f"{split}.png", f"{settings.name}, {split}", of, done.calibrations[split])
    reports.write_json(metrics / "evaluate.json", done.summary)
    reports.write_json(metrics / "where.json", done.where)
    reports.write_json(metrics / "val_works.json", {"works": done.works("val")})
    reports.write_csv(out / "calibration.csv", done.curves())
    print(f"test: {reports.line(done.summary['test'])}")


if __name__ == "__main__":
    run(main, params.ParamsError, ModelFileError)
