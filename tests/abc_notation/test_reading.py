from __future__ import annotations

import re
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonerow.abc_notation.playing import play
from tonerow.abc_notation.reading import parse_tune, read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.notes.schema import Rejection
from tonerow.notes.score import Score, UnreadableError

Notes = list[tuple[int, Fraction, Fraction]]


def tune(body: str, key: str = "C", meter: str = "4/4", unit: str = "1/4") -> str:
    return f"X:1\nM:{meter}\nL:{unit}\nK:{key}\n{body}"


def notes(score: Score) -> Notes:
    beat = score.ticks_per_beat
    columns = zip(score.onset_tick, score.pitch, score.duration_tick, strict=True)
    found = [(int(p), Fraction(int(o), beat), Fraction(int(d), beat)) for o, p, d in columns]
    return sorted(found, key=lambda note: (note[1], note[0]))


def line(text: str) -> str:
    """Pitches and lengths in quarter notes, "60 62:1/2", a gap as "z:1"."""
    return written(notes(read_tune(text)))


def written(found: Notes) -> str:
    out, now = [], Fraction(0)
    for pitch, onset, duration in found:
        if onset > now:
            out.append(f"z:{onset - now}")
        out.append(str(pitch) if duration == 1 else f"{pitch}:{duration}")
        now = onset + duration
    return " ".join(out)


def refusal(text: str) -> tuple[Rejection, str]:
    with pytest.raises(UnreadableError) as caught:
        read_tune(text)
    return caught.value.because, caught.value.detail


PITCHES = {
    "octaves": ("C", "C, C c c' C,, c''", "48 60 72 84 36 96"),
    "octave marks cancel": ("C", "c, C' c,'", "60 72 72"),
    "major": ("D", "FCfc", "66 61 78 73"),
    "flats": ("Eb", "BEAd", "70 63 68 74"),
    "minor": ("Gm", "BEF", "70 63 65"),
    "minor in words": ("A Minor", "FGA", "65 67 69"),
    "capital M": ("EM", "FG", "66 67"),
    "dorian": ("D Dorian", "FcB", "65 72 71"),
    "mixolydian": ("Amix", "fcg", "78 73 79"),
    "a mode cut short": ("D mixo", "fcg", "78 72 79"),
    "phrygian": ("E phr", "F", "65"),
    "lydian": ("Flyd", "B", "71"),
    "locrian": ("B Loc", "CF", "60 65"),
    "sharp tonic": ("F#m", "FCGD", "66 61 68 62"),
    "highland pipes": ("HP", "fcg", "78 73 79"),
    "none": ("none", "FB", "65 71"),
    "empty": ("", "F", "65"),
    "key with accidentals": ("D =c _b", "fcb", "78 72 82"),
    "explicit": ("D exp _b ^f", "fcb", "78 72 82"),
    "in doubt": ("ADor?", "Fc", "66 72"),
    "clef": ("G clef=bass", "F", "66"),
    "octave": ("C octave=-1", "c", "60"),
    "transpose": ("C transpose=-2 treble", "c", "70"),
    "clef an octave down": ("treble-8", "c", "60"),
    "accidentals": ("C", "^C _D =E ^^F __B", "61 61 64 67 69"),
    "accidental holds in the bar": ("C", "^F F | F", "66 66 65"),
    "in every octave": ("C", "^F f F, | f", "66 78 54 77"),
    "natural": ("D", "=F F | F", "65 65 66"),
    "over a tie": ("C", "^F- | F F", "66:2 65"),
    "of a grace note": ("C", "{^f}g f | f", "79 78 77"),
}


@pytest.mark.parametrize("case", PITCHES)
def test_pitches(case: str) -> None:
    key, body, expected = PITCHES[case]
    assert line(tune(body, key)) == expected


