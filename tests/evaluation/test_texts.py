"""What is read off a text: its header, and how much of the bar has passed."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tonerow.evaluation import counting
from tonerow.evaluation.counting import TEXT_RIVALS, Fitted, Rival
from tonerow.evaluation.lines import Lines
from tonerow.evaluation.matches import FEATURES, pairs
from tonerow.evaluation.texts import TICKS, BarClock, text_lines
from tonerow.evaluation.viewpoints import VIEWPOINTS, ViewpointModel
from tonerow.tokens.characters import FIRST_CHARACTER, encode_text
from tonerow.views import Pieces

SIGNS = "ABcdz|:[](){}<>/,'^=-123468 \n"
HEADER = "M:4/4\nL:1/8\nK:G\n"
ALPHABET = "".join(sorted(set(SIGNS) | set(HEADER) | set("DK:")))
IDS = {character: i for i, character in enumerate(ALPHABET, FIRST_CHARACTER)}
every_rival = pytest.mark.parametrize("rival", TEXT_RIVALS, ids=lambda rival: rival.name)


def lines_of(*bodies: str, header: str = HEADER) -> Lines:
    ids = [encode_text(header + body, IDS) for body in bodies]
    after = [[i >= len(header) for i in range(len(own))] for own in ids]
    first = np.cumsum([0, *(len(own) for own in ids)])
    notes = {"char": torch.tensor([*chain(*ids)]), "body": torch.tensor([*chain(*after)])}
    return text_lines(Pieces([str(i) for i in range(len(ids))], first, notes), ALPHABET)


def passed(text: str) -> float:
    """Units of the bar that have passed after a text."""
    clock = BarClock()
    for character in text:
        clock.read(character)
    return clock.place / TICKS


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", 0),
        ("AB", 2),
        ("A2B", 3),
        ("A12", 12),
        ("A/B/", 1),
        ("A//", 0.25),
        ("A/4", 0.25),
        ("A3/2", 1.5),
        ("A,2 c'2", 4),
        ("z4", 4),
        ("A>B", 2),
        ("A>", 1.5),
        ("A<B", 2),
        ("A<", 0.5),
        ("A2>B2", 4),
        ("(3ABc", 2),
        ("(3ABcd", 3),
        ("(2AB", 2),
        ("[Ac]", 1),
        ("{cd}A", 1),
        ("^A=B", 2),
        ("AB|c", 1),
        ("AB|1c", 1),
        ("AB|12", 0),
        ("(AB) c-", 3),
    ],
)
def test_the_clock_reads_lengths(text: str, units: float) -> None:
    assert passed(text) == units


def test_a_row_of_signs_is_one_bar_line() -> None:
    clock = BarClock()
    for character in "|:AB|c:|:d||e:||:":
        clock.read(character)
    assert clock.bar == 5


@given(st.text(SIGNS, max_size=40), st.text(SIGNS, max_size=40), st.text(SIGNS, max_size=10))
def test_what_is_known_of_a_character_is_told_by_those_before(
    same: str, one: str, other: str
) -> None:
    n = len(HEADER + same)
    for name, values in lines_of(same + one).known.items():
        assert values[: n + 1].tolist() == lines_of(same + other).known[name][: n + 1].tolist()


def test_the_header_is_known_when_it_is_over_and_without_its_key() -> None:
    jig = "M:6/8\nL:1/8\nK:G\n"
    headers = [lines_of("A", header=of).known["header"] for of in (HEADER, jig)]
    assert all((of[: len(HEADER)] == 0).all() for of in headers)
    assert headers[0][len(HEADER)] != headers[1][len(HEADER)]
    other_key = lines_of("A", header=HEADER.replace("K:G", "K:D"))
    assert other_key.known["header"].tolist() == headers[0].tolist()


def test_places_that_match_are_classed_by_the_bars_between() -> None:
    lines = lines_of("|".join(["AB"] * 10))
    found = pairs(lines, ["place_match"], 100)
    at = {bar: len(HEADER) + 3 * bar for bar in range(10)}  # the first note of each bar

    def of(note: int, earlier: int) -> int:
        (row,) = np.flatnonzero((found.note == note) & (found.earlier == earlier))
        return int(found.classes[0][row])

    assert [of(at[bar], at[0]) for bar in (1, 2, 3, 4, 8, 9)] == [2, 3, 2, 4, 5, 2]
    assert of(at[1] + 1, at[0]) == 0
    assert of(at[1] + 1, at[1]) == 1
    assert int(found.classes.max()) < FEATURES["place_match"].size
    same = lines_of("A(^B")  # no time passes at signs
    signs = pairs(same, ["place_match"], 1)
    assert signs.classes[0][len(HEADER) + 1] == 7


def tunes(seed: int, n: int = 10) -> Lines:
    """AABA of four bars each, of as many notes as fill them."""
    generator = np.random.default_rng(seed)
    bodies = []
    for _ in range(n):
        a, b = (
            "".join(generator.choice(["ABcd|", "A2Bc|", "AzB2|", "c4|", "A/B/cBA|"], 4).tolist())
            for _ in "AB"
        )
        bodies.append(a + a + b + a)
    return lines_of(*bodies)


def fitted(rival: Rival, val: Lines) -> Fitted:
    models = {name: ViewpointModel(VIEWPOINTS[name], tunes(0, 20)) for name in rival.viewpoints}
    return counting.fit(rival, models, val)


@every_rival
def test_a_rival_foretells_characters_and_nothing_else(rival: Rival) -> None:
    test = tunes(2)
    p = np.concatenate([p for _, p in fitted(rival, tunes(1)).distributions(test)])
    assert p.shape == (len(test.pitch), FIRST_CHARACTER + len(ALPHABET))
    np.testing.assert_allclose(p.sum(1), 1)
    assert (p > 0).all()


@every_rival
def test_a_prediction_depends_on_no_character_from_its_own_on(rival: Rival) -> None:
    model, n = fitted(rival, tunes(1)), len(HEADER) + 8
    p, q = (
        np.concatenate([p for _, p in model.distributions(lines_of("ABcd|A2B" + rest))])
        for rest in ("c|ABcd|", "2|z4|[Ac]4|")
    )
    np.testing.assert_allclose(p[: n + 1], q[: n + 1])
    assert not np.allclose(p[n + 1], q[n + 1])


@every_rival
def test_the_fit_costs_what_the_distributions_say(rival: Rival) -> None:
    val = tunes(1)
    model = fitted(rival, val)
    nats, _ = counting.evidence(rival, model.models, val).nats(model.numbers)
    penalty, _ = counting._roughness(model.numbers)
    assert nats - penalty == pytest.approx(float(model.scores(val)["nll"].sum()))


def test_a_bar_ends_when_it_is_full() -> None:
    nats = {rival.name: fitted(rival, tunes(1)).scores(tunes(2))["nll"] for rival in TEXT_RIVALS}
    bars = tunes(2).pitch == IDS["|"]
    assert nats["text_place"][bars].mean() < nats["text"][bars].mean() / 2
