"""The rivals: what they see, what they foretell, how they are fitted."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tonerow.evaluation import counting
from tonerow.evaluation.counting import RIVALS, Fitted, Numbers, Rival
from tonerow.evaluation.lines import Lines
from tonerow.evaluation.rivalry import LESS_TO_MORE
from tonerow.evaluation.viewpoints import VIEWPOINTS, ViewpointModel

BY_NAME = {rival.name: rival for rival in RIVALS}
every_rival = pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)


def tunes(seed: int, n: int = 12) -> Lines:
    """Pieces of 8 bars, AABA, with a rhythm for each bar, of walks over a scale."""
    generator = np.random.default_rng(seed)
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    pitch, duration, sizes = [], [], []
    for _ in range(n):
        rhythms = generator.integers(1, 3, (2, 8)) / 2
        walks = np.abs(np.cumsum(generator.integers(-2, 3, (2, 8)), 1)) % 8
        for part in (0, 0, 1, 0):
            pitch.append(scale[walks[part]])
            duration.append(rhythms[part])
        sizes.append(32)
    length = np.concatenate(duration)
    return Lines(np.concatenate(pitch), np.cumsum([0, *sizes]), np.zeros(len(length)), length)


TRAIN, VAL, TEST = tunes(0, 20), tunes(1), tunes(2)


@cache
def models() -> dict[str, ViewpointModel]:
    names = {name for rival in RIVALS for name in rival.viewpoints}
    return {name: ViewpointModel(VIEWPOINTS[name], TRAIN) for name in sorted(names)}


@cache
def fitted(name: str) -> Fitted:
    return counting.fit(BY_NAME[name], models(), VAL)


def unfitted(rival: Rival) -> Fitted:
    return Fitted(rival, models(), counting.initial(rival, models()))


def with_any_numbers(rival: Rival) -> Fitted:
    start = counting.initial(rival, models())
    noise = np.random.default_rng(0).normal(0, 0.5, len(start.flat()))
    return Fitted(rival, models(), start.like(start.flat() + noise))


def distributions(model: Fitted, lines: Lines) -> NDArray[np.float64]:
    return np.concatenate([p for _, p in model.distributions(lines)])


def test_names_are_unique_and_what_is_seen_is_a_tag() -> None:
    assert len(BY_NAME) == len(RIVALS)
    assert {rival.sees for rival in RIVALS} == set(LESS_TO_MORE)


@every_rival
def test_probabilities_sum_to_one(rival: Rival) -> None:
    p = distributions(fitted(rival.name), TEST)
    assert p.shape == (len(TEST.pitch), 128)
    np.testing.assert_allclose(p.sum(1), 1)
    assert (p > 0).all()


@every_rival
def test_a_prediction_depends_on_no_pitch_from_the_note_on(rival: Rival) -> None:
    later = TEST.pitch.copy()
    later[20:32] = 127 - later[20:32]
    other = Lines(later, TEST.first, TEST.rest, TEST.duration)
    p, q = (distributions(with_any_numbers(rival), lines) for lines in (TEST, other))
    np.testing.assert_allclose(p[:21], q[:21])
    np.testing.assert_allclose(p[32:], q[32:])  # other pieces
    assert not np.allclose(p[21:32], q[21:32])


@every_rival
def test_a_prediction_sees_the_rhythm_that_it_says(rival: Rival) -> None:
    changed = TEST.duration.copy(), TEST.rest.copy()
    changed[0][20:32] += 0.25
    changed[1][20:32] += 0.5
    other = Lines(TEST.pitch, TEST.first, changed[1], changed[0])
    p, q = (distributions(with_any_numbers(rival), lines) for lines in (TEST, other))
    same = [np.allclose(p[of], q[of]) for of in (slice(20), slice(20, 21), slice(21, 32))]
    assert (
        same
        == {  # before the note, at the note, after it
            "pitch": [True, True, True],
            "pitch_and_past_rhythm": [True, True, False],
            "rhythm_so_far": [True, False, False],
            "rhythm": [False, False, False],
        }[rival.sees]
    )


def test_the_softmax_by_hand() -> None:
    # 60 62 60 ?: before the last note, 60 at 0 was preceded by nothing, 62 at 1 by 60 as it is.
    rival = BY_NAME["pitch"]
    lines = Lines(np.array([60, 62, 60, 62]), np.array([0, 4]), np.zeros(4), np.ones(4))
    start = counting.initial(rival, models())
    table = np.zeros(32)
    table[:2] = np.log([2.0, 3.0])
    model = Fitted(rival, models(), Numbers([table], start.shares, start.log_weights))
    n_gram = models()["pitch"].distributions(lines, start.log_weights[0])[3]
    p = distributions(model, lines)[3]
    total = 1 + 2 + 3 + 2
    assert p[60] == pytest.approx((n_gram[60] + 2 + 2) / total)
    assert p[62] == pytest.approx((n_gram[62] + 3) / total)
    assert p[64] == pytest.approx(n_gram[64] / total)


@every_rival
def test_the_gradient_is_that_of_the_nats(rival: Rival) -> None:
    evidence, start = counting.evidence(rival, models(), VAL), counting.initial(rival, models())
    flat = with_any_numbers(rival).numbers.flat()
    gradient = evidence.nats(start.like(flat))[1].flat()
    for i in range(0, len(flat), 7):
        step = np.zeros(len(flat))
        step[i] = 1e-5
        up, down = (evidence.nats(start.like(flat + sign * step))[0] for sign in (1, -1))
        assert gradient[i] == pytest.approx((up - down) / 2e-5, abs=1e-4, rel=1e-4)


@every_rival
def test_the_evidence_costs_what_the_distributions_say(rival: Rival) -> None:
    model = with_any_numbers(rival)
    nats, _ = counting.evidence(rival, models(), VAL).nats(model.numbers)
    penalty, _ = counting._roughness(model.numbers)
    assert nats - penalty == pytest.approx(float(model.scores(VAL)["nll"].sum()))


@every_rival
def test_the_fit_improves_on_val(rival: Rival) -> None:
    before, after = (m.scores(VAL)["nll"].mean() for m in (unfitted(rival), fitted(rival.name)))
    assert after < before - 0.05


def test_what_came_again_is_cheap() -> None:
    nll = fitted("pitch").scores(TEST)["nll"].reshape(-1, 4, 8)
    assert nll[:, 3].mean() < nll[:, 0].mean() / 2  # the last A of AABA
    assert nll[:, 3].mean() < nll[:, 2].mean() / 2  # B


def test_more_is_seen_with_rhythm() -> None:
    nll = {name: fitted(name).scores(TEST)["nll"].mean() for name in BY_NAME}
    assert nll["pitch_rhythm"] < nll["pitch"] - 0.02


def test_fitting_again_gives_the_same() -> None:
    once, again = fitted("pitch_rhythm"), counting.fit(BY_NAME["pitch_rhythm"], models(), VAL)
    assert once.numbers.flat().tolist() == again.numbers.flat().tolist()


@every_rival
def test_as_many_numbers_are_fitted_as_are_free(rival: Rival) -> None:
    numbers, start = fitted(rival.name).numbers, counting.initial(rival, models())
    moved = numbers.flat() != start.flat()
    fixed = numbers.fixed().flat() == 1
    assert not moved[fixed].any()
    assert fitted(rival.name).numbers.n_fitted == len(moved) - len(rival.tables)
    assert moved.sum() > 0.8 * (~fixed).sum()  # a class that val does not hold may stay


def test_blocks_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("pitch_rhythm_distance")
    whole = model.scores(TEST)
    fit = counting.evidence(model.rival, models(), VAL).nats(model.numbers)
    monkeypatch.setattr(counting, "BLOCK_PAIRS", 600)  # a piece has 496
    for name, values in model.scores(TEST).items():
        np.testing.assert_allclose(values, whole[name])
    parts = counting.evidence(model.rival, models(), VAL).nats(model.numbers)
    assert parts[0] == pytest.approx(fit[0])
    np.testing.assert_allclose(parts[1].flat(), fit[1].flat(), atol=1e-9)


def test_a_large_val_is_fitted_on_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "FIT_PAIRS", 496 * 4)
    evidence = counting.evidence(BY_NAME["pitch"], models(), VAL)
    assert len(evidence.seen[0][0].total) == 4 * 32


def test_results_hold_each_note_of_each_split() -> None:
    for rival in (BY_NAME["pitch"], BY_NAME["pitch_rhythm"]):
        result = counting.result(rival, models(), {"val": VAL, "test": TEST})
        assert result.rival == rival
        for split, lines in (("val", VAL), ("test", TEST)):
            scores = result.scores[split]
            assert set(scores) == {"nll", "accuracy", "top5_accuracy", "confidence"}
            assert all(values.shape == lines.pitch.shape for values in scores.values())


@pytest.mark.parametrize("name", ["pitch_interval", "pitch_rhythm_place"])
def test_test_changes_nothing_that_is_fitted(name: str) -> None:
    rival, held_out = BY_NAME[name], [{"val": VAL, "test": test} for test in (TEST, tunes(3))]
    one, other = (
        counting.result(rival, {n: counting.counted(n, TRAIN, of) for n in rival.viewpoints}, of)
        for of in held_out
    )
    assert (one.numbers.flat() == other.numbers.flat()).all()