RHYTHMS = {
    "multipliers": ("C2 C/ C/2 C// C3/2 C3/ C/4", "60:2 60:1/2 60:1/2 60:1/4 60:3/2 60:3/2 60:1/4"),
    "rests": ("C z2 D x/ E y F", "60 z:2 62 z:1/2 64 65"),
    "bars of rest": ("C Z2 D X E", "60 z:8 62 z:4 64"),
    "dotted": ("C>D E<F", "60:3/2 62:1/2 64:1/2 65:3/2"),
    "double dotted": ("C>>D E<<F", "60:7/4 62:1/4 64:1/4 65:7/4"),
    "triple dotted": ("C>>>D", "60:15/8 62:1/8"),
    "dotted over marks": ('C > "G"{ab}.D', "60:3/2 62:1/2"),
    "dotted rest": ("z>C", "z:3/2 60:1/2"),
    "triplet": ("(3CDE", "60:2/3 62:2/3 64:2/3"),
    "duplet": ("(2CD", "60:3/2 62:3/2"),
    "quadruplet": ("(4CDEF", "60:3/4 62:3/4 64:3/4 65:3/4"),
    "six": ("(6CDEFGA", "60:1/3 62:1/3 64:1/3 65:1/3 67:1/3 69:1/3"),
    "five": ("(5CDEFG", "60:2/5 62:2/5 64:2/5 65:2/5 67:2/5"),
    "five in compound metre": ("[M:6/8](5CDEFG", "60:3/5 62:3/5 64:3/5 65:3/5 67:3/5"),
    "tuplet of two": ("(3:2:2C2D E", "60:4/3 62:2/3 64"),
    "tuplet by p and r": ("(3::2C2D E", "60:4/3 62:2/3 64"),
    "tuplet and slur": ("(3(CDE) ((3CDE)", " ".join(["60:2/3 62:2/3 64:2/3"] * 2)),
    "tuplet with rest": ("(3CzE", "60:2/3 z:2/3 64:2/3"),
    "dotted in a tuplet": ("(3C>DE", "60 62:1/3 64:2/3"),
    "tie": ("C-C D", "60:2 62"),
    "tie over a bar": ("C2-|C D", "60:3 62"),
    "tie over three": ("C4-|C4-|C", "60:9"),
    "tie late": ("C -C D2 -|D", "60:2 62:3"),
    "tie that is a slur": ("C-D", "60 62"),
    "tie after a rest": ("z-z C", "z:2 60"),
    "tie into a repeat": ("|:C2 D2-:|", "60:2 62:2 60:2 62:2"),
    "tie around a repeat": ("|:C2 C2-:|", "60:2 60:4 60:2"),
    "tie into both endings": ("C-|1 C:|2 C D|", "60:2 60:2 62"),
    "unit in the line": ("C [L:1/8] C2 C", "60 60 60:1/2"),
    "unit between lines": ("C\nL:1/8\nC", "60 60:1/2"),
}


@pytest.mark.parametrize("case", RHYTHMS)
def test_rhythms(case: str) -> None:
    body, expected = RHYTHMS[case]
    assert line(tune(body)) == expected


ORDERS = {
    "plain": ("|:CD:|", "CDCD"),
    "no start": ("CD:|EF|", "CDCDEF"),
    "no start, second": ("CD:|EF:|", "CDCDEFEF"),
    "both": ("|:C::D:|", "CCDD"),
    "both, written out": ("|:C:|:D:|", "CCDD"),
    "both, with a bar": ("|:C:||:D:|", "CCDD"),
    "after a double bar": ("C||D:|", "CDD"),
    "after a final bar": ("C|]D:|", "CDD"),
    "after a bracket at the end of a line": ("C] \nD:|", "CDD"),
    "after a bracket at the end of a line that goes on": ("C]\\\nD:|", "CDD"),
    "a double bar inside": ("|:C||D:|", "CDCD"),
    "an invisible bar": ("C[|]D:|", "CDCD"),
    "a double bar before the end": ("CD||:|E", "CDCDE"),
    "three times": ("|::C::|D", "CCCD"),
    "endings": ("|:C|1D:|2E|F", "CDCEF"),
    "endings in brackets": ("|:C|[1D:|[2E||F", "CDCEF"),
    "endings on lines": ("|:C\n[1D:|\n [2E|]", "CDCE"),
    "ending lists": ("|:C|1,3D:|2E:|F", "CDCECDF"),
    "ending ranges": ("|:C|1-2D:|3E|", "CDCDCE"),
    "a last ending that ends a repeat": ("|:C|1D:|2E:|F:|", "CDCEFF"),
    "a first ending alone": ("|:C|1D:|E", "CDCE"),
    "bar after start, after a pick-up": ("C|:|DEFG:|", "CDEFGDEFG"),
    "bar after start, after a whole bar": ("CDEF|:|G||A:|", "CDEFCDEFGAGA"),
    "bar after start, before anything": ("|:|CDEF:|", "CDEFCDEF"),
    "bar after start, after a part that leaves room for a pick-up": (
        "C|DEFG|DEF|:|G||A:|",
        "CDEFGDEFCDEFGDEFGAGA",
    ),
    "bar after start, without metre": ("[M:none]C|:|D", "CCD"),
    "two bars after start": ("C|:||:DEFG:|", "CDEFGDEFG"),
    "a part that is no letter": ("CD\nP:3\nEF:|", "CDEFCDEF"),
    "a part that is a word, inside a bar": ("C[P:pizz]D:|", "CDCD"),
    "new start": ("|:C|:D:|", "CDD"),
    "dotted bar": ("C.|D:|", "CDCD"),
    "colon on the next line": ("C||\\\n:D:|", "CDD"),
    "a part label after a second ending": ("|:C|1D:|2E|\nP:B\nF:|G", "CDCEFFG"),
    "a part label inside a repeat": ("|:C|\nP:B\nD:|", "CDCD"),
    "part labels": ("C\nP:A\nD:|\nP:B\nE:|", "CDDEE"),
}


