"""Fields and directives reach the voices that they are meant for, and no others."""

import pytest

from tests.abc_notation.test_reading import refusal
from tonerow.abc_notation.reading import read_tune
from tonerow.notes.schema import Rejection

# What follows `X:1 / L:1/4`, and the pitches of each voice.
PITCHES = {
    "a clef keeps the key": ("K:D\nF[K:clef=bass]F[K:bass]F", ["66 66 66"]),
    "a transposition keeps the key": ("K:D\nF[K:transpose=2]F", ["66 68"]),
    "accidentals alone are a key": ("K:D\nF[K:^c]F", ["66 65"]),
    "an empty key clears": ("K:D\nF\nK:\nF", ["66 65"]),
    "no key clears": ("K:D\nF[K:none clef=bass]F", ["66 65"]),
    "a key keeps the octave": ("K:C octave=-1\nF[K:D]F", ["53 54"]),
    "a key keeps the clef": ("K:C treble-8\nF[K:D]F", ["53 54"]),
    "a key keeps the transposition": ("K:C transpose=-2\nF[K:D]F", ["63 64"]),
    "a key states a new clef": ("K:C clef=treble-8\nF[K:D clef=treble]F", ["53 66"]),
    "a clef keeps the octave": ("K:C octave=1\nF[K:bass]F", ["77 77"]),
    "a voice keeps its clef": ("V:1 clef=treble-8\nK:C\nV:1\nF[K:D]F", ["53 54"]),
    "one clef stated twice": ("V:1 clef=treble-8\nK:C\nV:1\nF[K:C clef=treble-8]F", ["53 53"]),
    "a voice states its own octave": ("V:1 octave=1\nK:C octave=-1\nV:1\nF\nV:2\nF", ["77", "53"]),
    "octave and transposition": ("K:C\nV:1 octave=-1 transpose=2\nF\nV:1 transpose=0\nF", ["55 53"]),
    "a name is no clef": ('K:C\nV:1 name="Recorder +8" nm="a -8" snm="bass-8"\nF', ["65"]),
    "a name is no octave": ('K:C\nV:1 name="Tenor octave=1" clef="treble-8"\nF', ["53"]),
    "a name that is not closed": ('K:C\nV:1 name="Tenor octave=1\nF', ["65"]),
    "a midi transposition is absolute": (
        "K:C\n%%MIDI transpose 2\nC\n%%MIDI transpose 3 % up\nC\n%%MIDI transpose 0\nC", ["62 63 60"]),
    "a relative one is not": (
        "%%MIDI transpose -3\nK:C\nC\n%%MIDI rtranspose +1\nC\n%%MIDI rtranspose 1\nC", ["57 58 59"]),
    "accidentals without bar lines": (
        "K:G\n%%MIDI nobarlines\n^C C =F F ^C-C\n%%MIDI barlines\n^C C", ["61 60 65 66 61 61 61"]),
    "accidentals before they end with the note": ("K:C\n^C\n%%MIDI nobarlines\nC", ["61 60"]),
    "a key before the first voice": ("K:C\nK:D\nV:1\nF\nV:2\nF", ["66", "66"]),
    "a clef before the first voice": ("K:D\nK:treble-8\nV:1\nF\nV:2 octave=1\nF", ["54", "66"]),
    "the only voice of the header": ("V:1 treble-8\nK:C\nF", ["53"]),
    "the only voice of the header, then others": (
        "V:1 treble-8\nK:C\nK:D\nV:2\nF\nV:1\nF", ["66", "54"]),
    "the first of several voices of the header": ("V:1\nV:2 treble-8\nK:C\nC\nV:2\nF", ["60", "53"]),
    "the second voice of the header first": ("V:1\nV:2 treble-8\nK:C\nV:2\nF\nV:1\nF", ["53", "65"]),
    "a key inside a voice": ("K:C\nV:1\nK:D\nF\nV:2\nF", ["66", "65"]),
    "a transposition before the voices": (
        "K:C\n%%MIDI transpose 2\nV:1\nF\nV:2\n%%MIDI rtranspose 1\nF\nV:3\nF", ["67", "68", "67"]),
    "a transposition of one voice": ("K:C\nV:1\n%%MIDI transpose 2\nF\nV:2\nF", ["67", "65"]),
    "a transposition of one voice, in the header": (
        "V:2\n%%MIDI transpose 2\nK:C\nV:1\nF\nV:2\nF", ["65", "67"]),
    "a relative one, in the header": (
        "%%MIDI transpose 2\nV:2\n%%MIDI rtranspose 1\nK:C\nV:1\nF\nV:2\nF", ["67", "68"]),
}  # fmt: skip


