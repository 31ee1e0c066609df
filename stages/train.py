"""Trains the selected model: ``python -m stages.train TOKENS MODEL METRICS CURVES``."""

import sys
from pathlib import Path
from typing import Any

from tonerow import models, params, reports, runtime, tracking, windows
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.training import loop as training
from tonerow.training.checkpoint import Snapshots, save_model


def main() -> None:
    """Trains, with a live MLflow run; an interrupted training goes on where it stopped."""
    tokens, model_path, metrics, curves = (Path(argument) for argument in sys.argv[1:5])
    settings = params.load()
    device = runtime.prepare(settings.train.device, settings.train.threads, settings.seed)
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8"))
    section = settings.selected.model_dump()
    model = models.build(section, windows.vocabularies(tokenizer)).to(device)
    train, val = (windows.VIEWS[model.view](tokens, side).to(device) for side in ("train", "val"))
    snapshots = Snapshots.of(
        settings, [tokenizer.fingerprint(), train.digest(), val.digest(), device.type]
    )
    print(f"{settings.model}: {model.n_parameters():,} parameters on {device}", flush=True)
    with tracking.start(settings) as run:

        def on_epoch(row: training.EpochRow, snapshot: dict[str, Any]) -> None:
            print(reports.line(row), flush=True)
            run.log_epoch(int(row["epoch"]), row)
            snapshots.save(snapshot)

        before = snapshots.load()
        for row in before["progress"]["curves"] if before else []:
            run.log_epoch(int(row["epoch"]), row)
        done = training.fit(model, train, val, settings, on_epoch, before)
        model.load_state_dict(done.best_weights)
        save_model(model_path, model, section, tokenizer.fingerprint())
        reports.write_csv(curves, done.curves)
        reports.write_json(metrics, {"parameters": model.n_parameters(), **done.summary()})
        speed = {"notes_per_second": done.notes / done.seconds}
        speed |= {"training_seconds": done.seconds}
        run.log_summary({**speed, "parameters": model.n_parameters()})
        run.finish(model_path)
    snapshots.remove()


if __name__ == "__main__":
    try:
        main()
    except (params.ParamsError, training.TrainingError) as error:
        sys.exit(str(error))