def letters(text: str) -> str:
    score = read_tune(text)
    order = np.argsort(score.onset_tick, kind="stable")
    return "".join("C D EF G A B"[int(p) - 60] for p in score.pitch[order])


@pytest.mark.parametrize("case", ORDERS)
def test_repeats(case: str) -> None:
    body, expected = ORDERS[case]
    assert letters(tune(body)) == expected


# In 3/4, with quarter notes: what is played.
DOUBLE_BARS = {
    "only the beginning fits": ("BC|D3|E2DF||G3|A3|B:|", "BCDEDFGAB" * 2),
    "the beginning fits, without metre": ("[M:none]C|D3|E3||F3|G2:|", "CDEFG" * 2),
    "the beginning fits, up to a first ending": ("C|D3|E3||F3|1G2:|2A3|]", "CDEFGCDEFA"),
    "only the double bar fits": ("C|D3|E3||F3|G3:|", "CDEFGFG"),
    "both fit": ("C|D3|E2||F|G3|A2:|", "CDEFGAFGA"),
    "neither fits": ("D3|E3||F3|G2:|", "DEFGFG"),
    "an earlier double bar fits": ("C|D3|D3|E2||F|G3|A3||B3|D2:|", "CDDE" + "FGABD" * 2),
    "the last of several fits": ("C3|D3||E3|F3||G3|A3:|", "CDEFGAGA"),
    "a scrap before the double bar": ("C3||D3|E3|F3:|", "CDEF" * 2),
    "a scrap behind the double bar": ("C3|D3|E3||F3:|", "CDEF" * 2),
    "a first ending at the double bar": ("C3|D3|E3||1F3:|2G3|]", "CDEFCDEG"),
    "three bars are no scrap": (f"C3|C3|C3||{'D3|' * 9}E3:|", "CCC" + "DDDDDDDDDE" * 2),
    "only after the repeat before": ("C|D2|E2:|F3|G3||A3|B3:|", "CDECDEFGABAB"),
}


@pytest.mark.parametrize("case", DOUBLE_BARS)
def test_a_repeat_goes_back_to_a_double_bar_where_the_bars_fit(case: str) -> None:
    body, expected = DOUBLE_BARS[case]
    assert letters(tune(body, meter="3/4")) == expected


# The header's order, the body, and what is played.
PLAY_ORDERS = {
    "parts again": ("ABA", "P:A\nC|\nP:B\nDE|", "CDEC"),
    "counts": ("A2B", "P:A\nC|\nP:B\nDE|", "CCDE"),
    "groups": ("(AB)2", "P:A\nC|\nP:B\nDE|", "CDECDE"),
    "dots": ("A.B", "P:A\nC|\nP:B\nDE|", "CDE"),
    "a remark alone": ("Slow part", "P:A\nC|\nP:B\nDE|", "CDE"),
    "a remark behind": ("AABA last time", "P:A\nC|\nP:B\nDE|", "CCDEC"),
    "a remark before": ("Play ABA", "P:A\nC|\nP:B\nDE|", "CDEC"),
    "remarks in brackets": ("A(acc) A(unacc)", "P:A\nC|\nP:B\nDE|", "CC"),
    "a part that is not there": ("ABCA", "P:A\nC|\nP:B\nDE|", "CDEC"),
    "no part that is there": ("XY", "P:A\nC|\nP:B\nDE|", "CDE"),
    "a repeat before the first part": ("BA", "E:|\nP:A\nC|\nP:B\nD|", "EEDC"),
    "no part twice running": ("ABA", "P:A\nC:|\nP:B\nD:|\n", "CCDDCC"),
    "repeats that the order counts": ("AAB", "P:A\nC:|\nP:B\nD|\n", "CCD"),
    "repeats counted, and in all parts": ("AABA", "P:A\nC:|\nP:B\nD:|\n", "CCDC"),
    "repeats counted twice": ("A4B", "P:A\nC:|\nP:B\nD|\n", "CCCCD"),
    "endings counted": ("A2.B", "[P:A]|:C|1 D:|2 E||\n[P:B]F|", "CDCEF"),
    "endings counted, and once alone": ("AABA", "P:A\n|:C|1D:|2E|\nP:B\nF|", "CDCEFCE"),
    "endings counted, an odd number": ("A3B", "P:A\n|:C|1D:|2E|\nP:B\nF|", "CECDCEF"),
    "a pick-up before what is repeated": ("AAB", "P:A\nC|:DEFG:|\nP:B\nA4|", "CDEFGDEFGA"),
    "several repeats in a part": ("AAB", "P:A\nCDEF:|GA:|\nP:B\nB|", "CDEFCDEFGAGA" * 2 + "B"),
    "32 bars with the repeats, 24 without": (
        "AAB", f"P:A\n{'C4|' * 3}C4:|\nP:B\n{'D4|' * 16}", "C" * 16 + "D" * 16),
    "32 bars with the repeats, 16 without": (
        "AAB", f"P:A\n{'C4|' * 3}C4:|\nP:B\n{'D4|' * 7}D4:|", "C" * 8 + "D" * 8),
}  # fmt: skip


