"""Files of a folder that are missing, in the way, or meant to do harm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.test_archives import SONG, outcome, outcomes
from tests.ingest.test_dispatch import rows
from tests.midi.midi_bytes import NOTE, midi
from tonerow.corpora.copying import copy_music
from tonerow.corpora.kinds import MAX_DEPTH, kind_of
from tonerow.ingest.archives import Stamp
from tonerow.ingest.sources import Source, find_sources
from tonerow.notes.schema import Rejection

UNREADABLE = Rejection.UNREADABLE_FILE


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.MID", "midi"),
        ("a b.é.Midi", "midi"),
        ("a.KAR", "midi"),
        ("a.RmI", "midi"),
        ("a.ABC", "abc"),
        ("a.ZIP", "archive"),
        ("a.Tar.Gz", "archive"),
        ("a.tgz", "archive"),
        ("a.gz", None),
        ("a.mid.bak", None),
        ("mid", None),
    ],
)
def test_kinds_by_name(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_odd_names_stay_apart_and_can_be_stored(tmp_path: Path) -> None:
    odd = ["new\nline.mid", "é 🎵.mid", "a\\xff.mid", " .mid", "-rf.mid", "\x1b[2J.mid", "%s{}.mid"]
    for name in odd:
        (tmp_path / name).write_bytes(name.encode())
    for raw in (b"a\xff.mid", b"\xed\xa0\x80.mid"):
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw))).write_bytes(raw)
    found = outcomes(tmp_path)
    assert len(found) == 9
    assert found["a\\xff.mid"] == b"a\xff.mid"
    assert found["a\\\\xff.mid"] == b"a\\xff.mid"
    assert found["\\xed\\xa0\\x80.mid"] == b"\xed\xa0\x80.mid"
    assert all(name.encode() for name in found)


def test_links_pipes_and_folders_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(SONG)
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.mid").symlink_to(tmp_path / "self.mid")
    (tmp_path / "gone.mid").symlink_to(tmp_path / "nowhere")
    (tmp_path / "zero.mid").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.mid")
    found = outcomes(tmp_path)
    assert found.pop("self.mid") is UNREADABLE
    assert found == {"a.mid": SONG, "gone.mid": Rejection.MISSING_FILE}


def test_folders_below_folders_without_end_cost_a_row(tmp_path: Path) -> None:
    deepest = tmp_path / "raw" / Path(*["d"] * (MAX_DEPTH + 5))
    deepest.mkdir(parents=True)
    (deepest / "a.mid").write_bytes(SONG)
    (tmp_path / "raw" / Path(*["d"] * MAX_DEPTH) / "b.mid").write_bytes(SONG)
    found = outcomes(tmp_path / "raw")
    assert found == {"d/" * MAX_DEPTH + "b.mid": SONG, "d/" * MAX_DEPTH + "d": UNREADABLE}
    fetched = copy_music(tmp_path / "raw", tmp_path / "out")
    assert fetched.copied == 1
    assert fetched.skipped == [
        "d/" * (MAX_DEPTH + 1) + f": folder is more than {MAX_DEPTH} folders deep"
    ]


def test_what_takes_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.mid"
    file.write_bytes(SONG)
    (source,), _ = find_sources(tmp_path)
    file.unlink()
    assert outcome(source) is Rejection.MISSING_FILE
    os.mkfifo(file)
    assert outcome(source) is UNREADABLE
    file.unlink()
    file.mkdir()
    assert outcome(source) is UNREADABLE
    file.rmdir()
    file.symlink_to("/dev/zero")
    assert outcome(source) is UNREADABLE
    file.unlink()
    file.write_bytes(SONG * 100)
    assert outcome(source) is Rejection.TOO_LARGE


def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.mid"
    file.write_bytes(SONG)
    (source,), _ = find_sources(tmp_path)
    calls = 0
    stamp = Stamp.of

    def touching(descriptor: int) -> Stamp:
        nonlocal calls
        calls += 1
        if calls == 2:
            os.truncate(file, 10)
        return stamp(descriptor)

    monkeypatch.setattr(Stamp, "of", touching)
    assert outcome(source) is UNREADABLE


AS_NOBODY = """
import os, sys, tarfile, zipfile
from pathlib import Path
from tonerow.notes.score import UnreadableError
from tonerow.ingest.sources import find_sources
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
for source in find_sources(Path(sys.argv[1]))[0]:
    try:
        because, detail = source.refused or ("", len(source.read(100)))
    except UnreadableError as error:
        because, detail = error.because, error.detail
    print(source.source_path, because, detail, sep="|")
"""


def test_what_may_not_be_read_costs_one_row(open_folder: Path) -> None:
    tmp_path = open_folder
    (tmp_path / "a.mid").write_bytes(b"abc")
    for name in ("b.mid", "c.zip"):
        (tmp_path / name).write_bytes(b"secret")
        (tmp_path / name).chmod(0)
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0)
    command = [sys.executable, "-c", AS_NOBODY, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    (tmp_path / "d").chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "a.mid||3",
        "b.mid|unreadable file|Permission denied",
        "c.zip|unreadable file|Permission denied",
        "d|unreadable file|Permission denied",
    ]


def test_a_list_cannot_put_pieces_among_tunes(tmp_path: Path) -> None:
    (tmp_path / "t.abc").write_bytes(b"X:1")
    table = "canonical_composer,canonical_title,split,midi_filename\nB,A,test,t.abc/0001\n"
    (tmp_path / "list.csv").write_text(table)
    assert outcomes(tmp_path) == {"t.abc": b"X:1", "t.abc\\/0001": UNREADABLE}


def test_a_source_without_anything_is_missing(tmp_path: Path) -> None:
    assert outcome(Source("a.mid", "midi", str(tmp_path / "a.mid"))) is Rejection.MISSING_FILE


def test_sequences_only_get_names_that_are_free(tmp_path: Path) -> None:
    for name in ("a.mid", "b.mid", "b.mid (1).mid", "c.mid"):
        (tmp_path / name).write_bytes(SONG)
    found = {source.source_path: source.may_split for source in find_sources(tmp_path)[0]}
    assert found == {"a.mid": True, "b.mid": False, "b.mid (1).mid": True, "c.mid": True}


def test_sequences_are_pieces_unless_another_name_is_in_the_way(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.mid").write_bytes(midi(NOTE, [], NOTE, kind=2))
    (raw / "b.mid").write_bytes(midi(NOTE, NOTE, kind=2))
    (raw / "b.mid (1).mid").write_bytes(midi(NOTE))
    found = rows(raw, tmp_path / "out")
    assert {name: row["rejected_because"] for name, row in found.items()} == {
        "a.mid/00001": None,
        "a.mid/00002": Rejection.NO_NOTES,
        "a.mid/00003": None,
        "b.mid": Rejection.UNSUPPORTED_FORMAT,
        "b.mid (1).mid": None,
    }
