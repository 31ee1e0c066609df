from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.tokens.token_tables import TUNE
from tonerow.abc_notation.reading import parse_tune, read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.notes.score import UnreadableError
from tonerow.tokens.reduction import header_of, reduce_tune

FIELDS = ["R", "M", "L", "K"]


def reduce_body(body: str, fields: list[str] = FIELDS) -> str:
    return reduce_tune(f"X:1\nK:C\n{body}", fields).removeprefix("K:C").removeprefix("\n")


def test_header_fields_come_in_the_order_asked_for_and_the_key_last() -> None:
    text = "X:1\nT:A title\nL: 1/8 % unit\nM:C|\nZ:me\nR:  slow   reel\nK: G  major\nGAB"
    assert reduce_tune(text, FIELDS) == "R:slow reel\nM:C|\nL:1/8\nK:G major\nGAB"
    assert reduce_tune(text, ["K", "T"]) == "T:A title\nK:G major\nGAB"
    assert reduce_tune(text, []) == "K:G major\nGAB"


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("comment", "GAB % a comment\n%%sep\nc", "GAB\nc"),
        ("lyrics", "GAB\nw:la la la\nW:la\nc", "GAB\nc"),
        ("fields", "GAB\nN:note\nM: 3/4\nQ:120\nL:1/4\nc", "GAB\nM:3/4\nL:1/4\nc"),
        ("inline fields", "G[Q:120]A[M:C|]B[r:x]c [K:D m]d", "GA[M:C|]Bc [K:D m]d"),
        ("voices", "V:1\nGAB\nV:2\nceg[V:1]c", "V:1\nGAB\nV:2\nceg[V:1]c"),
        ("chord symbols", '"Am7"GA "^a {[!"B', "GA B"),
        ("a chord symbol between bar lines", 'G|"Am""x"|A:|"Em"|:B', "G| |A:| |:B"),
        ("grace notes", "{g}G{/ab}A>{g}B", "GA>B"),
        ("grace notes with accidentals, which hold for the bar", "{^f}Gf", "{^f}Gf"),
        ("decorations", "!trill!G.A~BvcTd +turn+e !D.C.!", "GABcd e"),
        ("old line end", "GAB|!\ncde|!", "GAB|\ncde|"),
        ("old line end between notes", "GAB!cde!", "GABcde"),
        ("old chord", "+ceg+c", "+ceg+c"),
        ("spacers", "Gy2AyB", "GAB"),
        ("rests", "z2 x Z4 G", "z2 x Z4 G"),
        ("endings and repeats", "|:G A|1 B:|2 c::[3 d|]", "|:G A|1 B:|2 c::[3 d|]"),
        ("chords, tuplets, slurs and ties", "[CE-G]2(3ABc (d-d)", "[CE-G]2(3ABc (d-d)"),
        ("accidentals, octaves, lengths", "^^c__d=e, g'3/2a//", "^^c__d=e, g'3/2a//"),
        ("continuation", "GAB\\\nc d\\ \n e|", "GAB c d e|"),
        ("continuation over a dropped field", "GAB\\\nN:note\nc", "GAB c"),
        ("a note before a repeat's end is no field", "G:|\nA||", "G:|\nA||"),
        ("blanks", "  G   A\t B  \n c", "G A B\nc"),
        ("an empty line ends the tune", "\n\nGAB\n%x\nc\n \nno music", "GAB\nc"),
        ("text block", "GAB\n%%begintext\nno music\n\n%%endtext\nc", "GAB\nc"),
        ("part labels", "P:A\nG\nP:B\nA", "G\nA"),
    ],
    ids=lambda value: value if " " in value and "\n" not in value else None,
)
def test_body(name: str, body: str, expected: str) -> None:
    assert reduce_body(body) == expected, name


def test_part_labels_stay_with_the_order_of_parts() -> None:
    text = "X:1\nP:AB\nK:C\nP:A\nG\nP:B\nA"
    assert reduce_tune(text, ["P"]) == "P:AB\nK:C\nP:A\nG\nP:B\nA"


def test_reducing_twice_is_reducing_once() -> None:
    once = reduce_tune(TUNE, FIELDS)
    assert reduce_tune(once, FIELDS) == once


def test_the_header_ends_with_its_key() -> None:
    assert header_of("R:reel\nK:G\nGAB\nK:D\nA") == "R:reel\nK:G\n"
    assert header_of("M:4/4\nK:G") == "M:4/4\nK:G"
    assert header_of("GAB") == ""


def test_no_key_is_refused() -> None:
    with pytest.raises(ValueError, match="K: field"):
        reduce_tune("X:1\nGAB", FIELDS)


@pytest.mark.parametrize("collection", ["ryansMammoth", "oneills1850"])
def test_real_tunes_read_as_the_same_notes(collection: str) -> None:
    corpus = find_spec("music21")
    assert corpus is not None and corpus.origin is not None
    files = sorted((Path(corpus.origin).parent / "corpus" / collection).glob("*.abc"))
    tunes = [t for f in files[::10] for t in split_tunes(decode(f.read_bytes()))][:100]
    compared = 0
    for tune in tunes:
        try:
            score = read_tune(tune)
        except UnreadableError:
            continue
        reduced = reduce_tune(tune, FIELDS)
        again = read_tune(reduced)
        compared += 1
        assert (again.pitch == score.pitch).all()
        assert (again.onset_tick == score.onset_tick).all()
        assert (again.duration_tick == score.duration_tick).all()
        assert parse_tune(reduced).n_notes_written == parse_tune(tune).n_notes_written
        assert reduce_tune(reduced, FIELDS) == reduced
    assert compared > 90
