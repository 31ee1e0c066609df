"""Scores the model: ``python -m stages.evaluate SPLITS TOKENS MODEL SCORES METRICS``."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages import run
from tonerow import params, reports
from tonerow.evaluation.intervals import read_works
from tonerow.evaluation.scores import evaluate
from tonerow.evaluation.summary import note_table, summarise
from tonerow.model_files import ModelFileError, open_model
from tonerow.views import VIEWS


def main() -> None:
    """Scores every held-out note once."""
    splits, tokens, model_file, scores, metrics = (Path(argument) for argument in sys.argv[1:6])
    settings = params.load()
    opened = open_model(settings, tokens, settings.train.seed, model_file)
    model = opened.model
    scored = {
        side: evaluate(
            model, VIEWS[model.view].load(tokens, side).to(opened.device), settings.evaluate
        )
        for side in ("val", "test")
    }
    scores.parent.mkdir(parents=True, exist_ok=True)
    tables = [note_table(own, side) for side, own in scored.items()]
    pq.write_table(pa.concat_tables(tables), scores, compression="zstd")
    about = {
        "model": opened.about.model,
        "size": opened.about.size,
        "sees": model.conditions_on.tag,
    }
    works = read_works(splits)
    summaries = {side: summarise(own, works) for side, own in scored.items()}
    reports.write_json(metrics, {**about, **summaries})
    print(f"test: {reports.line(summaries['test'])}")


if __name__ == "__main__":
    run(main, params.ParamsError, ModelFileError)
