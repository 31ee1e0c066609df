"""Layers of a bar, `&` between them, sound together as voices that are written apart would."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.abc_notation.test_reading import Notes, refusal, tune, written
from tonerow.abc_notation.reading import parse_tune, read_tune
from tonerow.notes.schema import Rejection
from tonerow.notes.score import UnreadableError


def by_track(text: str) -> list[Notes]:
    score = read_tune(text)
    columns = zip(score.track, score.onset_tick, score.pitch, score.duration_tick, strict=True)
    found: list[Notes] = [[] for _ in range(int(score.track.max()) + 1)]
    for track, onset, pitch, duration in columns:
        beats = [Fraction(int(ticks), score.ticks_per_beat) for ticks in (onset, duration)]
        found[track].append((int(pitch), beats[0], beats[1]))
    return found


# The body of a tune in 4/4 of quarter notes, and what each track plays.
LAYERS = {
    "two": ("C4 & E2F2|D4 & F2G2|", ["60:4 62:4", "64:2 65:2 65:2 67:2"]),
    "three": ("C4 & E4 & G4|", ["60:4", "64:4", "67:4"]),
    "a shorter one rests": ("C4 & E|D4 & F|", ["60:4 62:4", "64 z:3 65"]),
    "bars without": ("C4|D4 & F4|E4|", ["60:4 62:4 64:4", "z:4 65:4"]),
    "a pick-up": ("C & E|D4 & F4|", ["60 62:4", "64 65:4"]),
    "without a bar line": ("C4 & E4", ["60:4", "64:4"]),
    "over the end of a line": ("C4 &\\\nE4|D4\n& F4|", ["60:4 62:4", "64:4 65:4"]),
    "chords, rests and tuplets": (
        "C4 & z[EG](3EFG|", ["60:4", "z:1 64 67 64:2/3 65:2/3 67:2/3"]),
    "broken rhythm": ("C>DE<F & E4|", ["60:3/2 62:1/2 64:1/2 65:3/2", "64:4"]),
    "a slur": ("(C4 & (E2)F2)|", ["60:4", "64:2 65:2"]),
    "a repeat": ("C4 & E4:|D4|", ["60:4 60:4 62:4", "64:4 64:4"]),
    "endings": ("|:C4 & E4|1 D4 & F4:|2 E4 & G4|]", ["60:4 62:4 60:4 64:4", "64:4 65:4 64:4 67:4"]),
    "accidentals of its own": ("^C2C2 & C2=C2|C4|", ["61:2 61:2 60:4", "60:2 60:2"]),
    "a tie": ("C4- & E2E2-|C4 & E4|", ["60:8", "64:2 64:6"]),
    "a tie over the other layer": ("C2C2- & E4|C4|", ["60:2 60:6", "64:4"]),
    "no tie from one to the other": ("C4- & E4|E4- & C4|", ["60:4 64:4", "64:4 60:4"]),
    "a tie behind the bar line": ("C4 & E4|-C4|", ["60:8", "64:4"]),
    "an accidental that a tie carries": ("^C4- & _E4-|C4 & E4|", ["61:8", "63:8"]),
    "a tie that nothing takes up": ("C4 & ^E4-|C4|C4 & E4|", ["60:4 60:4 60:4", "65:4 z:4 64:4"]),
    "a tie into the rest": ("C4 & ^E-|C4 & E4|", ["60:4 60:4", "65 z:3 64:4"]),
    "a tie into the rest before a layer": (
        "C4 & ^E- & G4|C4 & E4|", ["60:4 60:4", "65 z:3 64:4", "67:4"]),
    "a tie into a bar without the layer": (
        "C4 & E4 & ^G4-|C4 & E4|C4 & E4 & G4|", ["60:4 60:4 60:4", "64:4 64:4 64:4", "68:4 z:4 67:4"]),
    "of equal notes": ("C4 & C4|", ["60:4", "60:4"]),
    "of two voices": (
        "V:1\nC4 & E4|D4|\nV:2\nC,4|D,4 & F,4|", ["60:4 62:4", "64:4", "48:4 50:4", "z:4 53:4"]),
    "inside one of two voices": ("[V:1]C4 & E2[V:2]C,4|[V:1]E2|", ["60:4", "64:2 64:2", "48:4"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LAYERS)
def test_layers_begin_together(case: str) -> None:
    body, expected = LAYERS[case]
    assert [written(track) for track in by_track(tune(body))] == expected


def test_a_bar_is_as_long_as_its_first_layer() -> None:
    text = tune("C & E|D4 & F4|")
    assert [(bar.length, bar.n_notes) for bar in parse_tune(text).bars] == [
        (Fraction(1, 4), 2),
        (1, 2),
    ]
    assert read_tune(text).downbeat_beat == 1


def test_parts_are_played_with_their_layers() -> None:
    text = "X:1\nL:1/4\nP:BA\nK:C\nP:A\nC4 & E4|\nP:B\nD4|\n"
    assert [written(track) for track in by_track(text)] == ["62:4 60:4", "z:4 64:4"]


UNREAD = {
    "longer than the first": ("C4 & E4F|", Rejection.CORRUPT, "longer than its first layer"),
    "a tuplet left open": ("C4 & (3EF|", Rejection.CORRUPT, "lacks notes"),
    "a broken rhythm left open": ("C2D2> & E4|", Rejection.CORRUPT, "lacks notes"),
    "broken rhythm over the sign": ("C4 & >E4|", Rejection.CORRUPT, "between no two notes"),
    "no first layer": ("C4| & E4|", Rejection.UNSUPPORTED_FORMAT, "No notes of its bar"),
    "no second layer": ("C4 & & E4|", Rejection.UNSUPPORTED_FORMAT, "column 6"),
    "several bars": ("C4|D4|&&E4|F4|", Rejection.UNSUPPORTED_FORMAT, "'&&' is of several bars"),
    "several bars in brackets": (
        "(&C4|D4&E4|F4&)|", Rejection.UNSUPPORTED_FORMAT, "'(&' is of several bars"),
    "an ending inside the bar": (
        "|:C2[1C2 & E4:|[2D4|", Rejection.UNSUPPORTED_FORMAT, "begins inside a bar"),
    "a part inside a layer": (
        "C4 & E2[P:B]E2|", Rejection.UNSUPPORTED_FORMAT, "begins inside a bar"),
    "many layers": ("C4" + "&E4" * 16, Rejection.CORRUPT, "over 16 layers"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREAD)
def test_overlays_that_are_refused(case: str) -> None:
    body, because, words = UNREAD[case]
    found, detail = refusal(tune(body))
    assert found is because
    assert words in detail


LETTERS = st.builds(
    "".join,
    st.tuples(st.sampled_from(["", "", "^", "="]), st.sampled_from("CDE"), st.sampled_from("- ")),
)
LAYER = st.lists(LETTERS, min_size=1, max_size=4)
BAR = st.tuples(
    st.lists(LETTERS, min_size=4, max_size=4),
    st.lists(LAYER, max_size=2),
    st.sampled_from(["|", "|", "||", "|:", ":|", "::"]),
)


def outcome(text: str) -> list[Notes] | Rejection:
    try:
        return [track for track in by_track(text) if track]
    except UnreadableError as error:
        return error.because


@given(st.lists(BAR, min_size=1, max_size=6))
def test_layers_sound_like_voices_written_apart(
    bars: list[tuple[list[str], list[list[str]], str]],
) -> None:
    overlaid = "".join(
        " & ".join("".join(layer) for layer in (first, *more)) + sign for first, more, sign in bars
    )
    voices = ["".join("".join(first) + sign for first, _, sign in bars)]
    for n in range(max(len(more) for _, more, _ in bars)):
        layers = [(more[n] if n < len(more) else [], sign) for _, more, sign in bars]
        voices.append(
            "".join("".join(layer) + "z" * (4 - len(layer)) + sign for layer, sign in layers)
        )
    apart = "".join(f"V:{n}\n{voice}\n" for n, voice in enumerate(voices))
    assert outcome(tune(overlaid)) == outcome(tune(apart))
