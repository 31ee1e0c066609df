"""Odd but legal ABC gives its true notes; what cannot be read right is refused, and at once."""

import pytest

from tonerow.abc_notation import reading
from tonerow.abc_notation.reading import read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError
from tonerow.notes.table import to_table, validate

HEAD = "X:1\nT:t\nL:1/4\nK:C\n"
TUNE = HEAD + "CDE|\n"
CDE = [60, 62, 64]

# The bytes of a file, and the pitches of each of its tunes.
ODD: dict[str, tuple[bytes, list[list[int]]]] = {
    "a byte-order mark": (b"\xef\xbb\xbf" + TUNE.encode(), [CDE]),
    "a byte-order mark in the middle": (f"{TUNE}\n\ufeff{TUNE}".encode(), [CDE, CDE]),
    "cr lf": (TUNE.replace("\n", "\r\n").encode(), [CDE]),
    "cr": (TUNE.replace("\n", "\r").encode(), [CDE]),
    "mixed line ends": (b"X:1\rL:1/4\r\nK:C\nC\rD\r\nE", [CDE]),
    "cr cr lf": (TUNE.replace("E|", "|\nE|").replace("\n", "\r\r\n").encode(), [CDE]),
    "latin-1": (TUNE.replace("T:t", "T:caf\xe9").encode("latin-1"), [CDE]),
    "windows-1252": (TUNE.replace("T:t", "T:\u2019s").encode("cp1252"), [CDE]),
    "utf-8": (TUNE.replace("T:t", "T:\u266f \U0001f3b5 \u0301").encode(), [CDE]),
    "the end of file of dos": (TUNE.encode() + b"\x1a\x1a", [CDE]),
    "a version line": (b"%abc-2.1\n" + TUNE.encode(), [CDE]),
    "comments": (b"%abc\n% a\nX:1 % b\nL:1/4 %c\n%d\nK:C % e\nCD % FGA\n%f\nE % \xe9", [CDE]),
    "tabs": (b"X:\t1\nL:\t1/4\t\nK:\tC\t% C\n\tC\tD\t|\tE\t\n", [CDE]),
    "no X": (TUNE.encode()[4:], [CDE]),
    "no X, then one": (TUNE.encode()[4:] + b"\n" + TUNE.encode(), [CDE, CDE]),
    "no T and no L": (b"X:1\nK:C\nC2D2E2", [CDE]),
    "an empty X": (TUNE.replace("X:1", "X:").encode(), [CDE]),
    "a large X": (TUNE.replace("X:1", "X:" + "9" * 99).encode(), [CDE]),
    "several tunes": ("\n\n".join([TUNE] * 3).encode(), [CDE] * 3),
    "several tunes, no line between": ((TUNE * 3).encode(), [CDE] * 3),
    "one number twice": ((TUNE + "\n" + TUNE.replace("CDE", "C")).encode(), [CDE, [60]]),
    "text around tunes": (
        f"Dear all,\n\nhere are tunes.\n\n{TUNE}\nMore: C D E.\n\n{TUNE}\n\nBye".encode(),
        [CDE, CDE],
    ),
    "text and comments below": (
        f"{TUNE}\nC D E are its notes | a table\n% C D E|\n\nK: keep\n{TUNE}".encode(), [CDE, CDE]),
    "a chord chart below": (f"{TUNE}\n| G | C D7 | G |\n".encode(), [CDE]),
    "tunes without X": ("\n".join([TUNE[4:]] * 3).encode(), [CDE] * 3),
    "an X in a block of text": (
        f"{HEAD}CD\n%%begintext\nX:2\n%%endtext\nE\n{TUNE}".encode(), [CDE, CDE]),
    "an X after a block that is not closed": (
        f"{TUNE}%%begintext\n{TUNE}%%begintext\nX:3\n%%endtext".encode(), [CDE, CDE]),
    "history of many lines": (TUNE.replace("L:", "H:Played\nin C D E|\n\n 1901.\nL:").encode(), [CDE]),
    "fields that begin like a bar line": (
        (HEAD + "CD\nT:|: ABA\nw:|la\nw::la\nI:|| :|\nE").encode(), [CDE]),
    "notes before a bar line": ((HEAD + "CD\nE:|\nC:|").encode(), [CDE * 2 + [60, 60]]),
    "fields for all tunes": (f"M:3/4\nC:me\n\n{TUNE}\n{TUNE}".encode(), [CDE, CDE]),
    "markup around a tune": (f"<html><pre>\n\n{TUNE}\n</pre></html>".encode(), [CDE]),
    "an empty line in the header": (TUNE.replace("T:t\n", "T:t\n\n").encode(), [CDE]),
    "unknown fields": (b"X:1\nE:9\nY:?\nL:1/4\nK:C\ns:**\nCDE\nW:words", [CDE]),
    "fields that go on by backslashes": (
        b"X:1\n%%font 1 \\\n 2 3\nN:a \\\nb \\\nc\nT:t\\\nL:1/4\nK:C\\\nCD\\\nM:9/8\\\nE|", [CDE]),
    "music behind words and a backslash": (b"X:1\nL:1/4\nK:C\nCD|\nw:a b\\\nE|", [CDE]),
    "a backslash that nothing follows": (b"X:1\nL:1/4\nK:C\nCDE|\nw:a\\", [CDE]),
    "lines of tags": (f"{HEAD}CD\n<br>\nE|\n</pre> </html>\n\n{TUNE}".encode(), [CDE, CDE]),
    "a field that goes on": (b"X:1\nH:a\n+:b\nL:1/4\nK:C\nCDE\nw:a\n+:b", [CDE]),
    "inline fields": (b"X:1\nL:1/8\nK:G\n[K:C][L:1/4][M:3/4][Q:1/4=90][r:hm]C[I:x]D[P:A]E", [CDE]),
    "a line of 100,000 characters": ((HEAD + "CDE " + " " * 99_990 + "|").encode(), [CDE]),
    "a comment of a megabyte": ((HEAD + "CDE %" + "{" * 1_000_000).encode(), [CDE]),
    "10,000 comments": ((HEAD + "%\n" * 10_000 + "CDE").encode(), [CDE]),
    "ten thousand fields": (b"X:1\n" + b"N:[\n" * 10_000 + b"L:1/4\nK:C\nCDE", [CDE]),
    "no line end": (TUNE.encode().rstrip(), [CDE]),
    "white space only at the ends": (b"\n \n\t\n" + TUNE.encode() + b"\n \n\n", [CDE]),
    "lowest and highest": (f"{HEAD}{'C,,,,,'} {chr(39).join(['g'] + [''] * 4)}".encode(), [[0, 127]]),
    "a bracket at the end of a line": ((HEAD + "CD]\nE3]").encode(), [CDE]),
    "empty bars": ((HEAD + "||C|||D||E|]").encode(), [CDE]),
    "only a chord": ((HEAD + "[CDE]").encode(), [CDE]),
}  # fmt: skip


