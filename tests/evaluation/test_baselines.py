"""What stands beside a model: the notes are the model's own, and the rival sees as much."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tiny import model_of, settings
from tests.tokens.token_tables import TUNE, random_piece, write_corpus
from tonerow.evaluation.baselines import (
    Opponent,
    compared_views,
    event_lines,
    melody_lines,
    opponents,
    summarise,
    table,
)
from tonerow.evaluation.rivalry import LESS_TO_MORE, difference, field_of, rival_of, strongest
from tonerow.evaluation.scores import evaluate
from tonerow.notes.schema import TOKEN_NOTES
from tonerow.tokens import corpus
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import VIEWS, Pieces, vocabularies

SIDES = {f"p{i}": side for i, side in enumerate(["train"] * 6 + ["val"] * 2 + ["test"] * 2)}
WORKS = {piece: piece for piece in SIDES}


def tune(seed: int) -> str:
    bars = np.random.default_rng(seed).choice(list("ABCDEFG"), (8, 4))
    return TUNE + " |\n".join("".join(bar) for bar in bars) + " |]\n"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    pieces = {name: random_piece(name, seed=i) for i, name in enumerate(SIDES)}
    interim, splits = write_corpus(
        folder, pieces, SIDES, {name: tune(i) for i, name in enumerate(SIDES)}
    )
    corpus.tokenize(interim, splits, folder / "tokens", settings().tokenize)
    return folder / "tokens"


@pytest.fixture(scope="module")
def tokenizer(tokens: Path) -> Tokenizer:
    return Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8"))


Scores = tuple[dict[str, Pieces], dict[str, Opponent]]


@pytest.fixture(scope="module")
def scored(tokens: Path, tokenizer: Tokenizer) -> dict[str, Scores]:
    return {view: opponents(view, tokens, tokenizer, [2, 3]) for view in VIEWS}


@pytest.fixture(scope="module")
def rivals(scored: dict[str, Scores], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rivals")
    for view, of in scored.items():
        pq.write_table(table(*of, WORKS), folder / f"{view}.parquet")
    return folder


def test_events_begin_where_they_begin(tokens: Path, tokenizer: Tokenizer) -> None:
    pieces = VIEWS["events"].load(tokens, "train")
    lines = event_lines(pieces, tokenizer)
    step = np.array(tokenizer.offsets)[pieces.notes["offset"].numpy()]
    onset = np.cumsum(step)
    onset -= np.repeat(onset[pieces.first[:-1]], np.diff(pieces.first))
    np.testing.assert_allclose(lines.onset_tick / 480, onset, atol=1e-2)


def test_melodies_have_their_own_rhythm(tokens: Path) -> None:
    lines = melody_lines(tokens, "val")
    table = pq.read_table(tokens / "notes.parquet").to_pandas()
    own = table[(table["split"] == "val") & table["is_melody"]]
    assert lines.pitch.tolist() == own["pitch"].tolist()
    np.testing.assert_allclose(lines.rest, own["melody_rest"])
    np.testing.assert_allclose(lines.duration, own["melody_duration"])


@pytest.mark.parametrize("view", VIEWS)
def test_every_opponent_scores_every_note(scored: dict[str, Scores], view: str) -> None:
    pieces, own = scored[view]
    assert set(pieces) == {"val", "test"}
    rows = table(pieces, own, WORKS)
    assert len(rows) == sum(side.n_notes for side in pieces.values())
    assert rows["work_id"] == rows["piece_id"]
    for name, opponent in own.items():
        assert (rows[f"{name}_nats"].to_numpy() > 0).all()
        most, hit = (rows[f"{name}_{score}"].to_numpy() for score in ("confidence", "hit"))
        own_pitch = np.exp(-rows[f"{name}_nats"].to_numpy())
        assert (own_pitch <= most * (1 + 1e-5)).all()
        np.testing.assert_allclose(own_pitch[hit], most[hit], rtol=1e-5)
        for side, of in pieces.items():
            assert len(opponent.scores[side]["nll"]) == of.n_notes
    found = summarise(pieces, own, WORKS)
    assert {"val", "test"} <= set(found) <= {"val", "test", "edges"}
    summary = found["test"]
    assert set(summary) == set(own)
    for scores in summary.values():
        assert scores["nll_low"] <= scores["nll"] <= scores["nll_high"]
    assert summary["ngram"]["order"] in (2, 3)
    rivals = [scores for name, scores in summary.items() if name.startswith("rival_")]
    assert rivals
    assert all(scores["numbers_fitted"] > 10 for scores in rivals)


def test_no_rival_of_events_sees_the_rhythm_ahead(scored: dict[str, Scores]) -> None:
    assert "rhythm" in {own.sees for own in scored["melody"][1].values()}
    assert {own.sees for own in scored["events"][1].values()} == {"pitch", "pitch_and_past_rhythm"}


@pytest.mark.parametrize("sees", LESS_TO_MORE)
def test_the_strongest_that_sees_no_more_is_the_best_on_val(
    scored: dict[str, Scores], rivals: Path, sees: str
) -> None:
    own = {
        name: opponent.scores["val"]["nll"].mean()
        for name, opponent in scored["melody"][1].items()
        if LESS_TO_MORE.index(opponent.sees) <= LESS_TO_MORE.index(sees)
    }
    of = strongest(rivals / "melody.parquet", sees, "test")
    assert of.name == min(own, key=own.__getitem__)
    rows = pq.read_table(rivals / "melody.parquet", filters=[("split", "==", "test")])
    assert of.nats.tolist() == rows[f"{of.name}_nats"].to_pylist()
    assert of.hit.tolist() == rows[f"{of.name}_hit"].to_pylist()


def test_a_rival_that_sees_less_may_be_the_strongest(tmp_path: Path) -> None:
    nats = {"sees_less": [[1.0, 1.0], [9.0, 9.0]], "sees_more": [[2.0, 2.0], [0.1, 0.1]]}
    columns: dict[str, list[Any]] = {"split": ["val", "val", "test", "test"]}
    for name, (val, test) in nats.items():
        columns |= {f"{name}_nats": val + test, f"{name}_hit": [True] * 4}
        columns |= {f"{name}_confidence": [0.5] * 4}
    metadata = {"sees_less": "pitch", "sees_more": "rhythm"}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), tmp_path / "table.parquet")
    of = strongest(tmp_path / "table.parquet", "rhythm", "test")
    assert (of.name, of.nats.tolist()) == ("sees_less", [9.0, 9.0])


@pytest.mark.parametrize(
    "name", ["rnn_vanilla small", "lstm_local small", "lstm_fields small", "lstm_char small"]
)
def test_a_model_stands_beside_its_rival_note_by_note(
    tokens: Path, tokenizer: Tokenizer, rivals: Path, name: str
) -> None:
    model = model_of(settings(name), vocabularies(tokenizer))
    own = evaluate(model, VIEWS[model.view].load(tokens, "test"), settings().evaluate)
    rival = rival_of(model, "test", rivals)
    assert rival is not None
    beside = difference(own, rival, WORKS)
    field = field_of(own)
    assert beside[f"{field}_nll"] == rival.nats.mean()
    more = (own.fields[field]["nats"] - rival.nats).mean()
    assert beside["difference"] == pytest.approx(more, rel=1e-4)
    low, high = beside["difference_low"], beside["difference_high"]
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low <= more <= high


def test_a_choice_at_an_edge_is_told(scored: dict[str, Scores]) -> None:
    pieces, own = scored["melody"]
    order = own["ngram"].chosen["order"]
    edges = summarise(pieces, own, WORKS)["edges"]
    assert f"order {order} is the largest of evaluate.ngram_orders: add larger ones" in edges or (
        f"order {order} is the least of evaluate.ngram_orders: add smaller ones" in edges
    )  # of two, one is at an edge


def test_where_no_choice_is_at_an_edge_nothing_is_told(scored: dict[str, Scores]) -> None:
    pieces, own = scored["melody"]
    inside = {name: replace(opponent, edges=()) for name, opponent in own.items()}
    assert set(summarise(pieces, inside, WORKS)) == {"val", "test"}


def test_a_side_without_melodies_leaves_the_events(tokens: Path, tmp_path: Path) -> None:
    notes = pq.read_table(tokens / "notes.parquet").to_pandas()
    notes.loc[notes["split"] == "val", "is_melody"] = False
    table = pa.Table.from_pandas(notes, TOKEN_NOTES, preserve_index=False)
    pq.write_table(table, tmp_path / "notes.parquet")
    shutil.copy(tokens / "chars.parquet", tmp_path)
    assert compared_views(tokens) == ["chars", "events", "melody"]
    assert compared_views(tmp_path) == ["chars", "events"]


def test_a_corpus_without_text_has_no_rival_of_characters(tokens: Path, tmp_path: Path) -> None:
    shutil.copy(tokens / "notes.parquet", tmp_path)
    chars = pq.read_table(tokens / "chars.parquet")
    pq.write_table(chars.slice(0, 0), tmp_path / "chars.parquet")
    assert compared_views(tmp_path) == ["events", "melody"]


def test_a_view_that_was_left_out_has_no_rival(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = model_of(settings("lstm_local small"), vocabularies(tokenizer))
    assert rival_of(model, "test", tmp_path) is None
