import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import tokenize as stage
from tests import shipped
from tests.tokens.token_tables import SETTINGS, TUNE, piece, random_piece, write_corpus
from tonerow.notes.schema import TOKEN_CHARS, TOKEN_NOTES
from tonerow.tokens import corpus
from tonerow.tokens.characters import UNKNOWN
from tonerow.tokens.encoding import encode
from tonerow.tokens.reduction import reduce_tune
from tonerow.tokens.tokenizer import Tokenizer

FILES = ("notes.parquet", "chars.parquet", "tokenizer.json")
SPLITS = {"a": "train", "b": "val", "c": "train", "d": "test", "e": "train"}
PIECES = {name: random_piece(name, 20 + seed, seed) for seed, name in enumerate(SPLITS)}
TEXTS = {"a": TUNE, "b": TUNE.replace("c d2", "[ceg]z"), "c": TUNE.replace("e2", "^a2")}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "CHUNK", 32)
    monkeypatch.setattr(corpus, "TUNES", 2)


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def tokenized(
    folder: Path, pieces: dict[str, pa.Table] = PIECES, row_group: int = 1000
) -> dict[str, bytes]:
    interim, splits = write_corpus(folder, pieces, SPLITS, TEXTS, row_group)
    corpus.tokenize(interim, splits, folder / "tokens", SETTINGS)
    return outputs(folder / "tokens")


@pytest.mark.parametrize("row_group", [1, 2, 7, 31, 1000])
def test_row_groups_change_nothing(tmp_path: Path, row_group: int) -> None:
    expected = tokenized(tmp_path / "whole")
    assert tokenized(tmp_path / "cut", row_group=row_group) == expected


def test_a_chunk_may_hold_train_notes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "CHUNK", 1)  # a piece a chunk
    tokenized(tmp_path)
    found = pq.read_table(tmp_path / "tokens" / "notes.parquet")
    assert found.num_rows == sum(piece.num_rows for piece in PIECES.values())


def test_twice_is_the_same(tmp_path: Path) -> None:
    assert tokenized(tmp_path / "one") == tokenized(tmp_path / "two")


def test_held_out_notes_and_tunes_change_no_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tokenized(tmp_path / "before")["tokenizer.json"]
    other = {"b": piece("b", range(99), program=99, velocity=1), "d": random_piece("d", 70, 9)}
    monkeypatch.setitem(TEXTS, "b", TUNE.replace("GAB", "z8"))
    assert tokenized(tmp_path / "after", PIECES | other)["tokenizer.json"] == before
    other = {"a": random_piece("a", 20, 9)}
    assert tokenized(tmp_path / "train", PIECES | other)["tokenizer.json"] != before