@pytest.mark.parametrize("case", PLAY_ORDERS)
def test_play_order(case: str) -> None:
    order, body, expected = PLAY_ORDERS[case]
    assert letters(f"X:1\nP:{order}\nM:4/4\nL:1/4\nK:C\n{body}") == expected


NOT_NOTES = {
    "chord symbols": '"Am7"C "^segno"D "<(" E',
    "ornaments": "~C .D TE",
    "old ornaments": "HuvC kD !trill!E",
    "plus ornaments": "+trill+C +f+D E",
    "decorations by name": "!D.C.!C !Segno!D !5!E!f! !/!!<(! !D. C. al Fine!",
    "unknown decorations": "!foo!C +Doppelt+D !fermat:a!E",
    "decorations in a chord": "[!1!C] [+f+D] [!trill!E]",
    "old line ends around notes": "C!DE!",
    "an old line end, then a decoration": "C!D!trill!E",
    "an old chord of one note": "C +D+ E",
    "own ornaments": "[U:W=!accent!]WCDE",
    "grace notes": "{ab}C {/c}D {^c2d}E",
    "slurs": "(C D) (E)",
    "old line ends": "CD!\nE!",
    "mail line ends": "CD =\nE |=20",
    "continued line": "CD\\\nE",
    "comment": "CD % FGA\n% FGA\nE",
    "directive": "CD\n%%staves FGA\nE",
    "text block": "CD\n%%begintext\nFGA\n%%endtext\nE",
    "lyrics": "CD\nw: FGA\nW:FGA\nE",
    "fields": "CD\nN:FGA\nT:FGA\ns:FGA\nr:FGA\nE",
    "typesetting": "C$D`*E",
    "free text after an empty line": "CDE\n\nFGA",
}


@pytest.mark.parametrize("case", NOT_NOTES)
def test_what_is_no_note(case: str) -> None:
    assert line(tune(NOT_NOTES[case])) == "60 62 64"


def test_chords() -> None:
    assert notes(read_tune(tune("[CE]2 [C2E] [C/^G/]-[CG] +CE+"))) == [
        (60, 0, 2),
        (64, 0, 2),
        (60, 2, 2),
        (64, 2, 1),
        (60, 4, Fraction(3, 2)),
        (68, 4, Fraction(3, 2)),
        (60, Fraction(11, 2), 1),
        (64, Fraction(11, 2), 1),
    ]


def test_unison_sounds_once() -> None:
    assert line(tune("[CC]D")) == "60 62"


@pytest.mark.parametrize(
    ("rule", "expected"), [("not", "66 65 77"), ("octave", "66 66 77"), ("pitch", "66 66 78")]
)
def test_reach_of_accidentals(rule: str, expected: str) -> None:
    assert line(tune(f"%%propagate-accidentals {rule}\n^F F f")) == expected
    assert line(tune(f"I:propagate-accidentals {rule}\n^F F f")) == expected


@pytest.mark.parametrize(
    ("meter", "expected"),
    [("M:2/4", "1/4"), ("M:3/4", "1/2"), ("M:6/8", "1/2"), ("M:C|", "1/2"), ("M:none", "1/2")],
)
def test_default_unit(meter: str, expected: str) -> None:
    assert line(f"X:1\n{meter}\nK:C\nC") == f"60:{expected}"


