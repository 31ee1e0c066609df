"""Which characters write a note, and what they cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import model_of, settings
from tests.tokens.token_tables import TUNE, fitted, random_piece
from tonerow.abc_notation import parse_tune, play
from tonerow.generation import Request
from tonerow.generation.abc_nats import note_nats, of_characters, of_notes, of_sounds
from tonerow.models.base import START
from tonerow.notes.score import Score

HEADER = "X:1\nT:t\nM:4/4\nL:1/4\nK:C\n"


def request() -> Request:
    chosen = settings("lstm_char small")
    tokenizer = fitted(random_piece("a"), text=TUNE)
    return Request(model_of(chosen).eval(), Path(), tokenizer, chosen.generate)


def costs(body: str) -> tuple[Score, dict[tuple[int, int, int], float]]:
    """The notes of a tune when each letter or digit of the body costs 1, each other character 100."""
    text = HEADER + body + "\n"
    plain = np.array([1.0 if c.isalnum() else 100.0 for c in text])
    tune = parse_tune(text)
    score = play(tune)
    return score, of_notes(tune, score, of_sounds(tune, text, plain))


def in_order(body: str) -> list[float]:
    found = costs(body)[1]
    return [found[key] for key in sorted(found, key=lambda key: (key[1], key[2]))]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C D2 E|F4|", [1, 2, 1, 2]),  # neither spaces nor bar lines
        ("^C =D _E, F'|", [101, 101, 201, 101]),
        ("C>D (3EFG|", [1, 1, 1, 1, 1]),
        ("z C z2|", [1]),
        ('"Am"C {def}!trill!D ~E % C C C\nF|', [1, 1, 1, 1]),
        ("[K:G]C D|[M:3/4]E|", [1, 1, 1]),
        ("w: CDE\nC|", [1]),
    ],
)
def test_a_note_costs_what_its_own_symbol_costs(body: str, expected: list[float]) -> None:
    assert in_order(body) == expected


def test_a_chord_is_shared_evenly() -> None:
    assert in_order("[CEG]2 D|") == [pytest.approx(204 / 3)] * 3 + [1]


def test_tied_notes_add_up() -> None:
    assert in_order("C4-|C2 D2|") == [102 + 2, 2]
    assert in_order("C4-|[CE]2 D2|") == [pytest.approx(102 + 203 / 2), pytest.approx(203 / 2), 2]


def test_what_is_played_twice_was_written_once() -> None:
    score, found = costs("|:C2 DE:|F4|")
    assert score.n_notes == len(found) == 7
    assert in_order("|:C2 DE:|F4|") == [2, 1, 1, 2, 1, 1, 2]
    assert in_order("|:C2|1 DE:|2 ^F2|") == [2, 1, 1, 2, 102]


def test_parts_are_played_in_the_order_of_the_header() -> None:
    text = HEADER.replace("K:C", "P:BA\nK:C") + "P:A\nC4|\nP:B\n^D2 E|\n"
    plain = np.array([1.0 if c.isalnum() else 100.0 for c in text])
    tune = parse_tune(text)
    found = of_notes(tune, play(tune), of_sounds(tune, text, plain))
    assert [found[key] for key in sorted(found, key=lambda key: key[1])] == [102, 1, 2]


def test_every_voice_has_its_own() -> None:
    found = costs("V:1\nC2 D2|\nV:2\n^E4|\n")[1]
    assert sorted((track, nats) for (track, _, _), nats in found.items()) == [
        (0, 2),
        (0, 2),
        (1, 102),
    ]


def test_every_layer_of_an_overlay_has_its_own() -> None:
    found = costs("C4- & ^E2F2|C2D2 & E4|")[1]
    assert found == {
        (0, 0, 60): 104,
        (0, 6 * 480, 62): 2,
        (1, 0, 65): 102,
        (1, 2 * 480, 65): 2,
        (1, 4 * 480, 64): 2,
    }


def test_voices_that_share_a_line_have_none() -> None:
    found = costs("V:1\nC4|[V:2]E4|\nV:1\nD4|\nV:2\nF4|\n")[1]
    by_pitch = {pitch: nats for (_, _, pitch), nats in found.items()}
    assert np.isnan([by_pitch[60], by_pitch[64]]).all()
    assert (by_pitch[62], by_pitch[65]) == (2, 2)


def test_characters_cost_what_the_model_says_step_by_step() -> None:
    asked = request()
    text = "R:reel\nM:4/4\nL:1/8\nK:G\nGABc d2e2|"
    found = of_characters(asked, text)
    ids = asked.tokenizer.encode_text(text)[:-1]
    state, before, expected = asked.model.begin({}, torch.tensor([1])), START, []
    with torch.no_grad():
        for chosen in ids:
            predictions, state = asked.model.step({"char": torch.tensor([before])}, state)
            expected.append(-float(predictions["char"].log_probabilities()[0, chosen]))
            before = chosen
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_notes_of_a_tune_cost_what_its_letters_cost() -> None:
    asked = request()
    own = "R:reel\nM:4/4\nL:1/8\nK:G\nGABc d2e2|"
    text = f"X:1\nT:Title\n{own}\n"
    tune = parse_tune(text)
    score = play(tune)
    found = note_nats(asked, tune, score, text, own)
    nats = of_characters(asked, own)
    body = own.index("GABc")
    first = found[0, 0, 67]
    assert first == pytest.approx(nats[body])
    assert sum(found.values()) == pytest.approx(nats[body:].sum() - nats[body + 4] - nats[-1])