def pitches(text: str) -> list[int]:
    score = read_tune(text)
    validate(to_table("piece", score))
    return [int(pitch) for pitch in score.pitch]


@pytest.mark.parametrize("case", ODD)
def test_odd_but_legal(case: str) -> None:
    data, expected = ODD[case]
    assert [pitches(text) for text in split_tunes(decode(data))] == expected


BAD = {
    "utf-16": (TUNE.encode("utf-16"), Rejection.NOT_TEXT),
    "utf-16 without a mark": (TUNE.encode("utf-16-le"), Rejection.NOT_TEXT),
    "utf-32": (TUNE.encode("utf-32"), Rejection.NOT_TEXT),
    "a midi file": (b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0", Rejection.NOT_TEXT),
    "a gzip file": (b"\x1f\x8b\x08" + b"X:1\n", Rejection.NOT_TEXT),
    "an escape sequence": (TUNE.encode() + b"\x1b[2J", Rejection.NOT_TEXT),
    "a page": (b"<!DOCTYPE html>\n<title>404</title>\nnot found", Rejection.UNREADABLE_HEADER),
    "music without a header": (b"CDE|FGA|", Rejection.UNREADABLE_HEADER),
    "words": (b"Hello there.\n\nThis is no music.", Rejection.UNREADABLE_HEADER),
    "a git lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        Rejection.UNREADABLE_HEADER,
    ),
    "a header without key": (b"X:1\nT:t\nCDE", Rejection.NO_KEY),
    "markup in the music": ((HEAD + "CDE<br>\nFGA").encode(), Rejection.CORRUPT),
    "accidentals in unicode": ((HEAD + "\u266fC").encode(), Rejection.CORRUPT),
    "a key in unicode": (TUNE.replace("K:C", "K:B\u266d").encode(), Rejection.CORRUPT),
    "a note from another alphabet": ((HEAD + "\u0421DE").encode(), Rejection.CORRUPT),
    "a space from another alphabet": ((HEAD + "C\u00a0D").encode(), Rejection.CORRUPT),
    "music after an empty line": ((TUNE + "\nCDE|").encode(), Rejection.CORRUPT),
    "a bar after an empty line": ((TUNE + "\n\nC|").encode(), Rejection.CORRUPT),
    "a header after an empty line": (f"{TUNE}\n{TUNE[4:]}".encode(), Rejection.CORRUPT),
    "percussion": ((HEAD + "%%MIDI channel 10\nC").encode(), Rejection.UNSUPPORTED_FORMAT),
    "a lone bracket": ((HEAD + "C]D").encode(), Rejection.CORRUPT),
    "an empty chord": ((HEAD + "[]").encode(), Rejection.CORRUPT),
    "a pitch below 0": ((HEAD + "B,,,,,,").encode(), Rejection.CORRUPT),
    "a pitch above 127": ((HEAD + "a''''").encode(), Rejection.CORRUPT),
    "a negative length": ((HEAD + "C-2").encode(), Rejection.CORRUPT),
    "a tempo of a million": (TUNE.replace("L:", "Q:999999\nL:").encode(),
                             Rejection.IMPOSSIBLE_TIMING),
    "years of rest": (
        (TUNE.replace("L:", "M:999/1\nL:") + "Z4" * 70_000 + "C").encode(),
        Rejection.IMPOSSIBLE_TIMING,
    ),
    "a play order without notes": (
        b"X:1\nP:B\nK:C\nP:A\nC\nP:B\n|", Rejection.NO_NOTES),
    "10 MB of one note": ((HEAD + "C" * 10_000_000).encode(), Rejection.TOO_MANY_NOTES),
    "100,000 notes in a chord": ((HEAD + f"[{'C' * 100_000}]").encode(), Rejection.CORRUPT),
    "100,000 colons": ((HEAD + "C|" + ":" * 100_000 + "|").encode(), Rejection.CORRUPT),
    "100,000 repeats": ((HEAD + "|:C" * 50_000 + ":|" * 50_000).encode(), Rejection.CORRUPT),
    "100,000 endings": ((HEAD + "C" + "[1" * 100_000).encode(), Rejection.CORRUPT),
    "300,000 parts": (
        f"X:1\nP:{'A' * 300_000}\nK:C\nP:A\nC|".encode(), Rejection.TOO_MANY_NOTES),
    "100,000 open groups": ((HEAD + "{" * 100_000).encode(), Rejection.CORRUPT),
    "100,000 voices": (
        (HEAD + "".join(f"[V:{i}]C" for i in range(100_000))).encode(), Rejection.CORRUPT),
    "100,000 accidentals": ((HEAD + "^" * 100_000 + "C").encode(), Rejection.CORRUPT),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_right_is_refused(case: str) -> None:
    data, because = BAD[case]
    with pytest.raises(UnreadableError) as caught:
        for text in split_tunes(decode(data)):
            read_tune(text, 200_000)
    assert caught.value.because is because
    assert 5 < len(caught.value.detail) < 500


LONG = "x" * 20_000
QUOTING = [
    *[f"K:{LONG}", f"K:C {LONG}", f"K:C octave={LONG}", f"K:C shift={LONG}", f"K:C bass-8{LONG}"],
    *[f"K:g {LONG}", f"K:C\nV:1 transpose={LONG}", f"M:{LONG}", f"L:{LONG}", f"L:0/{LONG}"],
    *[f"M:{'1+' * 9999}1/0", f"Q:{'1/4 ' * 9999}=9", f"P:A-{LONG}\nK:C\nP:A\nC", LONG],
    *[f"%%propagate-accidentals {LONG}", f"%%MIDI transpose {LONG}", f"%%MIDI program 1{LONG}"],
    *[
        f"K:C\n{text}"
        for text in (f"!x{LONG}", f"[{LONG}]", f"[1,{LONG}", f"C{'/' * 9999}", "C" * 9999)
    ],
    *[
        f"K:C\n{text}"
        for text in (f"(3{'0' * 9999}C", f"C{',' * 9999}", f"C{'<' * 9999}D", "[1" * 9999)
    ],
    *[f"K:C\n{text}" for text in (f"!{'C' * 9999}!", f"[K:{LONG}]", f"C|{'1,' * 9999}2:|", LONG)],
]


@pytest.mark.parametrize("text", QUOTING, ids=lambda text: text[:24])
def test_what_a_refusal_quotes_is_short(text: str) -> None:
    try:
        read_tune(f"X:1\n{text}\nK:C\nC", 1000)
    except UnreadableError as error:
        assert len(error.detail) < 160


LARGE = {
    "repeats that end nothing": HEAD + "C |1 D" + ":|" * 40_000 + "|2 E|",
    "repeats that begin nothing": HEAD + "C |1 D" + "|:" * 40_000 + "|2 E|",
    "double bars": HEAD + "C||" * 40_000 + "C:|",
    "ties": HEAD + "C-" * 40_000 + "C",
    "quoted texts": HEAD + '""' * 100_000 + "C",
    "decorations": HEAD + "!a!" * 40_000 + "C",
    "an open decoration": HEAD + "!" + "." * 100_000 + "C",
    "fields": HEAD + "K:C\n" * 10_000 + "C",
    "parts": "X:1\nP:" + "A" * 40_000 + "\nK:C\n" + "P:B\n" * 4000 + "P:A\nC",
    "open parts": "X:1\nP:" + "(" * 100_000 + "\nK:C\nP:A\nC",
}


@pytest.mark.parametrize("case", LARGE)
def test_work_is_linear_in_the_text(case: str) -> None:
    """Ten times as fast as the square of the text would be."""
    assert pitches(LARGE[case])


def test_fields_for_all_tunes_do_not_fill_the_memory() -> None:
    text = "C:" + "x" * 1_000_000 + "\n" + "X:1\n" * 1000
    with pytest.raises(UnreadableError) as caught:
        split_tunes(text)
    assert caught.value.because is Rejection.TOO_LARGE


def test_a_file_holds_so_many_tunes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TUNES", 3)
    assert len(split_tunes("X:1\n" * 3)) == 3
    with pytest.raises(UnreadableError) as caught:
        split_tunes("X:1\n" * 4)
    assert caught.value.because is Rejection.TOO_LARGE
