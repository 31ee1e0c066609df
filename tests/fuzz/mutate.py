"""Turns good files into bad ones: blindly, and where the formats have their joints."""

import gzip
import io
import struct
import tarfile
import zipfile
from random import Random

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
MIDI_PIECES = (
    *(b"\xff\x51\x03\x00\x00\x00", b"\xff\x58\x02\x00\xff", b"\xff\x59\x02\x80\x07"),
    *(b"\x00\xff\x2f\x00", b"\xff\x20\x01\x09", b"\xf0\x00", b"\xf7\x01\xf8", b"MTrk", b"MThd"),
    *(b"\xff\xff\xff\x7f", b"\x80\x80\x80\x00", b"\x90\x3c\x00", b"\xc9\x7f", b"\xf8", b"\xe0"),
)
ABC_PIECES = (
    *("|:", ":|", "::", "|1", ":|2", "[3,5-7", "||", "|]", "[|]", "|", ":||:", "[1", "&", "\\\n"),
    *("(3", "(5:4:3", "(9", "{^c", "}", "[CEG]", "[", "]", "-", ">", "<<", "z", "Z4", "x/", "y"),
    *("[K:Bb]", "[M:5/8]", "[L:1/64]", "[V:2]", "[Q:1/4=60]", "[P:B]", "\nK:none\n", "\nP:A\n"),
    *("^", "__", "=", ",", "'", "/", "3/2", "99", "0", '"Am"', '"', "!trill!", "!", "+", "$", "%"),
    *("\nX:2\n", "\nV:1 octave=-2\n", "\n%%MIDI transpose 7\n", "\nI:propagate-accidentals not\n"),
    *("\n\n", "\t", "\ufeff", "\u00a0", "\u266f", "\x00", "\r", "\nM:C|\n", "\nU:W=!f!\n", "~"),
)


def mutated(data: bytes, others: list[bytes], rng: Random) -> bytes:
    """A few random changes anywhere."""
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((0, 1, 2, 4, 16, 200)))
        data = data[:at] + _replacement(data[at:end], others, rng) + data[end:]
    return data


def _replacement(old: bytes, others: list[bytes], rng: Random) -> bytes:
    kind = rng.randrange(8)
    if kind == 0:
        return b""
    if kind == 1:
        return rng.randbytes(rng.randrange(9))
    if kind == 2:
        return bytes(byte ^ 1 << rng.randrange(8) for byte in old)
    if kind == 3:
        return old * rng.choice((2, 3, 50))
    if kind == 4:
        number = rng.choice(NUMBERS)
        return number.to_bytes(4, rng.choice(("big", "little")))[-rng.choice((1, 2, 4)) :]
    if kind == 5:
        other = rng.choice(others)
        start = rng.randrange(len(other) + 1)
        return other[start : start + rng.choice((1, 8, 100, 10_000))]
    return rng.choice(MIDI_PIECES)


def mutated_midi(data: bytes, others: list[bytes], rng: Random) -> bytes:
    """Mostly changes inside of chunks, with lengths that fit, so that they come far."""
    if data[:4] != b"MThd" or rng.random() < 0.2:
        return mutated(data, others, rng)
    chunks = []
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size
    place = rng.randrange(1, len(chunks)) if len(chunks) > 1 else 0
    if rng.random() < 0.1:
        kind, division = rng.choice((0, 1, 1, 2, 3)), rng.choice((*NUMBERS[:8], 96, 480))
        chunks[0] = (b"MThd", struct.pack(">HHH", kind, len(chunks) - 1, division))
    name, payload = chunks[place]
    change = _changed_values if rng.random() < 0.5 else mutated
    chunks[place] = (name, change(payload, others, rng))
    return b"".join(name + struct.pack(">I", len(payload)) + payload for name, payload in chunks)


def _changed_values(data: bytes, others: list[bytes], rng: Random) -> bytes:
    """Other data in the same events: no byte becomes a status or ceases to be one."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 4, 64))):
        at = rng.randrange(len(data)) if data else 0
        if data and data[at] < 0x80:
            changed[at] = rng.choice((0, 1, 60, 127, rng.randrange(128)))
    return bytes(changed)


def mutated_abc(data: bytes, others: list[bytes], rng: Random) -> bytes:
    """Changes of symbols, lines and characters; sometimes of bytes."""
    if rng.random() < 0.1:
        return mutated(data, others, rng)
    text = data.decode("utf-8", errors="replace")
    for _ in range(rng.choice((1, 1, 2, 4, 12))):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 0, 1, 1, 3, 20)))
        new = rng.choice(ABC_PIECES)
        kind = rng.randrange(6)
        if kind == 0:
            new = ""
        elif kind == 1:
            new = text[at:end] * rng.choice((2, 60))
        elif kind == 2:
            start = rng.randrange(len(text) + 1)
            new = text[start : start + 30]
        text = text[:at] + new + text[end:]
    return text.encode("utf-8", errors="surrogateescape")


def mutated_archive(songs: list[bytes], rng: Random) -> tuple[str, bytes]:
    """The name and the bytes of a damaged archive with a few members."""
    names = [rng.choice(("a", "../b", "/c", "d/é", "t.abc/1")) for _ in range(3)]
    members = [(name + rng.choice((".mid", ".abc", ".zip", ".csv")), songs[0]) for name in names]
    stream = io.BytesIO()
    suffix = rng.choice((".zip", ".tar", ".tar.gz"))
    if suffix == ".zip":
        with zipfile.ZipFile(stream, "w", rng.choice((0, 8))) as packed:
            for name, song in dict(members).items():
                packed.writestr(zipfile.ZipInfo(name), song, packed.compression)
    else:
        with tarfile.open(fileobj=stream, mode="w", format=rng.choice((1, 2))) as tar:
            for name, song in members:
                info = tarfile.TarInfo(name * rng.choice((1, 40)))
                info.size = len(song)
                info.type = rng.choice((b"0", b"0", b"1", b"2", b"S", b"x", b"L"))
                tar.addfile(info, io.BytesIO(song))
    data = stream.getvalue()
    inside = suffix == ".tar.gz" and rng.random() < 0.5
    data = mutated(data, songs, rng) if inside else data
    data = gzip.compress(data, mtime=0) if suffix == ".tar.gz" else data
    return f"x{suffix}", data if inside else mutated(data, songs, rng)