def test_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interim, splits = write_corpus(tmp_path, PIECES, SPLITS, TEXTS)
    out = tmp_path / "data" / "tokens"
    (tmp_path / "params.yaml").write_text(shipped.text(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tokenize", str(interim), str(splits), str(out)])
    stage.main()
    printed = capsys.readouterr().out
    assert "train              66 notes        2 ABC tunes" in printed
    assert "not in train" in printed

    source = pq.read_table(interim / "notes.parquet")
    notes = pq.read_table(out / "notes.parquet")
    assert notes.schema == TOKEN_NOTES
    notes.validate(full=True)
    assert notes.column("split").to_pylist() == [
        SPLITS[name] for name in source.column("piece_id").to_pylist()
    ]
    for name in ("piece_id", "pitch", "is_melody"):
        assert notes.column(name).to_pylist() == source.column(name).to_pylist()

    tokenizer = Tokenizer.from_json((out / "tokenizer.json").read_text(encoding="utf-8"))
    whole = encode(tokenizer, source)
    assert notes.drop_columns("split").equals(whole)
    assert tokenizer.counts["notes"] == 66
    assert tokenizer.counts["pieces"] == 3


def test_characters(tmp_path: Path) -> None:
    tokenized(tmp_path)
    chars = pq.read_table(tmp_path / "tokens" / "chars.parquet")
    text = (tmp_path / "tokens" / "tokenizer.json").read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_json(text)
    assert chars.schema == TOKEN_CHARS
    assert chars.column("piece_id").to_pylist() == ["a", "b", "c"]
    assert chars.column("split").to_pylist() == ["train", "val", "train"]
    assert chars.column("n_notes_written").to_pylist() == [6, 7, 6]
    assert chars.column("header_length").to_pylist() == 3 * [len("R:reel\nM:4/4\nL:1/8\nK:G\n")]
    ids = dict(zip("abc", chars.column("char_ids").to_pylist(), strict=True))
    for name in "ac":
        assert tokenizer.decode_text(ids[name]) == reduce_tune(TEXTS[name], SETTINGS.abc_fields)
        assert UNKNOWN not in ids[name]
    assert ids["b"].count(UNKNOWN) == 4  # [ g ] z: train has none of them
    assert set(tokenizer.alphabet) == set("R:reel\nM:4/4\nL:1/8\nK:G\nGABc d2^a2|")


def test_no_abc_gives_an_empty_table(tmp_path: Path) -> None:
    interim, splits = write_corpus(tmp_path, PIECES, SPLITS)
    summary = corpus.tokenize(interim, splits, tmp_path / "tokens", SETTINGS)
    chars = pq.read_table(tmp_path / "tokens" / "chars.parquet")
    assert chars.schema == TOKEN_CHARS
    assert chars.num_rows == 0
    assert summary.tokenizer.alphabet == ""


def test_the_summary_counts_what_train_lacks(tmp_path: Path) -> None:
    pieces = {"a": piece("a", [0, 1, 2]), "b": piece("b", [0, 1, 3, 5], program=7)}
    interim, splits = write_corpus(tmp_path, pieces, SPLITS)
    summary = corpus.tokenize(interim, splits, tmp_path / "tokens", SETTINGS)
    assert summary.held_out == {"offset": 4, "duration": 4, "instrument": 4}
    assert summary.unseen == {"offset": 2, "duration": 0, "instrument": 4}


@pytest.mark.parametrize("size", [1, 5, 19, 60, 1000])
def test_chunks_are_whole_pieces(size: int) -> None:
    notes = pa.concat_tables(PIECES.values())
    for step in (1, 7, 1000):
        batches = (notes[i : i + step] for i in range(0, len(notes), step))
        chunks = list(corpus.whole_pieces(batches, size))
        assert pa.concat_tables(chunks).equals(notes)
        assert all(len(chunk) >= size for chunk in chunks[:-1])
        names = [name for chunk in chunks for name in chunk.column("piece_id").unique().to_pylist()]
        assert names == list(PIECES)


def test_a_piece_without_a_split_is_refused(tmp_path: Path) -> None:
    interim, splits = write_corpus(tmp_path, PIECES, SPLITS)
    table = pq.read_table(splits / "splits.parquet")
    pq.write_table(table[1:], splits / "splits.parquet")
    with pytest.raises(ValueError, match="piece a has notes but no split; run the split stage"):
        corpus.tokenize(interim, splits, tmp_path / "tokens", SETTINGS)


@pytest.mark.parametrize("column", ["null", "absent"])
def test_a_kept_tune_without_a_count_of_its_notes_is_refused(tmp_path: Path, column: str) -> None:
    interim, splits = write_corpus(tmp_path, PIECES, SPLITS, {"b": TUNE})
    table = pq.read_table(interim / "pieces.parquet").drop_columns("n_notes_written")
    if column == "null":
        table = table.append_column("n_notes_written", pa.nulls(len(table), pa.int32()))
    pq.write_table(table, interim / "pieces.parquet")
    with pytest.raises(ValueError, match="tune b has no n_notes_written; run the ingest stage"):
        corpus.tokenize(interim, splits, tmp_path / "tokens", SETTINGS)
    assert not (tmp_path / "tokens").exists()


@pytest.mark.parametrize("order", ["ba", "aba"])
def test_unsorted_notes_are_refused(order: str) -> None:
    batches = [piece(name, [0, 1]) for name in order]
    with pytest.raises(ValueError, match="not sorted by piece_id"):
        list(corpus.whole_pieces(batches, 1))
