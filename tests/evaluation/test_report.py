"""All that is said of a model: scores, rivals, parts of the notes, calibration, a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from tests.tiny import model_of, settings
from tests.tokens.token_tables import TUNE, random_piece, write_corpus
from tonerow import reports
from tonerow.evaluation import baselines
from tonerow.evaluation.calibration import BINS
from tonerow.evaluation.picture import draw
from tonerow.evaluation.places import places
from tonerow.evaluation.report import Folders, Report, report
from tonerow.evaluation.rivalry import strongest
from tonerow.model_files import Opened, Saved
from tonerow.notes.schema import PIECES
from tonerow.tokens import corpus
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import VIEWS, vocabularies

SIDES = {f"p{i}": side for i, side in enumerate(["train"] * 6 + ["val"] * 2 + ["test"] * 2)}
WORKS = {piece: piece for piece in SIDES}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    folder = tmp_path_factory.mktemp("corpus")
    pieces = {name: random_piece(name, 30, seed=i) for i, name in enumerate(SIDES)}
    interim, splits = write_corpus(folder, pieces, SIDES, dict.fromkeys(SIDES, TUNE))
    metre = {"time_signature": pa.scalar("3/4"), "downbeat_beat": pa.scalar(1.0)}
    table = pq.read_table(interim / "pieces.parquet")
    for name, value in metre.items():
        index = table.column_names.index(name)
        kept = pc.is_in(table["piece_id"], pa.array(["p6", "p8"]))
        column = pc.if_else(kept, value, pa.scalar(None, value.type))
        table = table.set_column(index, PIECES.field(name), column)
    pq.write_table(table, interim / "pieces.parquet")
    corpus.tokenize(interim, splits, folder / "tokens", settings().tokenize)
    done = Folders(interim, splits, folder / "tokens", folder / "rivals")
    tokenizer = Tokenizer.from_json((done.tokens / "tokenizer.json").read_text("utf-8"))
    for view in ("melody", "chars"):
        own = baselines.opponents(view, done.tokens, tokenizer, [2])
        reports.write_table(done.rivals / f"{view}.parquet", baselines.table(*own, WORKS))
    return done


def reported(folders: Folders, name: str) -> Report:
    text = (folders.tokens / "tokenizer.json").read_text("utf-8")
    tokenizer = Tokenizer.from_json(text)
    model = model_of(settings(name), vocabularies(tokenizer)).eval()
    architecture, size = name.split()
    about = Saved(architecture, size, {}, text, "folk")
    opened = Opened(torch.device("cpu"), tokenizer, model, about)
    return report(opened, folders, settings(name).evaluate)


def test_a_model_of_pitch_stands_beside_its_rival_everywhere(folders: Folders) -> None:
    done = reported(folders, "lstm_local small")
    assert done.summary["sees"] == "whole_rhythm"
    for split in ("val", "test"):
        summary, where = done.summary[split], done.where[split]
        notes = done.notes.filter(pc.field("split") == split)
        assert len(notes) == summary["notes"]
        rival = strongest(folders.rivals / "melody.parquet", "rhythm", split)
        assert summary["rival"]["name"] == rival.name
        assert summary["rival"]["pitch_nll"] == rival.nats.mean()
        for one, other in (("repeated", "new"), ("opening", "later")):
            kinds = [where[name] for name in (one, other) if name in where]
            for score, whole in (
                ("nll", summary["pitch_nll"]),
                ("rival_nll", summary["rival"]["pitch_nll"]),
                ("difference", summary["rival"]["difference"]),
            ):
                total = sum(kind[score] * kind["share"] for kind in kinds)
                assert total == pytest.approx(whole, rel=1e-4, abs=1e-6)
        bars = [where[name] for name in ("downbeat", "other_beat", "off_beat") if name in where]
        some = [of["share"] for of in bars]
        assert 0 < sum(some) < 1  # one piece of two states a metre
        assert where["model_calibration_error"] < 1
        assert where["rival_calibration_error"] < 1


def test_a_model_of_characters_stands_beside_its_rival_in_each_part(folders: Folders) -> None:
    done = reported(folders, "lstm_char small")
    for split in ("val", "test"):
        summary, where = done.summary[split], done.where[split]
        rival = strongest(folders.rivals / "chars.parquet", "text", split)
        characters = done.notes.filter(pc.field("split") == split)["char_nats"].to_numpy()
        more = float((characters - rival.nats).mean())
        assert summary["rival"]["name"] == rival.name
        assert summary["rival"]["char_nll"] == rival.nats.mean()
        assert summary["rival"]["difference"] == pytest.approx(more)
        kinds = [where[name] for name in ("opening", "later")]
        assert sum(k["difference"] * k["share"] for k in kinds) == pytest.approx(more)
        assert set(done.calibrations[split]) == {"model", "rival"}
        assert "downbeat" not in where


def test_a_curve_has_a_row_a_bin_and_counts_every_note(folders: Folders) -> None:
    done = reported(folders, "rnn_vanilla small")
    rows = done.curves()
    assert len(rows) == BINS
    for split in ("val", "test"):
        for who in ("model", "rival"):
            notes = sum(row[f"{split}_{who}_notes"] for row in rows)
            assert notes == done.summary[split]["notes"]
            assert all(
                (row[f"{split}_{who}"] == "") == (not row[f"{split}_{who}_notes"]) for row in rows
            )


def test_the_picture_is_the_same_each_time(folders: Folders, tmp_path: Path) -> None:
    done = reported(folders, "lstm_local small")
    for name in ("a.png", "b.png"):
        draw(tmp_path / name, "a model", done.where["test"], done.calibrations["test"])
    picture = (tmp_path / "a.png").read_bytes()
    assert picture == (tmp_path / "b.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("view", ["melody", "events"])
def test_places_are_those_of_the_notes(folders: Folders, view: str) -> None:
    pieces = VIEWS[view].load(folders.tokens, "test")
    place, beat = places(folders.interim, pieces, view == "melody")
    notes = pq.read_table(folders.interim / "notes.parquet").to_pandas()
    own = notes[notes["piece_id"] == "p8"]
    own = own[own["is_melody"]] if view == "melody" else own
    n = len(own)
    np.testing.assert_allclose(place[:n], (own["onset_beat"] - 1) % 3, atol=2e-3)
    assert (beat[:n] == 1).all()
    assert np.isnan(place[n:]).all()
    assert np.isnan(beat[n:]).all()


def test_notes_of_another_corpus_are_refused(folders: Folders, tmp_path: Path) -> None:
    for name in ("pieces", "notes"):
        table = pq.read_table(folders.interim / f"{name}.parquet")
        pq.write_table(table.filter(pc.field("piece_id") != "p8"), tmp_path / f"{name}.parquet")
    pieces = VIEWS["melody"].load(folders.tokens, "test")
    with pytest.raises(ValueError, match="of these"):
        places(tmp_path, pieces, melody=True)
