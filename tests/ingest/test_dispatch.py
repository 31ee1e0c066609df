"""A folder of raw files to the two tables: complete, in order, the same bytes every time."""

import csv
import os
import signal
import time
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tonerow.ingest import reading, writing
from tonerow.ingest.dispatch import EmptyCorpusError, ingest
from tonerow.ingest.midi import read_midi
from tonerow.ingest.sources import find_sources
from tonerow.ingest.workers import ordered_map
from tonerow.ingest.writing import TableWriter
from tonerow.notes import validate
from tonerow.params import Ingest
from tonerow.schema import NOTES, PIECES, Rejection

CORPUS = Path(__file__).parent.parent / "corpus"
FLUTE = (CORPUS / "midi" / "solo" / "flute.mid").read_bytes()
TUNE = "X:1\nT:One\nC:Nobody\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"


def limits(**changes: Any) -> Ingest:
    values = {"workers": 1, "max_minutes": 240.0, "max_notes": 200_000} | changes
    return Ingest.model_validate({"max_megabytes": 16.0, "timeout_sec": 20.0} | values)


def rows(raw: Path, out: Path, **changes: Any) -> dict[str, dict[str, Any]]:
    """The piece table by piece_id, after the tables were checked."""
    ingest(raw, out, limits(**changes))
    pieces, notes = pq.read_table(out / "pieces.parquet"), pq.read_table(out / "notes.parquet")
    validate(notes)
    assert pieces.schema.equals(PIECES)
    ids = pieces["piece_id"].to_pylist()
    assert ids == sorted(set(ids))
    found = {row["piece_id"]: row for row in pieces.to_pylist()}
    kept = {name for name, row in found.items() if row["rejected_because"] is None}
    assert set(notes["piece_id"].to_pylist()) == kept
    return found


def test_every_file_becomes_notes_or_a_row_with_a_reason(tmp_path: Path) -> None:
    found = rows(CORPUS, tmp_path)
    refused = {name: r["rejected_because"] for name, r in found.items() if r["rejected_because"]}
    assert refused == {
        "broken/cut short.mid": Rejection.TRUNCATED,
        "broken/no key.abc/0001": Rejection.NO_KEY,
    }
    assert all(found[name]["rejected_detail"] for name in refused)
    kept = [row for name, row in found.items() if name not in refused]
    assert len(kept) == 21
    assert all(row["n_notes"] >= 30 and row["duration_sec"] > 10 for row in kept)
    tune = found["more/Été/airs.ABC/0002"]
    assert (tune["title"], tune["composer"]) == ("Été sans fin", "made for these tests")
    assert (tune["source_format"], tune["time_signature"], tune["key"]) == ("abc", "3/4", "C")
    assert tune["abc_text"].startswith("X:2")
    prelude = found["midi/solo/Prélude à l’étude.MIDI"]
    assert (prelude["source_format"], prelude["ticks_per_beat"]) == ("midi", 384)
    assert prelude["abc_text"] is None


def test_the_account_adds_up(tmp_path: Path) -> None:
    account = ingest(CORPUS, tmp_path, limits())
    notes = pq.read_table(tmp_path / "notes.parquet")
    assert account["files"] == 12
    assert account["other_files"] == 1  # README.md
    assert account["pieces"] == account["kept"] + account["refused"] == 23
    assert account["refused_because"] == {"no_key": 1, "truncated": 1}
    assert account["notes"] == len(notes)
    assert account["melody_notes"] == sum(notes["is_melody"].to_pylist())


def test_tables_do_not_depend_on_workers_or_place(tmp_path: Path) -> None:
    ingest(CORPUS, tmp_path / "one", limits())
    (tmp_path / "raw").symlink_to(CORPUS)
    ingest(tmp_path / "raw" / ".", tmp_path / "two", limits(workers=2))
    for name in ("pieces.parquet", "notes.parquet"):
        one, two = ((tmp_path / n / name).read_bytes() for n in ("one", "two"))
        assert one == two
        assert str(tmp_path).encode() not in one


def test_names_sort_as_their_files_are_read(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a.abc.mid", "a.abc!.mid", "a.abcd.mid", "a.mid", "A.MID", "z.rmi"):
        (raw / name).write_bytes(FLUTE)
    (raw / "a.abc").write_text("\n".join([TUNE] * 12))
    found = rows(raw, tmp_path / "out")
    assert len(found) == 18
    assert "a.abc/0012" in found


def test_shares_of_a_large_abc_file_are_all_its_tunes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "large.abc").write_text("\n".join([TUNE] * 41))
    monkeypatch.setattr("tonerow.ingest.sources._PART_BYTES", 400)
    assert len(find_sources(raw)[0]) > 3
    assert list(rows(raw, tmp_path / "out")) == [f"large.abc/{n:04d}" for n in range(1, 42)]
    (raw / "large.abc").write_bytes(b"\xff\xfeX\0" * 500)
    (raw / "good.mid").write_bytes(FLUTE)
    assert list(rows(raw, tmp_path / "out")) == ["good.mid", "large.abc/0000"]


def archive(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)


