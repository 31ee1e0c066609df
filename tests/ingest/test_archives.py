"""Archives are read in place, and whatever is wrong with one costs rows, not the run."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tonerow.ingest import archives
from tonerow.ingest.sources import Source, find_sources
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError

UNREADABLE, TOO_LARGE = Rejection.UNREADABLE_FILE, Rejection.TOO_LARGE
Outcome = bytes | Rejection
SONG = b"MThd" + bytes(range(256)) * 8


def outcome(source: Source, max_bytes: int = 10_000) -> Outcome:
    if source.refused:
        assert source.refused[1]
        return source.refused[0]
    try:
        return source.read(max_bytes)
    except UnreadableError as error:
        assert error.detail
        return error.because


def outcomes(raw: Path, max_bytes: int = 10_000) -> dict[str, Outcome]:
    sources, _ = find_sources(raw)
    assert [s.order for s in sources] == sorted(s.order for s in sources)
    assert len({s.order for s in sources}) == len(sources)
    return {s.source_path: outcome(s, max_bytes) for s in sources}


Members = list[tuple[str, bytes]]


def write_zip(path: Path, members: Members) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)


def tar_bytes(members: Members, kind: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def write_tar(path: Path, members: Members) -> None:
    data = tar_bytes(members)
    path.write_bytes(data if path.name.lower().endswith(".tar") else gzip.compress(data))


WRITERS: dict[str, Callable[[Path, Members], None]] = {
    "a.zip": write_zip,
    "a.tar": write_tar,
    "a.tar.gz": write_tar,
    "A.TGZ": write_tar,
}


@pytest.fixture(params=WRITERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_members_are_read_in_place(tmp_path: Path, name: str) -> None:
    members = [
        ("z/é 🎵.MID", SONG),
        ("b.abc", b"X:1"),
        ("a" * 150 + "/c.kar", b"c"),
        ("w.txt", b""),
    ]
    WRITERS[name](tmp_path / name, [*members, (".h.mid", b"h"), ("__MACOSX/._z.mid", b"")])
    expected = {f"{name}/{member}": data for member, data in members[:3]}
    assert outcomes(tmp_path) == expected
    assert find_sources(tmp_path)[1] == 3
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208


def test_names_lead_nowhere(tmp_path: Path, name: str) -> None:
    bad = ["../up.mid", "/etc/abs.mid", "a/../../up.mid", "..\\up.mid", "a.mid/b.mid"]
    WRITERS[name](tmp_path / name, [("a.mid", SONG), *((n, SONG) for n in bad)])
    found = outcomes(tmp_path)
    assert found.pop(f"{name}/a.mid") == SONG
    assert set(found.values()) == {UNREADABLE}
    assert len(found) == len(bad)


def test_nothing_stands_among_the_tunes_of_a_file(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, [("t.abc", b"X:1"), ("t.abc/0001.mid", SONG)])
    assert outcomes(tmp_path) == {
        f"{name}/t.abc": b"X:1",
        f"{name}/t.abc\\/0001.mid": UNREADABLE,
    }


def test_archives_in_archives_stay_closed(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, [("b.zip", b"PK"), ("c.tgz", b""), ("a.mid", SONG)])
    assert outcomes(tmp_path) == {
        f"{name}/a.mid": SONG,
        f"{name}/b.zip": UNREADABLE,
        f"{name}/c.tgz": UNREADABLE,
    }


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_of_one_name_the_later_counts(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, [("a.mid", b"old"), ("a.mid", b"new")])
    assert outcomes(tmp_path) == {f"{name}/a.mid": b"new"}


def test_a_member_over_the_limit_is_not_unpacked(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, [("a.mid", bytes(20_000)), ("b.mid", SONG)])
    assert outcomes(tmp_path) == {f"{name}/a.mid": TOO_LARGE, f"{name}/b.mid": SONG}


def test_an_archive_that_is_none_costs_a_row(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK no archive, nor gzip")
    (tmp_path / f"empty{name}").write_bytes(b"")
    (tmp_path / "good.mid").write_bytes(SONG)
    found = outcomes(tmp_path)
    assert found.pop("good.mid") == SONG
    assert list(found) == sorted([name, f"empty{name}"])
    assert set(found.values()) <= {UNREADABLE, Rejection.TRUNCATED}


def test_an_archive_that_changes_after_it_was_listed(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, [("a.mid", SONG)])
    sources, _ = find_sources(tmp_path)
    WRITERS[name](tmp_path / name, [("b.mid", SONG * 2), ("a.mid", b"other")])
    assert [outcome(source) for source in sources] == [UNREADABLE]
    (tmp_path / name).unlink()
    assert [outcome(source) for source in sources] == [Rejection.MISSING_FILE]


def test_a_flipped_bit_costs_rows_only(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, [(f"{i}.mid", os.urandom(200)) for i in range(4)])
    whole = (tmp_path / name).read_bytes()
    for at in range(0, len(whole), 61):
        (tmp_path / name).write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        outcomes(tmp_path)


def test_encrypted_damaged_and_exotic_zip_members(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("encrypted.mid", "damaged.mid", "good.mid"):
            archive.writestr(name, SONG)
        archive.writestr("bomb.mid", bytes(3_000_000), zipfile.ZIP_DEFLATED)
        archive.writestr("bzip2.mid", SONG, zipfile.ZIP_BZIP2)
        archive.writestr("lzma.mid", SONG, zipfile.ZIP_LZMA)
        link = zipfile.ZipInfo("link.mid")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1  # the flags of the first member
    data[data.index(b"damaged.mid") + 60] ^= 1
    path.write_bytes(data)
    expected: dict[str, Outcome] = dict.fromkeys(
        ("encrypted", "damaged", "bzip2", "lzma", "link"), UNREADABLE
    )
    found = {path[6:-4]: result for path, result in outcomes(tmp_path, 2**24).items()}
    assert found == expected | {"good": SONG, "bomb": TOO_LARGE}


def test_a_zip_member_larger_than_it_says(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", [("a.mid", SONG)])
    data = (tmp_path / "a.zip").read_bytes()
    small = data.replace(struct.pack("<I", len(SONG)), struct.pack("<I", 10))
    (tmp_path / "a.zip").write_bytes(small)
    assert outcomes(tmp_path) == {"a.zip/a.mid": UNREADABLE}


def test_a_zip_whose_names_are_not_what_it_says(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", [("é.mid", SONG)])
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace("é".encode(), b"\xff\xfe"))
    assert outcomes(tmp_path) == {"a.zip": UNREADABLE}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_links_and_devices_in_a_tar(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        whole = tarfile.TarInfo("whole.mid")
        whole.size = len(SONG)
        archive.addfile(whole, io.BytesIO(SONG))
        for kind, target in (
            (tarfile.SYMTYPE, "/etc/passwd"),
            (tarfile.LNKTYPE, "whole.mid"),
            (tarfile.LNKTYPE, "../../outside"),
            (tarfile.FIFOTYPE, ""),
            (tarfile.CHRTYPE, ""),
            (tarfile.DIRTYPE, ""),
        ):
            info = tarfile.TarInfo(f"{len(archive.getmembers())}.mid")
            info.type, info.linkname = kind, target
            archive.addfile(info)
    data = stream.getvalue()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    found = {path.split("/")[1]: result for path, result in outcomes(tmp_path).items()}
    refused: dict[str, Outcome] = dict.fromkeys(["1.mid", "3.mid", "4.mid", "5.mid"], UNREADABLE)
    assert found == {"whole.mid": SONG, "2.mid": SONG} | refused


def test_names_in_a_tar_that_are_no_utf8(tmp_path: Path) -> None:
    data = tar_bytes([("aXY.mid", b"1")], tarfile.GNU_FORMAT)
    header = data[:512].replace(b"aXY", b"a\xff\n")
    header = header[:148] + b" " * 8 + header[156:]
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    (tmp_path / "a.tar").write_bytes(header + data[512:])
    assert outcomes(tmp_path) == {"a.tar/a\\xff\n.mid": b"1"}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 1.0])
def test_a_tar_that_breaks_off_keeps_what_is_whole(tmp_path: Path, name: str, share: float) -> None:
    songs = {f"{name}/{i}.mid": os.urandom(3000) for i in range(9)}
    members = [(path.split("/")[1], data) for path, data in songs.items()]
    data = tar_bytes(members)[: 9 * (512 + 3072)]
    data = gzip.compress(data) if name.endswith("gz") else data
    (tmp_path / name).write_bytes(data[: int(share * len(data))])
    found = outcomes(tmp_path)
    assert found.pop(name) is Rejection.TRUNCATED
    cut = [path for path, result in found.items() if result is Rejection.TRUNCATED]
    assert len(cut) <= 1
    whole = {path: result for path, result in found.items() if path not in cut}
    assert int(share * 9) - 1 <= len(whole) <= 9
    assert whole.items() <= songs.items()


def test_a_tar_with_a_damaged_header_inside(tmp_path: Path) -> None:
    data = tar_bytes([("a.mid", SONG), ("b.mid", SONG)])
    at = data.index(b"b.mid")
    (tmp_path / "a.tar").write_bytes(data[: at + 100] + b"?" + data[at + 101 :])
    assert outcomes(tmp_path) == {"a.tar": Rejection.CORRUPT, "a.tar/a.mid": SONG}


def test_a_gzip_file_with_a_wrong_checksum_is_not_trusted(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tgz", [("a.mid", SONG)])
    data = (tmp_path / "a.tgz").read_bytes()
    (tmp_path / "a.tgz").write_bytes(data[:-8] + bytes([data[-8] ^ 1]) + data[-7:])
    assert outcomes(tmp_path) == {"a.tgz": UNREADABLE}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_tar_header_that_would_fill_the_memory(tmp_path: Path, name: str) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8**11 - 1
    data = (
        tar_bytes([("a.mid", SONG)])[: 512 + 2560] + info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)
    )
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    found = outcomes(tmp_path)
    assert found.pop(name) in (Rejection.CORRUPT, Rejection.TRUNCATED, UNREADABLE)
    assert found in ({f"{name}/a.mid": SONG}, {})


def test_a_gzip_bomb_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(archives._FREE_BYTES, "archive", 2**20)
    write_tar(tmp_path / "a.tgz", [("a.mid", SONG), ("b.mid", bytes(2**23)), ("c.mid", SONG)])
    found = outcomes(tmp_path)
    assert found["a.tgz"] is TOO_LARGE
    assert "a.tgz/c.mid" not in found


def test_gzip_files_in_a_row_and_padding(tmp_path: Path) -> None:
    data = tar_bytes([("a.mid", SONG), ("b.mid", SONG * 40)])
    parts = b"".join(gzip.compress(data[i : i + 999]) for i in range(0, len(data), 999))
    (tmp_path / "a.tgz").write_bytes(parts + bytes(5000))
    assert outcomes(tmp_path, 10**6) == {"a.tgz/a.mid": SONG, "a.tgz/b.mid": SONG * 40}
    (tmp_path / "a.tgz").write_bytes(parts + b"garbage")
    assert outcomes(tmp_path) == {"a.tgz": UNREADABLE}


def test_members_of_a_tar_gz_are_reached_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(archives._MIN_SPACING, "packed", 2**12)
    songs = {f"a.tgz/{i * 7919 % 1000:03d}.mid": os.urandom(10_000) for i in range(200)}
    write_tar(tmp_path / "a.tgz", [(path[6:], data) for path, data in songs.items()])
    unpacked = 0
    unpack = archives._Gunzip._unpack

    def counted(self: archives._Gunzip) -> bool:
        nonlocal unpacked
        before = self._at
        more = unpack(self)
        unpacked += len(self._ready) + self._at - before
        return more

    monkeypatch.setattr(archives._Gunzip, "_unpack", counted)
    assert outcomes(tmp_path, 20_000) == songs
    assert unpacked < 20 * 2_000_000  # 100 times over, without places to go on from


def test_what_packs_to_nothing_is_not_unpacked_again_for_each_member(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tgz", [("zeros.txt", bytes(2**25)), ("a.mid", SONG)])
    archive = archives._opened(str(tmp_path / "a.tgz"))
    assert isinstance(archive, archives._Gunzip)
    archive.seek(2**25 + 2048)
    places = [unpacked for unpacked, *_ in archive._points]
    assert max(b - a for a, b in pairwise(places)) < 2**23
    archive.close()


def test_the_holes_behind_a_tar_are_not_read(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [("a.mid", SONG)])
    os.truncate(tmp_path / "a.tar", 2**37)  # 128 GiB, which would take minutes
    assert outcomes(tmp_path) == {"a.tar/a.mid": SONG}


def test_a_pipe_in_the_place_of_an_archive_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert archives.list_members(str(tmp_path / name)) == ([], (UNREADABLE, "not a regular file"))


def test_an_archive_that_is_gone_when_it_is_listed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("nowhere")
    assert outcomes(tmp_path) == {name: UNREADABLE}


def test_lists_of_pieces_in_an_archive_are_bounded(tmp_path: Path, name: str) -> None:
    table = b"canonical_composer,canonical_title,split,midi_filename\nBach,Air,test,a.mid\n"
    WRITERS[name](tmp_path / name, [("l.csv", table), ("a.mid", SONG), ("b.csv", b"\xff\0")])
    (source,), others = find_sources(tmp_path)
    assert (source.composer, source.title, source.official_split) == ("Bach", "Air", "test")
    assert others == 2


def test_zlib_states_can_be_copied() -> None:
    """What going on from a place in a gzip file rests on."""
    packed = gzip.compress(SONG)
    first = zlib.decompressobj(31)
    begin = first.decompress(packed[:20], 5)
    second = first.copy()
    rest = first.unconsumed_tail + packed[20:]
    assert begin + second.decompress(rest) == begin + first.decompress(rest) == SONG
