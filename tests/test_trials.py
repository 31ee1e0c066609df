"""A trial outside the pipeline goes from files to scores."""

from __future__ import annotations

from pathlib import Path

from tests import tiny
from tonerow import splitting, trials
from tonerow.evaluation.intervals import Estimate
from tonerow.params import Params
from tonerow.views import VIEWS


def chosen(model: str) -> Params:
    return tiny.settings(model, corpus="folder", ingest__workers=1, training__epochs=1)


def test_a_corpus_is_read_split_learned_from_and_scored(tmp_path: Path) -> None:
    settings = chosen("lstm_local small")
    account = trials.read(settings, tmp_path)
    assert account["kept"] > 3
    sides, _ = splitting.split(tmp_path / "interim", settings.split)
    tokens = trials.tokenized(tmp_path / "interim", sides, tmp_path / "work", settings)
    of = trials.trained(tokens, settings)
    assert of.progress.epoch == 1
    assert of.test.pieces.ids == VIEWS["melody"].load(tokens, "test").ids
    assert len(of.test.fields["pitch"]["nats"]) == of.test.pieces.n_notes > 0


def test_tables_are_markdown() -> None:
    row = ["a", trials.cell(Estimate(2.0, 1.5, 2.25))]
    assert trials.markdown(["model", "nats"], [row]) == (
        "| model | nats |\n| --- | --- |\n| a | 2.000 [1.500, 2.250] |"
    )
