"""Trains the selected model: ``python -m stages.train TOKENS MODEL METRICS CURVES``."""

import sys
from dataclasses import replace
from pathlib import Path

from stages import run
from tonerow import params, reports, runtime, tracking, training
from tonerow.model_files import Opened, open_model, save_model
from tonerow.views import VIEWS, Pieces


def main() -> None:
    """Trains, with a live MLflow run; an interrupted training goes on where it stopped."""
    tokens, model_file, metrics, curves = (Path(argument) for argument in sys.argv[1:5])
    settings = params.load()
    opened, train, val = prepared(settings, tokens)
    model = opened.model
    print(f"{settings.name}: {model.n_parameters():,} parameters on {opened.device}", flush=True)
    data = [opened.tokenizer.fingerprint(), train.digest(), val.digest(), opened.device.type]
    snapshots = training.Snapshots.of(settings, data)
    size = runtime.processes(opened.device, settings.train.processes)
    others = training.team_of(size, opened.device.type, follow, settings, tokens)
    with others as team, tracking.start(settings) as tracked:
        journal = training.Journal(tracked.log_epoch, snapshots)
        resume = journal.resumed()
        done = training.fit(model, train, val, settings, journal.epoch_ended, resume, team)
        model.load_state_dict(done.best_weights)
        save_model(model_file, model, replace(opened.about, scores=done.summary()))
        reports.write_csv(curves, done.curves)
        reports.write_json(metrics, {"parameters": model.n_parameters(), **done.summary()})
        tracked.log_summary({"parameters": model.n_parameters(), **done.speed()})
        tracked.finish(model_file)
    snapshots.remove()


def prepared(settings: params.Params, tokens: Path) -> tuple[Opened, Pieces, Pieces]:
    """A new model, and what it learns from and is chosen by."""
    opened = open_model(settings, tokens, settings.train.seed)
    load = VIEWS[opened.model.view].load
    train, val = (load(tokens, side).to(opened.device) for side in ("train", "val"))
    return opened, train, val


def follow(team: training.Team, settings: params.Params, tokens: Path) -> None:
    """What every process but the first does, see `tonerow.training.team`: it learns, and tells none."""
    opened, train, val = prepared(settings, tokens)
    training.fit(opened.model, train, val, settings, lambda row, snapshot: None, team=team)


if __name__ == "__main__":
    run(main, params.ParamsError, training.TrainingError, training.TeamError)
