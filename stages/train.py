"""Trains the selected model: ``python -m stages.train TOKENS MODEL METRICS CURVES``."""

import sys
from dataclasses import replace
from pathlib import Path

from stages import run
from tonerow import params, reports, tracking, training
from tonerow.model_files import open_model, save_model
from tonerow.views import VIEWS


def main() -> None:
    """Trains, with a live MLflow run; an interrupted training goes on where it stopped."""
    tokens, model_file, metrics, curves = (Path(argument) for argument in sys.argv[1:5])
    settings = params.load()
    opened = open_model(settings, tokens, settings.train.seed)
    model = opened.model
    load = VIEWS[model.view].load
    train, val = (load(tokens, side).to(opened.device) for side in ("train", "val"))
    print(f"{settings.name}: {model.n_parameters():,} parameters on {opened.device}", flush=True)
    data = [opened.tokenizer.fingerprint(), train.digest(), val.digest(), opened.device.type]
    snapshots = training.Snapshots.of(settings, data)
    with tracking.start(settings) as tracked:
        journal = training.Journal(tracked.log_epoch, snapshots)
        resume = journal.resumed()
        done = training.fit(model, train, val, settings, journal.epoch_ended, resume)
        model.load_state_dict(done.best_weights)
        save_model(model_file, model, replace(opened.about, scores=done.summary()))
        reports.write_csv(curves, done.curves)
        reports.write_json(metrics, {"parameters": model.n_parameters(), **done.summary()})
        tracked.log_summary({"parameters": model.n_parameters(), **done.speed()})
        tracked.finish(model_file)
    snapshots.remove()


if __name__ == "__main__":
    run(main, params.ParamsError, training.TrainingError)