@pytest.mark.parametrize("meter", ["2", "2/4 3/4", "C, 6/8", "3/4 = 6/8", "none", ""])
def test_a_field_that_states_no_single_metre_states_none(meter: str) -> None:
    score = read_tune(f"X:1\nM:{meter}\nL:1/4\nK:C\nCDE|")
    assert score.pitch.tolist() == [60, 62, 64]
    assert score.time_signature is None


def test_metre_in_the_body_keeps_the_unit() -> None:
    assert line("X:1\nM:4/4\nK:C\nM:2/4\nC") == "60:1/2"


def test_voices_are_tracks_that_expand_by_themselves() -> None:
    text = "X:1\nL:1/4\nV:1\nV:2 octave=-1\nK:G\nV:1\n|:F G:|\n[V:2] F2 G2|\nV:1\nA"
    score = read_tune(text)
    assert score.track.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert score.pitch.tolist() == [66, 67, 66, 67, 69, 54, 55]
    assert score.onset_tick.tolist() == [0, 480, 960, 1440, 1920, 0, 960]


@pytest.mark.parametrize(
    ("tempo", "bpm"),
    [
        ("120", 60.0),
        ("1/4=120", 120.0),
        ("3/8=60", 90.0),
        ('"Allegro" 1/4=90', 90.0),
        ("1/8 1/4=40", 60.0),
        ("C=100", 50.0),
        ("C3=60", 90.0),
        ("1/4=60-70", 60.0),
        ("60-70", 30.0),
        ("Slowly 1/4=60", 60.0),
        ("Slowly 1/4 = 60 or more", 60.0),
        ('"Slow"', None),
        ("Slowly", None),
        ("0", None),
        ("1/4=0", None),
    ],
)
def test_tempo(tempo: str, bpm: float | None) -> None:
    score = read_tune(f"X:1\nL:1/8\nQ:{tempo}\nK:C\nC2 D2")
    assert score.tempo_bpm == bpm
    assert score.onset_sec.tolist() == pytest.approx([0.0, 60.0 / (bpm or 120.0)])


def test_tempo_changes_hold_from_where_they_stand() -> None:
    score = read_tune("X:1\nL:1/4\nQ:1/4=60\nK:C\nC [Q:1/4=120] D E-|E")
    assert score.tempo_bpm == 60.0
    assert score.onset_sec.tolist() == pytest.approx([0.0, 1.0, 1.5])
    assert score.duration_sec.tolist() == pytest.approx([1.0, 0.5, 1.0])


def test_metadata() -> None:
    text = "X:1\nT: First \nT:Second\nC:Anon.\nM:C|\nK:D mix\n%%MIDI program 40\nC"
    score = read_tune(text)
    assert (score.title, score.composer) == ("First", "Anon.")
    assert (score.time_signature, score.key) == ("2/2", "D mix")
    assert score.program.tolist() == [40]
    assert not score.is_drum.any()


def test_ticks_are_exact() -> None:
    assert read_tune(tune("C/3")).ticks_per_beat == 480
    score = read_tune(tune("(7CDEFGAB (3CDE"))
    assert score.ticks_per_beat % 21 == 0
    assert notes(score)[1][1] == Fraction(2, 7)


def test_bars_as_written() -> None:
    parsed = parse_tune(tune("C|CDEF-|F2G:|z4|]"))
    assert [bar.length for bar in parsed.bars] == [
        Fraction(1, 4),
        1,
        Fraction(3, 4),
        1,
    ]
    assert [bar.n_notes for bar in parsed.bars] == [1, 4, 2, 0]
    assert [bar.begin for bar in parsed.bars] == [0, 1, 5, 7]
    assert {bar.meter for bar in parsed.bars} == {Fraction(1)}
    assert parsed.n_notes_written == 7