def test_archives_are_read_like_folders(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    archive(
        raw / "music.ZIP",
        {
            "b/é.mid": FLUTE,
            "a.abc": TUNE.encode(),
            "../out.mid": FLUTE,
            "a.abc/0001": FLUTE,
            "a.abc/in a file.mid": FLUTE,
            "__MACOSX/b/._é.mid": b"",
            "bomb.mid": bytes(2_000_000),
            "words.txt": b"",
        },
    )
    (raw / "no.zip").write_bytes(b"no archive")
    found = rows(raw, tmp_path / "out", max_megabytes=1.0)
    assert {name: row["rejected_because"] for name, row in found.items()} == {
        "music.ZIP/../out.mid": Rejection.UNREADABLE_FILE,
        "music.ZIP/a.abc/0001": None,
        "music.ZIP/a.abc/in a file.mid": Rejection.UNREADABLE_FILE,
        "music.ZIP/b/é.mid": None,
        "music.ZIP/bomb.mid": Rejection.TOO_LARGE,
        "no.zip": Rejection.UNREADABLE_FILE,
    }


@pytest.mark.parametrize("zipped", [False, True])
def test_a_list_of_pieces_adds_what_it_knows(tmp_path: Path, zipped: bool) -> None:
    names = ["canonical_composer", "canonical_title", "split", "midi_filename"]
    listed = [
        ["Bach", "Prelude", "validation", "2004/a.midi"],
        ["Liszt", "Étude", "train", "gone.midi"],
        ["Evil", "Escape", "train", "../../b.midi"],
    ]
    table = tmp_path / "list.csv"
    with table.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([names, *listed])
    members = {"m/list.csv": table.read_bytes(), "m/2004/a.midi": FLUTE, "m/b.midi": FLUTE}
    raw, prefix = tmp_path / "raw", "x.zip/" if zipped else ""
    if zipped:
        archive(raw / "x.zip", members)
    else:
        for name, data in members.items():
            (raw / name).parent.mkdir(parents=True, exist_ok=True)
            (raw / name).write_bytes(data)
    found = rows(raw, tmp_path / "out")
    known = [
        (name.removeprefix(prefix), r["composer"], r["official_split"], r["rejected_because"])
        for name, r in found.items()
    ]
    assert known == [
        ("m/2004/a.midi", "Bach", "val", None),
        ("m/b.midi", None, None, None),
        ("m/gone.midi", "Liszt", "train", Rejection.MISSING_FILE),
    ]


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"max_minutes": 0.1}, Rejection.TOO_LONG),
        ({"max_notes": 5}, Rejection.TOO_MANY_NOTES),
        ({"max_megabytes": 0.0001}, Rejection.TOO_LARGE),
    ],
)
def test_limits(tmp_path: Path, changes: dict[str, Any], because: Rejection) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.mid").write_bytes(FLUTE)
    with pytest.raises(EmptyCorpusError, match=because.replace(" ", "_")):
        ingest(raw, tmp_path / "out", limits(**changes))


def test_a_reader_that_raises_or_takes_too_long_costs_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.mid").write_bytes(FLUTE)
    (raw / "b.mid").write_bytes(b"bug")
    (raw / "c.mid").write_bytes(b"slow")

    def fragile(data: bytes) -> Any:
        if data == b"bug":
            raise RecursionError(f"at {id(data)}")
        while data == b"slow":
            time.sleep(0.01)
        return read_midi(data)

    monkeypatch.setattr(reading, "read_midi", fragile)
    found = rows(raw, tmp_path / "out", timeout_sec=0.3)
    assert [row["rejected_because"] for row in found.values()] == [
        None,
        Rejection.READER_CRASHED,
        Rejection.READER_TIMED_OUT,
    ]
    assert found["b.mid"]["rejected_detail"] == "the reader raised RecursionError"
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_files_that_may_not_be_opened_cost_one_row(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.mid").write_bytes(FLUTE)
    (raw / "dangling.mid").symlink_to(raw / "nowhere.mid")
    (raw / "loop").symlink_to(raw)
    os.mkfifo(raw / "pipe.mid")
    found = rows(raw, tmp_path / "out")
    assert {name: row["rejected_because"] for name, row in found.items()} == {
        "a.mid": None,
        "dangling.mid": Rejection.MISSING_FILE,
    }


def test_an_empty_corpus_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("no music")
    with pytest.raises(EmptyCorpusError, match=r"\.mid"):
        ingest(tmp_path, tmp_path / "out", limits())


def _fragile_double(item: int) -> int:
    if item == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * item


def test_a_killed_worker_costs_one_result() -> None:
    results = list(ordered_map(_fragile_double, range(9), 2, lambda item, how: -item))
    assert results == [0, 2, 4, 6, 8, -5, 12, 14, 16]


def numbers(low: int, high: int) -> pa.Table:
    return pa.table({"n": pa.array(range(low, high), pa.int64())})


def test_tables_have_the_same_bytes_however_they_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "ROW_GROUP", 8)
    for name, cuts in (("a", [0, 30]), ("b", [0, 3, 3, 7, 20, 29, 30])):
        with TableWriter(tmp_path / name, numbers(0, 0).schema) as writer:
            for low, high in pairwise(cuts):
                writer.write(numbers(low, high))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    written = pq.ParquetFile(tmp_path / "a")
    assert [written.metadata.row_group(i).num_rows for i in range(4)] == [8, 8, 8, 6]
    assert written.read().equals(numbers(0, 30))


def test_an_interrupted_table_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("old")

    def interrupted() -> None:
        with TableWriter(path, NOTES):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["t"]
    assert path.read_text() == "old"
