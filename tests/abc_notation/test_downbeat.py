"""Where the bars of a tune begin once it is played, in quarter notes."""

import numpy as np
import pytest

from tonerow.abc_notation.reading import read_tune
from tonerow.notes.bars import bar_beats, place_in_bar

# metre, body in eighth notes, downbeat
DOWNBEATS = {
    "no pickup": ("4/4", "CDEFGABc|c8|]", 0.0),
    "no pickup, 6/8": ("6/8", "CDEFGA|B6|]", 0.0),
    "no pickup, 3/4": ("3/4", "C2D2E2|F6|]", 0.0),
    "a pickup": ("4/4", "C2|D2E2F2G2|A6|]", 1.0),
    "a pickup, 6/8": ("6/8", "C|DEFGAB|c5|]", 0.5),
    "a pickup, 3/4": ("3/4", "CD|E2F2G2|A4|]", 1.0),
    "a pickup of rests and notes": ("3/4", "z2 C2|D6|E6|]", 2.0),
    "a pickup in a tuplet": ("2/4", "(3CDE|F4|G3|]", 1.0),
    "a pickup that is tied over": ("3/4", "C2-|C2D2E2|F4|]", 1.0),
    "a pickup into a repeat": ("3/4", "C2|:D2E2F2|G4A2:|", 1.0),
    "a pickup that is repeated": ("3/4", "|:C2|D2E2F2|G4:|", 1.0),
    "a pickup, and the rest of its bar apart": ("4/4", "C2||D4|E8|F8|", 3.0),
    "a first bar in two parts": ("4/4", "C4|D4|E8|F8|", 4.0),
    "a first bar that is too long": ("3/4", "C8|D6|E6|", 4.0),
    "a bar of no metre before the full one": ("3/4", "C|DE|F6|", 1.5),
    "rests of whole bars first": ("3/4", "Z2|C6|D6|", 6.0),
    "rests before the metre of the notes": ("3/4", "z6|[M:2/4]C|D4|E4|", 3.5),
    "a full bar of a later metre only": ("3/4", "C|DE|[M:2/4]F4|", 0.5),
    "one bar alone": ("4/4", "C2D2", 0.0),
    "one bar alone, full": ("4/4", "C8|]", 0.0),
    "a pickup and a bar that is not finished": ("4/4", "C2|D2E2", 1.0),
    "no bar is full, the first too long": ("2/4", "C6|D6|", 0.0),
    "bars of half the metre after a pickup": ("4/4", "C|D4|E4|F3|", 0.5),
    "only the played ones count": ("3/4", "|:C2|1D2:|2E6|F6|", 3.0),
    "free metre": ("none", "C2|D8|E8|", None),
    "free metre, then a metre": ("none", "C2|D8|[M:4/4]E8|", None),
}


@pytest.mark.parametrize("case", DOWNBEATS)
def test_a_bar_begins_there(case: str) -> None:
    meter, body, expected = DOWNBEATS[case]
    score = read_tune(f"X:1\nM:{meter}\nL:1/8\nK:C\n{body}")
    assert score.downbeat_beat == expected
    assert (score.time_signature is None) == (expected is None)


def test_parts_count_as_they_are_played() -> None:
    body = "P:A\nC6|D6|\nP:B\nE2|F6|G4|"
    header = "X:1\nM:3/4\nL:1/8"
    assert read_tune(f"{header}\nP:AB\nK:C\n{body}").downbeat_beat == 0.0
    assert read_tune(f"{header}\nP:BA\nK:C\n{body}").downbeat_beat == 1.0


def test_the_first_voice_decides() -> None:
    text = "X:1\nM:3/4\nL:1/8\nK:C\nV:1\nC2|D6|E6|\nV:2\nC6|D6|E2|\n"
    assert read_tune(text).downbeat_beat == 1.0


def test_places_in_bars_come_out_as_written() -> None:
    score = read_tune("X:1\nM:6/8\nL:1/8\nK:C\n|:A|(3BcdefG2|z6|A>BcdeA|B5:|")
    onset = score.onset_tick / score.ticks_per_beat
    assert score.time_signature is not None
    assert score.downbeat_beat is not None
    place = place_in_bar(onset, score.downbeat_beat, bar_beats(score.time_signature))
    eighths = [5, 0, 2 / 3, 4 / 3, 2, 3, 4, 0, 1.5, 2, 3, 4, 5, 0]
    assert place == pytest.approx(np.array(eighths * 2) / 2)
