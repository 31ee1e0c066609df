"""The table that compares models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests import shipped
from tonerow import tracking
from tonerow.models import find
from tonerow.tracking import comparison

SETTINGS = shipped.settings()
LABELS = ("melody", "all notes", "characters")


def run(model: str = "lstm_local", seed: int = 1, /, **metrics: float) -> dict[str, Any]:
    recipe = frozenset({("model", model)})
    own = {"model": model, "train.seed": str(seed), "recipe": recipe, "run_id": f"{model} {seed}"}
    return {**own, **metrics, "evaluate/test.notes": 9.0}


def notes(nats: list[float], pieces: str = "aabb") -> pa.Table:
    columns = {"split": ["test"] * len(nats), "piece_id": list(pieces), "work_id": list(pieces)}
    return pa.table({**columns, "pitch_nats": nats})


def row(*runs: dict[str, Any], tables: dict[str, pa.Table] | None = None) -> comparison.Row:
    held = tables or {}
    return comparison.with_notes(runs[0]["model"], runs, lambda of: held.get(of["run_id"]))


def test_the_latest_run_of_each_seed_of_the_recipe_that_is_asked_for() -> None:
    unfinished = {key: value for key, value in run("a").items() if key != "evaluate/test.notes"}
    other = {**run("a", x=5.0), "recipe": frozenset({("model", "a"), ("dropout", "0.9")})}
    runs = [unfinished, other, run("a", 2), run("b"), run("a", 1, x=1.0), run("a", 1, x=2.0)]
    asked = {name: run(name)["recipe"] for name in ("b", "c", "a")}
    assert comparison.latest(runs, asked) == {"b": [runs[3]], "a": [runs[2], runs[4]]}


def test_an_experiment_is_compared_by_its_own_recipe() -> None:
    named = {**run("a", 3), "dvc_experiment": "wide"}
    runs = [run("b"), named, run("a", 4), {**run("b", 5), "dvc_experiment": "wide"}]
    assert comparison.latest(runs, {"wide": None, "narrow": None}) == {"wide": [named, runs[2]]}


def test_a_model_without_the_selected_size_has_no_recipe() -> None:
    sizes = {"published": SETTINGS.models["rnn_vanilla"]["published"]}
    models = {**SETTINGS.models, "rnn_vanilla": sizes}
    settings = SETTINGS.model_copy(update={"models": models})
    asked = comparison.recipes(settings, ["rnn_vanilla", "lstm_local", "my-experiment"])
    assert asked["rnn_vanilla"] is asked["my-experiment"] is None
    assert asked["lstm_local"] == tracking.recipe_of(SETTINGS)


def test_several_seeds_stand_as_their_mean_and_their_spread() -> None:
    levels = {"evaluate/test.pitch_nll": (0.5, 0.7), "evaluate/test.pitch_nll_low": (0.4, 0.5)}
    runs = [run("lstm_local", i) | {key: of[i] for key, of in levels.items()} for i in (0, 1)]
    runs[0]["evaluate/val.pitch_nll"] = 0.4  # the other run has none, so there is no mean
    shown = rows_of(comparison.table([row(*runs)]))["lstm_local"]
    assert shown["seeds"] == "2"
    assert shown["test pitch nats (95 %)"] == "0.600"  # the runs have no upper end
    assert shown["sd over seeds"] == f"{0.2 / 2**0.5:.4f}"
    assert rows_of(comparison.table([row(runs[0])]))["lstm_local"]["sd over seeds"] == "-"


def test_a_row_stands_beside_the_first_note_by_note() -> None:
    tables = {
        "lstm_local 1": notes([1.0, 1.0, 2.0, 2.0]),
        "lstm_full 1": notes([1.5, 1.0, 2.0, 2.5]),
        "lstm_full 2": notes([1.5, 1.0, 2.0, 3.5]),
        "rnn_vanilla 1": notes([1.0, 1.0, 2.0, 2.0], "aaab"),
    }
    rows = [
        row(run("lstm_local"), tables=tables),
        row(run("lstm_full", 1), run("lstm_full", 2), tables=tables),
        row(run("rnn_vanilla"), tables=tables),  # of other notes
        row(run("lstm_window"), tables=tables),  # kept none
    ]
    shown = rows_of(comparison.table(rows))
    more = "more than the first row (95 %)"
    assert shown["lstm_full"][more] == "0.375 (0.250 to 0.500)"
    assert {shown[name][more] for name in ("lstm_local", "rnn_vanilla", "lstm_window")} == {"-"}


def rows_of(table: str) -> dict[str, dict[str, str]]:
    """The cells of a table by row and header."""
    header, _, *lines = (line for line in table.splitlines() if line.startswith("|"))
    names = [cell.strip() for cell in header.split("|")]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {row[1]: dict(zip(names, row, strict=True)) for row in rows}


def test_a_number_stands_under_its_header_and_what_is_missing_is_a_dash() -> None:
    scored = run() | {
        "train/parameters": 1152448.0,
        "evaluate/test.pitch_accuracy": 0.7361,
        "evaluate/test.pitch_nll": 0.8181,
        "evaluate/test.pitch_nll_low": 0.7839,
        "evaluate/test.pitch_nll_high": 0.8521,
        "rival": "pitch_rhythm",
        "evaluate/test.rival.difference": 0.0581,
        "evaluate/test.rival.difference_low": 0.0461,
        "evaluate/test.rival.difference_high": 0.0699,
    }
    table = comparison.table([row(scored)])
    shown = rows_of(table)["lstm_local"]
    assert shown["accuracy (95 %)"] == "0.736"
    assert shown["its rival"] == "pitch_rhythm"
    assert shown["numbers"] == "1,152,448"
    assert shown["test pitch nats (95 %)"] == "0.818 (0.784 to 0.852)"
    assert shown["more than its rival (95 %)"] == "0.058 (0.046 to 0.070)"
    assert shown["train s"] == "-"
    assert len({len(line) for line in table.splitlines() if line.startswith("|")}) == 1
    sees = (
        f"- lstm_local sees {find('lstm_local').conditions_on.value}; its note bits sum up: pitch"
    )
    assert sees in table.splitlines()


def test_the_opponents_stand_below_the_models_once_for_each_kind_of_notes() -> None:
    scores = {
        f"baselines/{view}.test.{name}.{score}": value
        for view in ("melody", "events", "chars")
        for name, nll in {"ngram": 2.5, "rival_pitch": 0.9}.items()
        for score, value in {"nll": nll, "accuracy": 0.4}.items()
    }
    scores["baselines/melody.test.rival_pitch.numbers_fitted"] = 44.0
    names = ["lstm_local", "lstm_char", "rnn_heads"]
    rows = rows_of(comparison.table([row(run(name) | scores) for name in names]))
    grams, rivals = [f"ngram, {of}" for of in LABELS], [f"rival pitch, {of}" for of in LABELS]
    assert set(rows) == {*names, *grams, *rivals}
    assert [name.split(",")[0] for name in rows] == [*names, *["ngram"] * 3, *["rival pitch"] * 3]
    assert rows["rival pitch, melody"]["numbers"] == "44"
    assert rows["ngram, melody"]["test pitch nats (95 %)"].startswith("2.500")
    assert rows["ngram, all notes"]["accuracy (95 %)"] == "0.400"
    assert rows["lstm_local"]["test pitch nats (95 %)"] == "-"
    assert rows["ngram, characters"]["test char nats (95 %)"] == "2.500"
    assert rows["ngram, characters"]["test pitch nats (95 %)"] == "-"


def test_finished_runs_of_the_corpus_are_found(root: Path) -> None:
    (root / "model.pt").write_bytes(b"weights")
    with tracking.start(SETTINGS) as finished:
        finished.log_summary({"training_seconds": 3.0})
        finished.finish(root / "model.pt")
    with tracking.start(SETTINGS) as failed:
        failed.fail()
    (only,) = tracking.finished(SETTINGS)
    assert (only["model"], only["size"]) == (SETTINGS.model, SETTINGS.size)
    assert only["training_seconds"] == 3.0
    assert only["recipe"] == tracking.recipe_of(SETTINGS)
    assert tracking.scores(SETTINGS, only["run_id"]) is None
    assert tracking.finished(shipped.settings({"corpus": "maestro"})) == []


def test_seed_and_threads_of_the_training_are_no_part_of_a_recipe() -> None:
    recipe = tracking.recipe_of(SETTINGS)
    assert tracking.recipe_of(shipped.settings({"train.seed": 7, "train.threads": 3})) == recipe
    assert tracking.recipe_of(shipped.settings({"split.seed": 7})) != recipe


def test_without_a_run_the_command_says_what_to_do(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "params.yaml").write_text(shipped.text(), encoding="utf-8")
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["comparison"])
    with pytest.raises(SystemExit, match="train a model first"):
        comparison.main()