REFUSED = {
    "no key": ("X:1\nT:t\nCDEF|", Rejection.NO_KEY, "line 3"),
    "markup": (
        "<!DOCTYPE html><html><body>404</body></html>",
        Rejection.UNREADABLE_HEADER,
        "line 1",
    ),
    "empty": ("", Rejection.NO_KEY, "K:"),
    "no notes": (tune("z4|z4|"), Rejection.NO_NOTES, "no notes"),
    "open quote": (tune('C "Am D|'), Rejection.CORRUPT, "line 5, column 3"),
    "open grace notes": (tune("C {ab D|"), Rejection.CORRUPT, "grace"),
    "open chord": (tune("C [CE D|"), Rejection.CORRUPT, "bracket"),
    "open field": (tune("C [K:G D|"), Rejection.CORRUPT, "bracket"),
    "stray digit": (tune("C 2"), Rejection.CORRUPT, "'2'"),
    "words": (tune("Chorus"), Rejection.CORRUPT, "'h'"),
    "a decoration or notes": (tune("CD!Mud!E"), Rejection.CORRUPT, "unclear"),
    "a decoration or an old chord": (tune("CD+uE+"), Rejection.CORRUPT, "unclear"),
    "macro": ("X:1\nm:~n=n/m/\nK:C\nC", Rejection.UNSUPPORTED_FORMAT, "macro"),
    "percussion": (tune("C", "C clef=perc"), Rejection.UNSUPPORTED_FORMAT, "ercussion"),
    "percussion in full": (
        tune("C", "C clef=percussion"),
        Rejection.UNSUPPORTED_FORMAT,
        "ercussion",
    ),
    "unknown octave clef": (tune("[V:1 trebel-8]C"), Rejection.UNSUPPORTED_FORMAT, "trebel-8"),
    "two octaves": (tune("C", "C clef=bass-15"), Rejection.UNSUPPORTED_FORMAT, "bass-15"),
    "a small tonic": (tune("C", "g"), Rejection.CORRUPT, "'g' is no key: a tonic is a capital"),
    "a small tonic and a mode": (tune("[K:f#m]C"), Rejection.CORRUPT, "capital"),
    "garbled key": (tune("C", "Bn"), Rejection.CORRUPT, "Bn"),
    "no mode": (tune("C", "Dmi"), Rejection.CORRUPT, "'Dmi'"),
    "impossible key": (tune("C", "G#mix ^c B"), Rejection.CORRUPT, "key"),
    "music in a metre": (tune("C", meter="3/4 CDE|"), Rejection.CORRUPT, "metre"),
    "metre 0/0": (tune("C", meter="0/0"), Rejection.IMPOSSIBLE_TIMING, "0/0"),
    "unit 1/0": (tune("C", unit="1/0"), Rejection.IMPOSSIBLE_TIMING, "1/0"),
    "length 0": (tune("C0"), Rejection.IMPOSSIBLE_TIMING, "'0'"),
    "length x/0": (tune("C1/0"), Rejection.IMPOSSIBLE_TIMING, "1/0"),
    "long note": (tune("C999999999"), Rejection.IMPOSSIBLE_TIMING, "999999999"),
    "many digits": (tune("C" + "9" * 9999), Rejection.IMPOSSIBLE_TIMING, "digits"),
    "short note": (tune("C/16777216"), Rejection.IMPOSSIBLE_TIMING, "16777216"),
    "odd note": (tune("C/17"), Rejection.IMPOSSIBLE_TIMING, "17"),
    "tuplet of nothing": (tune("(0:0:0CDE"), Rejection.IMPOSSIBLE_TIMING, "(0:0:0"),
    "tuplet in a tuplet": (tune("(3C(3DEF"), Rejection.CORRUPT, "tuplets inside tuplets"),
    "tuplet of 1": (tune("(1:2:2CD"), Rejection.CORRUPT, "2 to 9"),
    "tuplet without notes": (tune("(3CD|"), Rejection.CORRUPT, "tuplet"),
    "broken at a bar": (tune("C>|D"), Rejection.CORRUPT, "broken"),
    "broken over a bar line": (tune("C|>D"), Rejection.CORRUPT, "'>'"),
    "broken between unequal notes": (tune("C>D2"), Rejection.CORRUPT, "unequal"),
    "broken at the start": (tune(">C"), Rejection.CORRUPT, "'>'"),
    "tempo": (tune("[Q:1/4=99999]C"), Rejection.IMPOSSIBLE_TIMING, "tempo"),
    "pitch": (tune("c''''''''"), Rejection.CORRUPT, "0-127"),
    "repeat of nothing": (tune("|:C:|:|"), Rejection.CORRUPT, "repeat"),
    "nested repeats": (tune("|:C" * 2000 + ":|" * 2000), Rejection.CORRUPT, "repeat"),
    "second ending alone": (tune("C:|2D|"), Rejection.CORRUPT, "ending"),
    "first ending without a repeat": (tune("|:C|1D|2E:|"), Rejection.CORRUPT, "repeat sign"),
    "ending 1 and 3": (tune("|:C|1D:|3E|"), Rejection.CORRUPT, "1, 3"),
    "ending 2 twice": (tune("|:C|2D:|2E|"), Rejection.CORRUPT, "2, 2"),
    "ending 1 twice": (tune("|:C|1D:|1E|"), Rejection.CORRUPT, "1, 1"),
    "no such pass": (tune("|:C|0D:|"), Rejection.CORRUPT, "ending"),
    "one part twice": ("X:1\nP:AB\nK:C\nP:A\nC\nP:B\nD\nP:A\nE", Rejection.CORRUPT, "'A' (line 8"),
    "many parts": (
        "X:1\nP:" + "(" * 9 + "A" + ")99" * 9 + "\nK:C\nP:A\nC",
        Rejection.TOO_MANY_NOTES,
        "parts",
    ),
    "parts in no known order": (
        "X:1\nP:A-B-A\nK:C\nP:A\nC\nP:B\nD",
        Rejection.UNSUPPORTED_FORMAT,
        "'A-B-A'",
    ),
    "a count of parts": (
        "X:1\nP:AB x2\nK:C\nP:A\nC\nP:B\nD",
        Rejection.UNSUPPORTED_FORMAT,
        "'AB x2'",
    ),
    "two tunes": (tune("C") + "\n" + tune("D"), Rejection.CORRUPT, "second tune"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_say_what_and_where(case: str) -> None:
    text, because, words = REFUSED[case]
    found, detail = refusal(text)
    assert found is because
    assert words in detail


def test_limit_holds_for_written_and_played_notes() -> None:
    with pytest.raises(UnreadableError) as caught:
        read_tune(tune("CDEF"), max_notes=3)
    assert caught.value.because is Rejection.TOO_MANY_NOTES
    with pytest.raises(UnreadableError) as caught:
        read_tune(tune("CDEF:|"), max_notes=7)
    assert caught.value.because is Rejection.TOO_MANY_NOTES
    assert read_tune(tune("CDEF:|"), max_notes=8).n_notes == 8


def test_a_tune_is_parsed_once_and_played_as_often_as_asked() -> None:
    parsed = parse_tune(tune("CD|1 E2:|2 F2|]"))
    for _ in range(2):
        assert notes(play(parsed)) == notes(read_tune(tune("CD|1 E2:|2 F2|]")))
    assert parsed.n_notes_written == 4
    with pytest.raises(UnreadableError, match="over 5 notes"):
        play(parsed, max_notes=5)


@pytest.mark.parametrize(
    "data", [b"\xff\xfeX\x00:\x00", b"X:1\nK:C\nC\x00D", b"\x89PNG\r\n\x1a\n\x00\x00"]
)
def test_binary_is_not_text(data: bytes) -> None:
    with pytest.raises(UnreadableError) as caught:
        decode(data)
    assert caught.value.because is Rejection.NOT_TEXT


def test_decoding() -> None:
    assert decode(b"\xef\xbb\xbfX:1\r\nT:\xc3\xa9\rK:C\n") == "X:1\nT:é\nK:C\n"
    assert decode(b"T:\xe9\x92") == "T:é’"
    assert decode(b"T:\x81") == "T:\x81"
    mixed = b"X:1\nT:\xc3\xa9\n\nX:2\nT:\xe9\n\r X:3\nT:\x92"
    assert decode(mixed) == "X:1\nT:é\n\nX:2\nT:é\n\n X:3\nT:’"


@pytest.mark.parametrize("field", ["%%abc-charset", "I:abc-charset", "%% ABC-CHARSET "])
def test_a_declared_encoding_is_used_where_it_fits(field: str) -> None:
    assert decode(f"{field} iso-8859-2\nT:Žluťoučký kůň".encode("iso-8859-2")).endswith(
        "Žluťoučký kůň"
    )
    assert decode(f"{field} utf-8\nT:".encode() + b"\xe9").endswith("T:é")
    assert decode(f"{field} iso-8859-99\nT:é".encode()).endswith("T:é")
    assert decode(f"{field} rot13\nT:é".encode()).endswith("T:é")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (r"\AA vals fr\aan Sm\aaland, caf\'e", "Å vals från Småland, café"),
        (r"\`a \^e \~n \"u \cc \uA \vS \HO \/o \ss \AE \th", "à ê ñ ü ç Ă Š Ő ø ß Æ þ"),
        (r"\u00e9 &eacute; &#233; \& \%", "é é é & %"),
        *[(text, text) for text in (r"Jack & Jill &c. \'x \q", r"\ud800", "1 &NewLine; 2 &nothing;")],
    ],
)  # fmt: skip
def test_letters_in_titles(title: str, expected: str) -> None:
    score = read_tune(f"X:1\nT:{title}\nC:{title}\nK:C\nC")
    assert score.title == score.composer == expected