def voices(text: str) -> list[str]:
    score = read_tune(text)
    return [
        " ".join(str(pitch) for pitch in score.pitch[score.track == track])
        for track in range(int(score.track.max()) + 1)
    ]


@pytest.mark.parametrize("case", PITCHES)
def test_pitches_of_voices(case: str) -> None:
    text, expected = PITCHES[case]
    assert voices(f"X:1\nL:1/4\n{text}") == expected


def test_length_and_metre_before_the_first_voice_are_for_all() -> None:
    score = read_tune("X:1\nM:4/4\nL:1/4\nK:C\nL:1/8\nM:3/4\nV:1\nC2 Z\nV:2\nL:1/4\nC Z C\n")
    assert score.onset_tick.tolist() == [0, 0, 480 * 4]
    assert score.duration_tick.tolist() == [480, 480, 480]


def test_a_part_begins_in_every_voice() -> None:
    text = "K:C\nP:A\nV:1\nC D|\nV:2\nE F|\nP:B\nV:1\nG A:|\nV:2\nB c:|"
    assert voices(f"X:1\nL:1/4\n{text}") == ["60 62 67 69 67 69", "64 65 71 72 71 72"]
    text = "K:C\nV:1\nP:A\nC|\nP:B\nG:|\nV:2\nP:A\nE|\nP:B\nB:|"
    assert voices(f"X:1\nL:1/4\n{text}") == ["60 67 67", "64 71 71"]


def test_an_order_of_parts_is_for_all_voices() -> None:
    by_part = "P:A2BA\nK:C\nP:A\nV:1\nC:|\nV:2\nE:|\nP:B\nV:1\nD|\nV:2\nF|"
    by_voice = "P:A2BA\nK:C\nV:1\nP:A\nC:|\nP:B\nD|\nV:2\nP:A\nE:|\nP:B\nF|"
    for text in (by_part, by_voice):
        assert voices(f"X:1\nL:1/4\n{text}") == ["60 60 62 60", "64 64 65 64"]


# What follows `X:1 / L:1/4`, and the program of each note.
PROGRAMS = {
    "for all": ("%%MIDI program 40\nK:C\nV:1\nC\nV:2\nC", [40, 40]),
    "for all, in the body": ("K:C\n%%MIDI program 40\nV:1\nC\nV:2\nC", [40, 40]),
    "of one voice": ("K:C\nV:1\n%%MIDI program 40\nC\nV:2\nC", [40, 0]),
    "of each, in the header": (
        "V:1\n%%MIDI program 40\nV:2\n%%MIDI program 1 41\nK:C\nV:2\nC\nV:1\nC", [41, 40]),
    "from where it stands": ("K:C\n%%MIDI program 24\nC C-\n%%MIDI program 73\nC C", [24, 24, 73]),
    "each time it is played": ("K:C\n%%MIDI program 1\nC|[I:MIDI program 2]D:|", [1, 2, 1, 2]),
    "with an equals sign": ("K:C\n[I: MIDI=program 32]C", [32]),
    "of one and of all": (
        "%%MIDI program 7\nV:2\n%%MIDI program 0\nK:C\nV:1\nC\nV:2\nC", [7, 0]),
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS)
def test_programs_of_voices(case: str) -> None:
    text, expected = PROGRAMS[case]
    assert read_tune(f"X:1\nL:1/4\n{text}").program.tolist() == expected


REFUSED = {
    "music before the first voice": (
        "K:C\nC\nV:1\nC", Rejection.UNSUPPORTED_FORMAT, "before the first voice"),
    "an order of parts that one voice does not have": (
        "P:ABA\nK:C\nV:1\nP:A\nC|\nP:B\nD|\nV:2\nC|D|", Rejection.CORRUPT, "end together"),
    "parts of one voice alone": (
        "K:C\nV:1\nC|\nP:B\nD:|\nV:2\nC|D:|", Rejection.CORRUPT, "end together"),
    "a large transposition": ("%%MIDI transpose 100\nK:C\nC", Rejection.CORRUPT, "'100'"),
    "a transposition in words": ("%%MIDI transpose up\nK:C\nC", Rejection.CORRUPT, "'up'"),
    "no transposition": ("%%MIDI rtranspose\nK:C\nC", Rejection.CORRUPT, "transposition"),
    "a moved middle c": ("%%MIDI c 48\nK:C\nC", Rejection.UNSUPPORTED_FORMAT, "MIDI c"),
    "a transposed print": ("%%transpose 2\nK:C\nC", Rejection.UNSUPPORTED_FORMAT, "'transpose'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_say_what(case: str) -> None:
    text, because, words = REFUSED[case]
    found, detail = refusal(f"X:1\nL:1/4\n{text}")
    assert found is because
    assert words in detail
