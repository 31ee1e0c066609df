"""Scores the model and the baselines: ``python -m stages.evaluate TOKENS MODEL METRICS BASELINES``."""

import sys
from pathlib import Path

from tonerow import params, reports, runtime, windows
from tonerow.evaluation import ngram
from tonerow.evaluation import scores as evaluation
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.training.checkpoint import CheckpointError, load_model


def main() -> None:
    """Scores every held-out note once, by the model and by the baselines beside it."""
    tokens, model_path, metrics, beside = (Path(argument) for argument in sys.argv[1:5])
    settings = params.load()
    device = runtime.prepare(settings.train.device, settings.train.threads, settings.seed)
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8")).fingerprint()
    model, section = load_model(model_path, device, tokenizer)
    held_out = {s: windows.VIEWS[model.view](tokens, s).to(device) for s in ("val", "test")}
    scores = evaluation.report(model, held_out, settings.evaluate)
    load = windows.BASELINE_VIEWS[model.view]
    sides = {side: load(tokens, side) for side in windows.SPLITS}
    lines = {side: (notes.values["pitch"].numpy(), notes.first) for side, notes in sides.items()}
    baselines = ngram.baselines(lines.pop("train"), lines, settings.evaluate.ngram_orders)
    heads = {k: section[k] for k in ("time_head", "density", "components") if k in section}
    about = {"architecture": section["architecture"], "conditions_on": model.conditions_on}
    reports.write_json(metrics, {"model": about | heads, **scores})
    reports.write_json(beside, baselines)
    print(f"test: {reports.line(scores['test'])}")
    for name in ("ngram", "ngram_cache"):
        print(f"{name}: pitch {reports.line(baselines['test'][name])}")


if __name__ == "__main__":
    try:
        main()
    except (params.ParamsError, CheckpointError) as error:
        sys.exit(str(error))
