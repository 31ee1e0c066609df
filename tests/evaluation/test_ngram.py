"""The baselines against a slow implementation that is obviously right, and against paper."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonerow import parts
from tonerow.evaluation.choices import WEIGHTS, baselines, edge, repeat_scores
from tonerow.evaluation.ngram import Ngram, cache_nats
from tonerow.evaluation.note_scores import means

Line = list[int]
Context = tuple[int, ...]
START = -1
MAX_ORDER = 5

pitches = st.one_of(st.integers(60, 63), st.integers(0, 127))
corpora = st.lists(st.lists(pitches, min_size=1, max_size=15), min_size=1, max_size=6)
orders = st.integers(1, MAX_ORDER)
weights = st.sampled_from([0.5, 1.0, 4.0])


def joined(lines: list[Line]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
    return np.array([p for line in lines for p in line], np.int64), first


def before(line: Line, at: int, length: int) -> Context:
    padded = [START] * length + line
    return tuple(padded[at : at + length])


class Slow:
    """Witten-Bell with dictionaries: a piece counts a (context, pitch) once."""

    def __init__(self, lines: list[Line], weight: float) -> None:
        self.weight = weight
        self.pieces: dict[Context, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for i, line in enumerate(lines):
            for at, pitch in enumerate(line):
                for length in range(MAX_ORDER):
                    self.pieces[before(line, at, length)][pitch].add(i)

    def p(self, line: Line, at: int, order: int) -> list[float]:
        p = [1 / 128] * 128
        for length in range(order):
            seen = self.pieces.get(before(line, at, length))
            if seen is not None:
                count = {pitch: len(pieces) for pitch, pieces in seen.items()}
                total, trust = sum(count.values()), self.weight * len(count)
                p = [(count.get(k, 0) + trust * p[k]) / (total + trust) for k in range(128)]
        return p


def fast(train: list[Line], lines: list[Line], order: int, weight: float) -> NDArray[np.float64]:
    """Probabilities (notes, 128) of one order."""
    model = Ngram(*joined(train), order)
    found = [p for _, o, p in model.distributions(*joined(lines), weight) if o == order]
    return np.concatenate(found)


def accuracy(p: list[float], pitch: int, k: int) -> bool:
    ranked = sorted(range(128), key=lambda i: (-p[i], i))
    return pitch in ranked[:k]


@given(corpora, corpora, orders, weights)
@settings(max_examples=60)
def test_equals_the_slow_implementation(
    train: list[Line], lines: list[Line], order: int, weight: float
) -> None:
    slow = Slow(train, weight)
    expected = [slow.p(line, at, order) for line in lines for at in range(len(line))]
    np.testing.assert_allclose(fast(train, lines, order, weight), expected, rtol=1e-9)


@given(corpora, corpora, orders, weights)
@settings(max_examples=30)
def test_probabilities_sum_to_one_and_none_is_zero(
    train: list[Line], lines: list[Line], order: int, weight: float
) -> None:
    p = fast(train, lines, order, weight)
    np.testing.assert_allclose(p.sum(1), 1)
    assert (p > 0).all()


@given(corpora, corpora, orders, weights)
@settings(max_examples=30)
def test_scores_are_those_of_the_probabilities(
    train: list[Line], lines: list[Line], order: int, weight: float
) -> None:
    by_order = Ngram(*joined(train), order).scores(*joined(lines), weight)
    scores = {order: means(own) for order, own in by_order.items()}
    assert set(scores) == set(range(1, order + 1))
    p, pitch = fast(train, lines, order, weight), joined(lines)[0]
    nll = -np.log(p[np.arange(len(pitch)), pitch])
    rows = list(zip(p.tolist(), pitch.tolist(), strict=True))
    assert scores[order]["nll"] == pytest.approx(nll.mean())
    assert scores[order]["bits_per_note"] == pytest.approx(nll.mean() / math.log(2))
    for name, k in (("accuracy", 1), ("top5_accuracy", 5)):
        expected = np.mean([accuracy(*row, k) for row in rows])
        assert scores[order][name] == pytest.approx(expected)


def test_by_hand() -> None:
    # One piece, 60 62 60 62. Without context: 60 and 62, in one piece each.
    # After 60: 62, in one piece. What follows a piece's last note is not counted.
    p = fast([[60, 62, 60, 62]], [[60, 62, 64]], 2, 1.0)
    unigram = (1 + 2 / 128) / 4
    assert p[0, 60] == pytest.approx((1 + 1 * unigram) / 2)  # after the start: 60, once
    assert p[1, 62] == pytest.approx((1 + 1 * unigram) / 2)
    assert p[2, 64] == pytest.approx(1 * (2 / 128 / 4) / 2)  # after 62: 60, once


def test_a_repeat_within_a_piece_says_nothing_more() -> None:
    once, twice = [60, 62, 64], [60, 62, 64, 60, 62, 64]
    held_out = [[60, 62, 64, 65]]
    p, q = fast([once, [65]], held_out, 1, 1.0), fast([twice, [65]], held_out, 1, 1.0)
    np.testing.assert_allclose(p, q)
    assert p[0, 60] == pytest.approx(p[0, 65])
    both = fast([once, once, [65]], held_out, 1, 1.0)
    assert both[0, 60] > both[0, 65]


def test_a_piece_does_not_follow_the_one_before() -> None:
    p = fast([[60, 61], [62, 63]], [[61, 62]], 2, 1.0)
    unseen = fast([[60, 61], [62, 63]], [[61, 62]], 1, 1.0)
    np.testing.assert_allclose(p[1], unseen[1])  # nothing ever followed 61


def test_many_notes_are_scored_as_few_are() -> None:
    generator = np.random.default_rng(0)
    lines = [generator.integers(58, 66, 3000).tolist() for _ in range(4)]  # more than one chunk
    model = Ngram(*joined(lines), 3)
    whole = means(model.scores(*joined(lines), 1.0)[3])
    parts = [means(model.scores(*joined([line]), 1.0)[3]) for line in lines]
    for name, value in whole.items():
        assert value == pytest.approx(np.mean([part[name] for part in parts]))


def test_notes_are_scored_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, model = random_lines(1), Ngram(*joined(random_lines(0)), 3)
    whole = model.cache_scores(*joined(lines), 3, 1.0, [1.0, 2.0])
    monkeypatch.setattr("tonerow.evaluation.ngram.CHUNK", 21)  # pieces have 20 notes
    parts = model.cache_scores(*joined(lines), 3, 1.0, [1.0, 2.0])
    for key, scores in whole.items():
        assert means(parts[key]) == pytest.approx(means(scores))


def test_repeat_by_hand() -> None:
    unigram = np.full(128, 0.5 / 126)
    unigram[[60, 62]] = 0.25
    pitch, first = joined([[60, 60, 62], [62]])
    found = means(repeat_scores(unigram, 0.4, pitch, first))
    expected = [0.25, 0.25 * 0.6 + 0.4, 0.25 * 0.6, 0.25]
    assert found["nll"] == pytest.approx(-np.log(expected).mean())
    # 60 (the lower of two equals), 60 again, not 60, and not 60
    assert found["accuracy"] == 0.5
    assert found["top5_accuracy"] == 1.0


@given(corpora, corpora, orders, weights, weights)
@settings(max_examples=40)
def test_cache_equals_a_slow_implementation(
    train: list[Line], lines: list[Line], order: int, weight: float, cache_weight: float
) -> None:
    slow, rows = Slow(train, weight), []
    for line in lines:
        for at, pitch in enumerate(line):
            p = slow.p(line, at, order)
            for length in range(order):
                here = before(line, at, length)
                came = [line[i] for i in range(at) if before(line, i, length) == here]
                if came:
                    trust = cache_weight * len(set(came))
                    p = [(came.count(k) + trust * p[k]) / (len(came) + trust) for k in range(128)]
            rows.append((p, pitch))
    model = Ngram(*joined(train), order)
    scores = model.cache_scores(*joined(lines), order, weight, [0.25, cache_weight])
    found = means(scores[order, cache_weight])
    assert found["nll"] == pytest.approx(np.mean([-math.log(p[pitch]) for p, pitch in rows]))
    assert found["accuracy"] == pytest.approx(
        np.mean([accuracy(p, q, 1) for p, q in rows]), abs=0.1
    )


def test_a_cache_knows_the_piece_by_its_second_half() -> None:
    generator = np.random.default_rng(0)
    tune = generator.integers(40, 90, 40).tolist()
    model = Ngram(*joined(random_lines(0)), 3)

    def scores(*lines: Line) -> dict[str, float]:
        return means(model.cache_scores(*joined(list(lines)), 3, 1.0, [1.0])[3, 1.0])

    once, twice = scores(tune), scores(tune * 2)
    assert twice["accuracy"] > once["accuracy"] + 0.3
    assert scores(tune, tune)["nll"] == pytest.approx(once["nll"])  # pieces of their own


def random_lines(seed: int, low: int = 60) -> list[Line]:
    generator = np.random.default_rng(seed)
    return [generator.integers(low, low + 5, 20).tolist() for _ in range(5)]


def test_val_alone_chooses_order_and_weight() -> None:
    train, val = random_lines(0), random_lines(1)
    chosen = set()
    for test in (train, random_lines(2), random_lines(3, low=90)):
        held_out = {"val": joined(val), "test": joined(test)}
        found = baselines(joined(train), held_out, [1, 2, 4])
        about = ("order", "weight", "cache_order", "cache_weight")
        chosen.add(tuple(found["ngram_cache"].chosen[key] for key in about))
    assert len(chosen) == 1
    # a val that train foretells asks for long contexts
    like_train = {"val": joined(train), "test": joined(random_lines(2))}
    assert baselines(joined(train), like_train, [1, 2, 4])["ngram"].chosen["order"] == 4
    assert max(order for order, *_ in chosen) < 4


def test_the_chosen_one_is_the_best_on_val() -> None:
    train, val = random_lines(0), random_lines(1)
    found = baselines(joined(train), {"val": joined(val)}, [2, 3])["ngram"]
    model = Ngram(*joined(train), 3)
    tried = [model.scores(*joined(val), weight) for weight in WEIGHTS]
    assert found.chosen["order"] in (2, 3)
    best = min(float(scores[order]["nll"].mean()) for scores in tried for order in (2, 3))
    assert means(found.scores["val"])["nll"] == pytest.approx(best)


def test_an_edge_of_the_candidates_is_told_and_nothing_else() -> None:
    where = "evaluate.ngram_orders"
    assert edge("order", 4, [2, 3, 4], where) == (
        "order 4 is the largest of evaluate.ngram_orders: add larger ones",
    )
    assert edge("order", 2, [2, 3, 4], where) == (
        "order 2 is the least of evaluate.ngram_orders: add smaller ones",
    )
    assert edge("order", 3, [2, 3, 4], where) == ()
    assert edge("order", 1, [1, 2, 3], where) == ()  # there is none below


def test_the_edges_are_those_of_what_was_chosen() -> None:
    like_train = {"val": joined(random_lines(0))}
    found = baselines(joined(random_lines(0)), like_train, [1, 2, 4])["ngram"]
    assert found.chosen["order"] == 4
    assert "order 4 is the largest of evaluate.ngram_orders: add larger ones" in found.edges
    wider = baselines(joined(random_lines(0)), like_train, [1, 2, 4, 12])["ngram"]
    order = wider.chosen["order"]
    assert any("ngram_orders" in sentence for sentence in wider.edges) == (order == 12)


def test_every_baseline_has_every_score() -> None:
    held_out = {"val": joined(random_lines(1)), "test": joined(random_lines(2))}
    found = baselines(joined(random_lines(0)), held_out, [2])
    scores = {"nll", "bits_per_note", "accuracy", "top5_accuracy"}
    assert set(found) == {"repeat", "unigram", "ngram", "ngram_cache"}
    for name, baseline in found.items():
        for split in ("val", "test"):
            values = means(baseline.scores[split])
            assert set(values) == scores, name
            assert values["bits_per_note"] == pytest.approx(values["nll"] / math.log(2))


@given(corpora, corpora, orders, weights)
@settings(max_examples=40)
def test_nats_are_those_of_the_scores(
    train: list[Line], lines: list[Line], order: int, weight: float
) -> None:
    model, notes = Ngram(*joined(train), order), joined(lines)
    nats = dict(model.nats(*notes, [weight, 2.0]))
    for of, scores in model.scores(*notes, weight).items():
        assert float(nats[of, weight].mean()) == pytest.approx(means(scores)["nll"], rel=1e-12)
    cached = dict(cache_nats(nats[order, weight], *notes, range(1, order + 1), [weight, 2.0]))
    for key, scores in model.cache_scores(*notes, order, weight, [weight, 2.0]).items():
        assert float(cached[key].mean()) == pytest.approx(means(scores)["nll"], rel=1e-12)


def test_parts_and_what_nobody_asks_for_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    train, lines = joined(random_lines(0)), joined(random_lines(1))
    whole = Ngram(*train, 4)
    monkeypatch.setattr(parts, "AT_ONCE", 20)
    monkeypatch.setattr(parts, "AT_LEAST", 10)
    asked = Ngram(*train, 4, asked=[lines])
    assert len(asked.counts[3].contexts) < len(whole.counts[3].contexts)
    for one, other in zip(
        whole.scores(*lines, 2.0).values(), asked.scores(*lines, 2.0).values(), strict=True
    ):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    nats, same = (dict(model.nats(*lines, [2.0])) for model in (whole, asked))
    assert all(np.array_equal(nats[key], same[key]) for key in nats)


def test_no_context_of_train_is_asked_for() -> None:
    model = Ngram(*joined([[60, 62]]), 3, asked=[joined([[70, 71, 72]])])
    assert [len(of.contexts) for of in model.counts] == [1, 1, 1]  # nothing, and beginnings
    model = Ngram(*joined([[60, 62]]), 1, asked=[joined([])])
    assert not len(model.counts[0].contexts)


def test_a_cache_may_remember_more_than_the_ngram() -> None:
    generator = np.random.default_rng(0)
    tune = generator.integers(60, 62, 64).tolist() * 4  # two pitches: short contexts say little
    model = Ngram(*joined(random_lines(0)), 2)
    scores = model.cache_scores(*joined([tune]), 2, 1.0, [8.0], [2, 10])
    assert set(scores) == {(2, 8.0), (10, 8.0)}
    assert means(scores[10, 8.0])["nll"] < means(scores[2, 8.0])["nll"] - 0.1