def test_a_title_goes_on_behind_a_backslash() -> None:
    assert read_tune("X:1\nT:a \\\nlong \\\ntitle\nK:C\nC").title == "a long title"


def test_splitting() -> None:
    assert split_tunes("") == []
    assert split_tunes("% only\n%%abc-version 2.1\n") == []
    assert split_tunes("free text\n\nX:1\nK:C\nC\nX: 2\nK:D\nD\n\n") == [
        "X:1\nK:C\nC",
        "X: 2\nK:D\nD",
    ]
    assert split_tunes("T:t\nK:C\nC\n") == ["T:t\nK:C\nC"]
    assert split_tunes("CDEF|\n") == ["CDEF|"]
    unnumbered = ["M:4/4\n\nK:C\nC|\n\nG:|", "K:D\nD|", "M:6/8\nK:C\nE|\n\nN: no more\n\nT:t"]
    assert split_tunes("\n\n".join(unnumbered)) == unnumbered
    assert split_tunes("\n\n".join([*unnumbered, "X:1\nK:C\nC"])) == [*unnumbered, "X:1\nK:C\nC"]
    assert split_tunes("M:6/8\n\nX:1\nK:C\nC") == ["X:1\nM:6/8\nK:C\nC"]
    assert split_tunes("K:C\nC\n\nX:1\nK:C\nC") == ["K:C\nC", "X:1\nK:C\nC"]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="XKMLQPV:12348/ABCGabgz|[]():->< \n\"{}!^_=,'.&%+~&y", max_size=120))
