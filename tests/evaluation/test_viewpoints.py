"""N-grams from several viewpoints, against the plain n-gram and against paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonerow.evaluation.lines import Lines
from tonerow.evaluation.ngram import Ngram
from tonerow.evaluation.viewpoints import VIEWPOINTS, Viewpoint, ViewpointModel, likelihood

Note = tuple[int, float, float]

pitches = st.one_of(st.integers(60, 63), st.integers(0, 127))
notes = st.tuples(pitches, st.sampled_from([0.0, 0.5]), st.sampled_from([0.5, 1.0]))
corpora = st.lists(st.lists(notes, min_size=1, max_size=12), min_size=1, max_size=5)
OF_NOTES = sorted(set(VIEWPOINTS) - {"text_place"})
names = st.sampled_from(OF_NOTES)


def lines_of(pieces: list[list[Note]]) -> Lines:
    first = np.cumsum([0, *(len(piece) for piece in pieces)])
    pitch, rest, duration = zip(*(note for piece in pieces for note in piece), strict=True)
    return Lines(np.array(pitch, np.int64), first, np.array(rest), np.array(duration))


def line(*pitch: int) -> Lines:
    return lines_of([[(p, 0.0, 1.0) for p in pitch]])


@given(corpora, corpora)
@settings(max_examples=30)
def test_the_viewpoint_of_pitch_is_the_plain_ngram(
    train: list[list[Note]], held_out: list[list[Note]]
) -> None:
    known, lines = lines_of(train), lines_of(held_out)
    plain = Ngram(known.pitch, known.first, 4)
    *_, last = (p for *_, p in plain.distributions(lines.pitch, lines.first, 2.0))
    model = ViewpointModel(Viewpoint(("pitch",), 3), known)
    np.testing.assert_allclose(model.distributions(lines, np.full(4, np.log(2.0))), last)


@given(names, corpora, corpora)
@settings(max_examples=60)
def test_probabilities_sum_to_one_and_the_likelihood_is_theirs(
    name: str, train: list[list[Note]], held_out: list[list[Note]]
) -> None:
    lines, model = lines_of(held_out), ViewpointModel(VIEWPOINTS[name], lines_of(train))
    weights = np.linspace(-1, 3, len(model.counts))
    p = model.distributions(lines, weights)
    np.testing.assert_allclose(p.sum(1), 1)
    assert (p > 0).all()
    own, _ = likelihood(model.seen(lines), weights)
    np.testing.assert_allclose(own, p[np.arange(len(lines.pitch)), lines.pitch])


@given(names, corpora, corpora)
@settings(max_examples=30)
def test_narrow_types_and_what_nobody_asks_for_change_nothing(
    name: str, train: list[list[Note]], held_out: list[list[Note]]
) -> None:
    lines, known = lines_of(held_out), lines_of(train)
    whole = ViewpointModel(VIEWPOINTS[name], known)
    asked = ViewpointModel(VIEWPOINTS[name], known.narrow(), [lines])
    assert known.narrow().pitch.dtype == np.uint8
    for one, other in zip(whole.seen(lines), asked.seen(lines), strict=True):
        assert all(np.array_equal(*columns) for columns in zip(one, other, strict=True))


@given(names, corpora)
@settings(max_examples=20)
def test_the_slopes_are_those_of_the_likelihood(name: str, pieces: list[list[Note]]) -> None:
    lines = lines_of(pieces)
    model = ViewpointModel(VIEWPOINTS[name], lines)
    seen, weights = model.seen(lines), np.linspace(-1, 2, len(model.counts))
    _, slopes = likelihood(seen, weights)
    for length in range(len(weights)):
        step = np.zeros(len(weights))
        step[length] = 1e-5
        up, down = (likelihood(seen, weights + sign * step)[0] for sign in (1, -1))
        np.testing.assert_allclose(slopes[length], (up - down) / 2e-5, atol=1e-8)


def test_intervals_are_known_at_any_height() -> None:
    known, higher = line(60, 62, 64, 65, 67), line(70, 72, 74, 75, 77)
    weights = np.zeros(VIEWPOINTS["interval"].longest + 1)
    p = ViewpointModel(VIEWPOINTS["interval"], known).distributions(higher, weights)
    assert p.argmax(1)[1:].tolist() == higher.pitch[1:].tolist()
    by_pitch = ViewpointModel(VIEWPOINTS["pitch"], known).distributions(higher, weights)
    assert by_pitch.argmax(1)[1:].tolist() != higher.pitch[1:].tolist()


def test_an_interval_model_knows_how_pieces_begin() -> None:
    model = ViewpointModel(VIEWPOINTS["interval"], lines_of([[(67, 0.0, 1.0), (69, 0.0, 1.0)]] * 3))
    p = model.distributions(line(67, 69), np.zeros(len(model.counts)))
    assert p[0].argmax() == 67
    assert p[1].argmax() == 69


@pytest.mark.parametrize("name", OF_NOTES)
def test_a_context_knows_no_pitch_of_its_note_and_no_later_one(name: str) -> None:
    generator = np.random.default_rng(0)
    pitch = generator.integers(60, 70, 30)
    other = np.concatenate([pitch[:20], pitch[20:] + 1])
    rest, duration = np.zeros(30), generator.integers(1, 5, 30) / 2
    first = np.array([0, 30])
    viewpoint = VIEWPOINTS[name]
    old = viewpoint.contexts(Lines(pitch, first, rest, duration))
    new = viewpoint.contexts(Lines(other, first, rest, duration))
    for a, b in zip(old, new, strict=True):
        assert a[:21].tolist() == b[:21].tolist()
    assert old[-1][21:].tolist() != new[-1][21:].tolist()


@pytest.mark.parametrize("name", OF_NOTES)
def test_a_viewpoint_of_the_past_knows_no_rhythm_of_its_note(name: str) -> None:
    generator = np.random.default_rng(0)
    pitch, first = generator.integers(60, 70, 30), np.array([0, 30])
    times = generator.integers(1, 5, (2, 30)) / 2
    later = times.copy()
    later[:, 20:] += 0.25
    old = VIEWPOINTS[name].contexts(Lines(pitch, first, *times))
    new = VIEWPOINTS[name].contexts(Lines(pitch, first, *later))
    same = [key[20] == other[20] for key, other in zip(old, new, strict=True)]
    told = {"duration", "place_in_3", "place_in_4"} & set(VIEWPOINTS[name].given)
    assert all(same) == (not told)
    changed = [key.tolist() != other.tolist() for key, other in zip(old, new, strict=True)]
    assert any(changed) == (name not in ("pitch", "interval"))
