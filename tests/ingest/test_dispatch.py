"""A folder of raw files to the two tables: complete, in order, the same bytes every time."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests import shipped
from tests.ingest.workers.hostile_readers import HEAR_INTERRUPTS, alive, read_or_do
from tests.midi.midi_bytes import midi, off, on
from tonerow import abc_notation
from tonerow.ingest import reading
from tonerow.ingest.dispatch import EmptyCorpusError, TooManyRefusedError, described, ingest
from tonerow.ingest.packing import unpack
from tonerow.ingest.reading import Limits, read_source
from tonerow.ingest.sources import Source, find_sources
from tonerow.ingest.workers.cache import Cache
from tonerow.ingest.workers.isolation import Loss
from tonerow.notes.schema import NOTES, PIECES, Rejection
from tonerow.notes.score import Score
from tonerow.notes.table import validate
from tonerow.params import Ingest

CORPUS = Path(__file__).parent.parent / "corpus"
FLUTE = (CORPUS / "midi" / "solo" / "flute.mid").read_bytes()
TUNE = "X:1\nT:One\nC:Nobody\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"


def limits(**changes: Any) -> Ingest:
    shared = shipped.settings().ingest.model_dump()
    return Ingest.model_validate({**shared, "workers": 1, "max_rejected_fraction": 1.0, **changes})


def bounds(**changes: Any) -> Limits:
    return Limits.of(limits(**changes))


def rows(raw: Path, out: Path, read: Any = None, **changes: Any) -> dict[str, dict[str, Any]]:
    """The piece table by piece_id, after the tables were checked."""
    settings = limits(**changes)
    ingest(raw, out, settings, read=read and partial(read, limits=Limits.of(settings)))
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


def test_notes_are_counted_as_written_and_as_played(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.abc").write_text("X:1\nK:C\nCDE-|E2:|\n\nX:2\nT:no key\n")
    (raw / "b.mid").write_bytes(FLUTE)
    by_id = rows(raw, tmp_path)
    counts = [(row["n_notes_written"], row["n_notes"]) for row in by_id.values()]
    assert counts == [(4, 6), (None, None), (None, by_id["b.mid"]["n_notes"])]


def test_equal_notes_that_are_left_out_are_counted(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    three = [(0, on(60))] * 3 + [(96, off(60)), (0, off(60)), (0, off(60))]
    (raw / "a.mid").write_bytes(midi(three))
    (raw / "b.mid").write_bytes(midi(three, three))  # notes of two tracks are not equal
    (raw / "c.mid").write_bytes(FLUTE)
    (raw / "d.mid").write_bytes(b"no music")
    account = ingest(raw, tmp_path, limits())
    assert account["equal_notes_left_out"] == 2 + 4
    assert described(account).splitlines()[1:] == [
        "  refused, unreadable header: 1",
        "  left out, equal to another note: 6",
    ]


def test_a_downbeat_is_known_where_a_metre_is(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    body = "L:1/8\nK:C\nC|DEFGAB|cBAGFE|\n"
    (raw / "a.abc").write_text(f"X:1\nM:6/8\n{body}\nX:2\nM:none\n{body}\nX:3\nM:6/8\n")
    found = [(row["time_signature"], row["downbeat_beat"]) for row in rows(raw, tmp_path).values()]
    assert found == [("6/8", 0.5), (None, None), (None, None)]


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


def swapping(source: Source, limits: Limits, **about: Any) -> bytes:
    """Reads a source; a file whose first share was read is another one afterwards."""
    packed = read_source(source, limits, **about)
    if source.part == 0:
        Path(source.file).write_text(TUNE * 100)
    return packed


def losing(source: Source, limits: Limits, **about: Any) -> bytes:
    """Reads a source; a file whose first share was read is gone afterwards."""
    packed = read_source(source, limits, **about)
    if source.part == 0:
        Path(source.file).unlink()
    return packed


@pytest.mark.parametrize(
    ("read", "because"),
    [(swapping, Rejection.UNREADABLE_FILE), (losing, Rejection.MISSING_FILE)],
)
def test_a_file_that_changes_between_its_shares_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any, because: Rejection
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "large.abc").write_text("\n".join([TUNE] * 12))
    monkeypatch.setattr("tonerow.ingest.sources._PART_BYTES", 300)
    found = rows(tmp_path / "raw", tmp_path / "out", read=read)
    kept = [name for name, row in found.items() if row["rejected_because"] is None]
    assert kept == [f"large.abc/{n:04d}" for n in range(1, len(kept) + 1)]
    refused = {name: row["rejected_because"] for name, row in found.items() if name not in kept}
    assert len(kept) + len(refused) == len(found) > len(kept) > 0
    assert set(refused.values()) == {because}


def test_a_file_whose_first_share_is_empty_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    for name in ("a.abc", "large.abc"):  # one tune in several shares: it is in the last
        (tmp_path / "raw" / name).write_text(TUNE + "CDEF|" * 100)
    (tmp_path / "raw" / "z.mid").write_bytes(FLUTE)
    monkeypatch.setattr("tonerow.ingest.sources._PART_BYTES", 150)
    assert list(rows(tmp_path / "raw", tmp_path / "out")) == [
        "a.abc/0001",
        "large.abc/0001",
        "z.mid",
    ]
    found = rows(tmp_path / "raw", tmp_path / "out", read=losing)
    assert {name: row["rejected_because"] for name, row in found.items()} == {
        "a.abc/0000": Rejection.MISSING_FILE,
        "large.abc/0000": Rejection.MISSING_FILE,
        "z.mid": None,
    }


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
        "music.ZIP/a.abc\\/in a file.mid": Rejection.UNREADABLE_FILE,
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


def test_a_reader_that_hangs_or_dies_costs_one_row(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a.mid", "segfault.mid", "sleep.mid", "memory.mid", "z.mid"):
        (raw / name).write_bytes(FLUTE)
    (raw / "kill.abc").write_text("\n".join([TUNE] * 3))
    found = rows(raw, tmp_path / "out", read=read_or_do, timeout_sec=5.0, max_memory_mb=256)
    refused = {n: (r["rejected_because"], r["rejected_detail"]) for n, r in found.items()}
    assert refused == {
        "a.mid": (None, None),
        "kill.abc/0001": (None, None),
        "kill.abc/0002": (Rejection.READER_CRASHED, "the reading process died"),
        "kill.abc/0003": (None, None),
        "memory.mid": (Rejection.READER_CRASHED, "reading it took more than 256 MB of memory"),
        "segfault.mid": (Rejection.READER_CRASHED, "the reading process died"),
        "sleep.mid": (Rejection.READER_TIMED_OUT, "not read within 5 seconds"),
        "z.mid": (None, None),
    }
    assert found["kill.abc/0002"]["abc_text"].startswith("X:1")


def test_too_many_refused_is_an_error_after_the_tables_are_written(tmp_path: Path) -> None:
    with pytest.raises(TooManyRefusedError, match=r"2 of 23 .* 8\.7%.* allows 8\.0%") as error:
        ingest(CORPUS, tmp_path, limits(max_rejected_fraction=0.08))
    assert error.value.account["refused_because"] == {"no_key": 1, "truncated": 1}
    assert pq.read_metadata(tmp_path / "pieces.parquet").num_rows == 23
    ingest(CORPUS, tmp_path, limits(max_rejected_fraction=0.09))


def tables(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("notes.parquet", "pieces.parquet")]


def test_a_rerun_reads_only_what_is_new_and_gives_the_same_bytes(tmp_path: Path) -> None:
    raw, cache = tmp_path / "raw", tmp_path / "cache"
    shutil.copytree(CORPUS, raw)
    ingest(raw, tmp_path / "first", limits(), cache)
    (raw / "a copy, elsewhere.mid").write_bytes(FLUTE)
    (raw / "more" / "new.abc").write_text(TUNE)
    before = {path: path.stat().st_ino for path in cache.glob("*/*")}
    ingest(raw, tmp_path / "again", limits(), cache)
    after = {path: path.stat().st_ino for path in cache.glob("*/*")}
    assert len(after) == len(before) + 1
    assert after | before == after  # no entry was written anew
    ingest(raw, tmp_path / "without", limits())
    assert tables(tmp_path / "again") == tables(tmp_path / "without")
    ingest(raw, tmp_path / "other limits", limits(max_minutes=0.5, cache_mb=1), cache)
    ingest(raw, tmp_path / "the same without", limits(max_minutes=0.5))
    assert tables(tmp_path / "other limits") == tables(tmp_path / "the same without")
    assert tables(tmp_path / "other limits") != tables(tmp_path / "again")


def test_accidents_are_not_remembered(tmp_path: Path) -> None:
    raw, cache = tmp_path / "raw", Cache(tmp_path / "cache", "1")
    raw.mkdir()
    (raw / "a.abc").write_text("\n".join([TUNE] * 3))
    source = find_sources(raw)[0][0]
    whole = read_source(source, bounds(), lost={}, beat=lambda: None)
    lost = read_source(source, bounds(), cache, lost={2: Loss.DIED}, beat=lambda: None)
    assert lost != whole
    assert not cache.folder.exists()
    assert read_source(source, bounds(), cache, lost={}, beat=lambda: None) == whole
    source = replace(source, file="gone")
    assert read_source(source, bounds(), cache, lost={}, beat=lambda: None) != whole


def test_a_file_of_slow_tunes_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def slow(text: str, max_notes: int) -> abc_notation.Tune:
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(abc_notation, "parse_tune", slow)
    (tmp_path / "a.abc").write_text("\n".join([TUNE] * 5))
    source = find_sources(tmp_path)[0][0]
    packed = read_source(source, bounds(timeout_sec=0.05), lost={}, beat=lambda: None)
    refused, notes = unpack(packed, source)
    assert {row["rejected_because"] for row in refused} == {Rejection.READER_TIMED_OUT}
    late = "not read within 0.05 seconds"
    given_up = "not tried: 3 pieces before it in the file took too long"
    assert [row["rejected_detail"] for row in refused] == [late] * 3 + [given_up] * 2
    assert notes.equals(NOTES.empty_table())
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("error", [RecursionError, ValueError, ZeroDivisionError])
def test_a_reader_that_raises_costs_one_row(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fragile(data: bytes) -> Score:
        raise error(f"at {id(data)}")

    monkeypatch.setattr(reading, "read_midi", fragile)
    (tmp_path / "a.mid").write_bytes(FLUTE)
    source = find_sources(tmp_path)[0][0]
    (row,), _ = unpack(read_source(source, bounds(), lost={}, beat=lambda: None), source)
    assert row["rejected_because"] == Rejection.READER_CRASHED
    assert row["rejected_detail"] == f"the reader raised {error.__name__}"


def interrupted_run(raw: Path, out: Path, workers: int, how: signal.Signals) -> str:
    """Starts the stage's work on files that hang, stops it and all its processes, says why."""
    script = (
        "import sys; from functools import partial; from pathlib import Path\n"
        f"{HEAR_INTERRUPTS}\n"
        "from tests.ingest.workers.hostile_readers import *\n"
        "from tonerow.ingest.dispatch import ingest\n"
        f"limits = PATIENT.model_copy(update={{'workers': {workers}, 'timeout_sec': 600.0}})\n"
        "ingest(Path(sys.argv[1]), Path(sys.argv[2]), limits, read=announce_and_hang)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script, str(raw), str(out)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (raw / "begun").exists() and run.poll() is None:
        time.sleep(0.02)
    run.send_signal(how)
    return run.communicate()[1]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_the_old_tables_and_no_process(
    tmp_path: Path, workers: int, how: signal.Signals
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    for number in range(8):
        (raw / f"{number}.mid").write_bytes(FLUTE)
    ingest(raw, out, limits())
    before = tables(out)
    said = interrupted_run(raw, out, workers, how)
    assert tables(out) == before
    if how is signal.SIGINT:
        assert "KeyboardInterrupt" in said
        assert sorted(path.name for path in out.iterdir()) == ["notes.parquet", "pieces.parquet"]
    for process in (raw / "begun").read_text().split():
        while alive(int(process)):  # the reader and its parent end soon after the run
            time.sleep(0.05)


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
