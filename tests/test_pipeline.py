"""The whole pipeline, run by DVC in repositories of its own on a small corpus."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pretty_midi
import pyarrow.parquet as pq
import pytest
import torch
from ruamel.yaml import YAML

from tests.repository import (
    EPOCHS,
    Repository,
    md5,
    restored,
    runs_of,
    started,
)
from tonerow.notes import schema
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.tracking.plots import main as draw_plots

STAGES = [
    *["check", "fetch", "ingest", "split", "tokenize"],
    *["baselines", "train", "evaluate", "generate", "summary", "track"],
]


@pytest.fixture(scope="module")
def repository(finished: tuple[Repository, str]) -> Repository:
    """A repository after its `dvc repro`; each test leaves it as it was."""
    return finished[0]


def test_repro_runs_every_stage_in_order(finished: tuple[Repository, str]) -> None:
    _, repro = finished
    ran = started(repro)
    assert sorted(ran) == sorted(STAGES)
    assert ran[: STAGES.index("baselines")] == STAGES[: STAGES.index("baselines")]
    assert ran.index("train") < min(ran.index("evaluate"), ran.index("generate"))
    assert ran[-1] == "track"
    assert "Warning" not in repro
    assert "warning" not in repro


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("interim/pieces.parquet", schema.PIECES),
        ("interim/notes.parquet", schema.NOTES),
        ("splits/splits.parquet", schema.SPLIT_TABLE),
        ("tokens/notes.parquet", schema.TOKEN_NOTES),
        ("tokens/chars.parquet", schema.TOKEN_CHARS),
        ("samples/samples.parquet", schema.SAMPLES),
        ("samples/sources.parquet", schema.SAMPLES),
    ],
)
def test_every_table_has_its_schema(repository: Repository, name: str, expected: Any) -> None:
    table = pq.read_table(repository.root / "data" / name)
    assert table.schema.remove_metadata() == expected
    assert table.num_rows > 0
    table.validate(full=True)


def test_every_artefact_is_there(repository: Repository) -> None:
    data = repository.root / "data"
    assert len(list((data / "raw").rglob("*.*"))) >= 12
    tokenizer = Tokenizer.from_json((data / "tokens/tokenizer.json").read_text("utf-8"))
    model = torch.load(data / "model/model.pt", weights_only=True)
    assert model["tokenizer"] == tokenizer.to_json()
    assert model["settings"]["hidden_size"] == 16


def test_every_note_of_a_kept_piece_reaches_the_tokens(repository: Repository) -> None:
    data = repository.root / "data"
    notes = pq.read_table(data / "interim/notes.parquet", columns=["piece_id", "pitch"])
    tokens = pq.read_table(data / "tokens/notes.parquet", columns=["piece_id", "pitch"])
    assert notes == tokens
    split = set(pq.read_table(data / "splits/splits.parquet")["piece_id"].to_pylist())
    assert set(tokens["piece_id"].to_pylist()) == split


def test_metrics_have_their_keys(repository: Repository) -> None:
    ingest, split = repository.json("ingest.json"), repository.json("split.json")
    assert ingest["kept"] == sum(split[side]["pieces"] for side in ("train", "val", "test"))
    assert ingest["pieces"] == ingest["kept"] + ingest["refused"]
    assert ingest["refused_because"]["no_key"] == 1
    assert {"audit", "audit_by_file"} <= set(split)
    train = repository.json("train.json")
    assert {"parameters", "epoch", "epochs", "train_nll", "val_nll"} <= set(train)
    assert train["epochs"] == EPOCHS
    evaluation, baselines = repository.json("evaluate.json"), repository.json("baselines.json")
    assert (evaluation["model"], evaluation["size"]) == ("rnn_vanilla", "small")
    assert (evaluation["view"], evaluation["sees"]) == ("melody", "rhythm_so_far")
    for side in ("val", "test"):
        for score in ("nll", "bits_per_note", "accuracy", "top5_accuracy"):
            assert evaluation[side][f"pitch_{score}"] >= 0
            for baseline in ("repeat", "unigram", "ngram", "ngram_cache"):
                assert baselines["melody"][side][baseline][score] >= 0
                assert baselines["events"][side][baseline][score] >= 0
        assert baselines["chars"][side]["rival_text_place"]["nll"] >= 0
        assert evaluation[side]["notes"] > 0
    # of two orders the best is at an edge
    assert any("evaluate.ngram_orders" in sentence for sentence in baselines["melody"]["edges"])
    generated = repository.json("generate.json")
    assert (generated["samples"], generated["notes"]) == (2, 40)
    summary = repository.json("summary.json")
    assert summary["test"]["pitch_nll"] == evaluation["test"]["pitch_nll"]
    assert summary["test"]["more_than_rival"] == evaluation["test"]["rival"]["difference"]
    assert summary["parameters"] == train["parameters"]
    assert generated["held_out_tunes"] == split["test"]["pieces"]
    assert 0 <= generated["alike"]["intervals_overlap"]["samples"] <= 1


def test_dvc_compares_no_more_than_a_screen_of_numbers(repository: Repository) -> None:
    shown = json.loads(repository.run("dvc", "metrics", "show", "--json"))
    assert list(shown[""]["data"]) == ["metrics/summary.json"]
    lines = repository.run("dvc", "metrics", "diff", "--all").splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 120


@pytest.fixture(scope="module")
def plots(repository: Repository) -> Any:
    """What `dvc plots show` draws, by name."""
    shown = json.loads(repository.run("dvc", "plots", "show", "--json"))
    assert "errors" not in shown
    return shown["data"]


def test_plots_show_samples_beside_human_tunes(repository: Repository, plots: Any) -> None:
    for name in ("descriptors", "histograms"):
        (plot,) = plots[f"metrics/{name}.csv"]
        spec = plot["content"]
        template = repository.root / f".dvc/plots/{name}.json"
        assert spec["facet"] == json.loads(template.read_text("utf-8"))["facet"]
        assert "DVC_METRIC" not in json.dumps(spec["spec"])
        assert {row["who"] for row in spec["data"]["values"]} == {"samples", "human"}


def test_every_plot_is_drawn(repository: Repository, plots: Any) -> None:
    tree = YAML(typ="safe").load(repository.root / "dvc.yaml")
    named = {next(iter(plot)) if isinstance(plot, dict) else plot for plot in tree["plots"]}
    assert named <= set(plots)


def test_every_plot_is_on_a_page_that_needs_no_network(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository.root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(sys, "argv", ["plots"])
    draw_plots()
    assert "data/plots.html" in capsys.readouterr().out
    page = (repository.root / "data/plots.html").read_text("utf-8")
    assert page.count("<img") == 5
    assert "://" not in page


def test_curves_have_a_row_an_epoch(repository: Repository) -> None:
    with (repository.root / "metrics/curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(i + 1) for i in range(EPOCHS)]
    best = min(rows, key=lambda row: float(row["val_nll"]))
    assert float(best["val_nll"]) == repository.json("train.json")["val_nll"]


def test_samples_are_midi_that_another_program_reads(repository: Repository) -> None:
    samples = repository.root / "data/samples"
    table = pq.read_table(samples / "samples.parquet").to_pandas()
    for i, notes in table.groupby("sample"):
        midi = pretty_midi.PrettyMIDI(str(samples / f"sample-{i:02d}.mid"))
        found = sorted((note.start, note.pitch) for part in midi.instruments for note in part.notes)
        assert [pitch for _, pitch in found] == notes["pitch"].tolist()
        original = pretty_midi.PrettyMIDI(str(samples / f"sample-{i:02d}-source.mid"))
        again = [(note.start, note.end) for note in original.instruments[0].notes]
        assert again == [(note.start, note.end) for note in midi.instruments[0].notes]


def test_mlflow_has_one_run_with_everything(repository: Repository) -> None:
    (run,) = (r for r in repository.runs() if r.data.params["model"] == "rnn_vanilla")
    client = repository.client()
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "rnn_vanilla"
    assert run.data.params["hidden_size"] == "16"
    assert run.data.tags["model_md5"] == md5(repository.root / "data/model/model.pt")
    assert run.data.tags["model_md5"] == repository.outs()["data/model/model.pt"]
    for name in ("train_nll", "val_nll", "val_pitch_accuracy"):
        steps = [point.step for point in client.get_metric_history(run.info.run_id, name)]
        assert steps == list(range(1, EPOCHS + 1))
    scored = repository.json("evaluate.json")["test"]["pitch_nll"]
    assert run.data.metrics["evaluate/test.pitch_nll"] == scored
    logged = ["samples/sample-00.mid", "samples/sample-00.mp3", "samples/listen.html"]
    logged += [
        "samples/samples.png",
        "samples/descriptors.png",
        "metrics/descriptors.csv",
        "metrics/histograms.csv",
    ]
    (model,) = client.search_logged_models([run.info.experiment_id])
    assert model.source_run_id == run.info.run_id
    assert {m.key: m.value for m in model.metrics}["summary/test.pitch_nll"] == scored
    (data,) = run.inputs.dataset_inputs
    counts = json.loads(data.dataset.profile)
    assert counts["train"]["notes"] == repository.json("split.json")["train"]["notes"]
    for path in (*logged, "metrics/evaluate.json"):
        files = client.list_artifacts(run.info.run_id, path.partition("/")[0])
        assert path in [file.path for file in files]


def test_afterwards_everything_is_up_to_date(repository: Repository) -> None:
    assert "up to date" in repository.run("dvc", "status")
    again = repository.run("dvc", "repro")
    assert started(again) == restored(again) == []
    assert again.count("didn't change, skipping") == len(STAGES)
    assert "metrics/" not in repository.run("git", "status", "--short")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model": "lstm_locl"}, ["model is 'lstm_locl' (did you mean 'lstm_local'?)"]),
        (
            {
                "train.seeed": 1,
                "models.lstm_full.small.hidden_size": -3,
                "corpora.folder.path": None,
                "generate.source": None,
            },
            [
                "unknown key train.seeed (did you mean 'seed'?)",
                "models.lstm_full.small.hidden_size is -3",
                "corpora.folder.path is None",
                "generate.source is None",
            ],
        ),
    ],
    ids=["a name", "the rest"],
)
def test_mistakes_in_the_settings_stop_before_any_work(
    repository: Repository, wrong: dict[str, Any], says: list[str]
) -> None:
    repository.set(wrong)
    output = repository.run("dvc", "repro", fails=True)
    repository.run("git", "checkout", "--quiet", "params.yaml")
    assert started(output) == ["check"]
    for sentence in says:
        assert f"params.yaml: {sentence}" in output
    assert "Traceback" not in output


def test_a_mistake_in_an_override_names_the_key(repository: Repository) -> None:
    output = repository.run("dvc", "exp", "run", "-S", "model=rnn_vanila", fails=True)
    assert "params.yaml: model is 'rnn_vanila' (did you mean 'rnn_vanilla'?); allowed:" in output
    assert started(output) == ["check"]
    repository.run("git", "checkout", "--quiet", "params.yaml")
    output = repository.run("dvc", "exp", "run", "-S", "train.theads=3", fails=True)
    repository.run("git", "checkout", "--quiet", "params.yaml")
    assert "Could not override 'train.theads'" in output


def test_a_result_that_was_pushed_need_not_be_made_again(
    repository: Repository, tmp_path: Path
) -> None:
    repository.run("dvc", "push", "--remote", "bundle")
    clone = tmp_path / "clone"
    repository.run("git", "clone", "--quiet", ".", str(clone))
    shutil.copytree(repository.root / ".bundle", clone / ".bundle")

    def run(*command: str) -> str:
        done = subprocess.run(
            ["dvc", *command], cwd=clone, env=repository.env, check=True, capture_output=True
        )
        return done.stdout.decode()

    run("pull", "--remote", "bundle")
    for name in ("model/model.pt", "samples/listen.html"):
        assert md5(clone / "data" / name) == md5(repository.root / "data" / name)
    assert started(run("repro")) == ["track"]
    assert "up to date" in run("status")
    (tracked,) = runs_of(clone)
    scored = repository.json("evaluate.json")["test"]["pitch_nll"]
    assert tracked.data.metrics["evaluate/test.pitch_nll"] == scored


def test_a_version_of_the_model_is_registered_and_fetched(
    repository: Repository, tmp_path: Path
) -> None:
    repository.run("gto", "register", "default", "--version", "v1.0.0")
    repository.run("dvc", "artifacts", "get", ".", "default", "--out", str(tmp_path / "model.pt"))
    repository.run("git", "tag", "--delete", "default@v1.0.0")
    assert md5(tmp_path / "model.pt") == md5(repository.root / "data/model/model.pt")