def test_any_text_is_read_or_refused(body: str) -> None:
    for text in (body, tune(body)):
        try:
            score = read_tune(text)
        except UnreadableError as error:
            assert error.detail
            continue
        assert score.n_notes > 0
        assert ((score.pitch >= 0) & (score.pitch <= 127)).all()
        assert (score.onset_tick >= 0).all()
        assert (score.duration_tick > 0).all()
        assert (score.duration_sec > 0).all()
        assert score.ticks_per_beat <= 32767
        assert (score.downbeat_beat is None) == (score.time_signature is None)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        tunes = split_tunes(decode(data))
    except UnreadableError as error:
        assert error.because is Rejection.NOT_TEXT
        return
    for text in tunes:
        with pytest.raises(UnreadableError):
            read_tune("Q" + text)


SIGNS = {0: "=", 1: "^", -1: "_"}
STEPS = [0, 2, 4, 5, 7, 9, 11]
BARS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from([-1, 0, 1]),
        st.integers(-2, 2),
        st.sampled_from([Fraction(n, d) for n in range(1, 9) for d in (1, 2, 3, 4, 8)]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(BARS, st.booleans()), min_size=1, max_size=4))
def test_generated_tunes(sections: list[tuple[list[tuple[int, int, int, Fraction]], bool]]) -> None:
    text, expected = "", []
    for section, repeated in sections:
        written = ""
        for step, sign, octave, length in section:
            marks = "'" * octave if octave > 0 else "," * -octave
            written += f"{SIGNS[sign]}{'CDEFGAB'[step]}{marks}{length}"
        text += f"|:{written}:|" if repeated else f"{written}||"
        played = [(60 + STEPS[step] + sign + 12 * o, d) for step, sign, o, d in section]
        expected += played * (2 if repeated else 1)
    found = notes(read_tune(tune(text)))
    assert [(pitch, length) for pitch, _, length in found] == expected


def _libraries(text: str) -> list[list[int]]:
    """The pitches by music21 and by symusic, of a text that both read right."""
    import music21
    import symusic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = music21.converter.parse(text, format="abc").expandRepeats().stripTies()
    theirs = [int(p.midi) for n in stream.flatten().notes for p in n.pitches if n.quarterLength]
    score: Any = symusic.Score.from_abc(text)
    return [theirs, [note.pitch for note in score.tracks[0].notes]]


@pytest.mark.parametrize("index", range(2, 300, 25))
def test_same_pitches_as_both_libraries(index: int) -> None:
    """Where the two libraries agree with each other, this reader agrees with them."""
    music21 = pytest.importorskip("music21")
    folder = Path(music21.__file__).parent / "corpus" / "ryansMammoth"
    text = decode(sorted(folder.glob("*.abc"))[index].read_bytes())
    head, key, body = re.split(r"(?m)(^K:.*$)", text, maxsplit=1)
    text = head + key + re.sub(r'"[^"]*"|\{[^}]*\}|[.~HTSuvk]', "", body)
    try:
        theirs, others = _libraries(text)
    except music21.exceptions21.Music21Exception:
        pytest.skip("music21 refuses the repeats")
    if theirs != others:
        pytest.skip("the libraries differ")
    assert read_tune(text).pitch.tolist() == theirs
