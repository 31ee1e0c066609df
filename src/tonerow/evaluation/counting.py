"""The rivals: the strongest counting models of pitch, or of characters, with a hundred fitted numbers.

The pitch of a note is foretold by one softmax over a sentinel, which stands for a mixture of n-grams
(`tonerow.evaluation.viewpoints`), and all notes s before it in the piece, each of which stands for its
own pitch. The score of s is a sum of tables by what the note's surroundings have in common with those
of s: how long a match ends before both, how long one of rhythm goes on from both, how far they are
apart (`tonerow.evaluation.matches`).

The n-grams count the train pieces. Tables, shares and weights are fitted by maximum likelihood on val,
as n-grams of train would foretell train itself too well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from tonerow.evaluation.lines import Lines
from tonerow.evaluation.matches import FEATURES, Pairs, grouped, pairs
from tonerow.evaluation.ngram import Seen
from tonerow.evaluation.note_scores import Floats, NoteScores, joined, note_scores
from tonerow.evaluation.viewpoints import VIEWPOINTS, ViewpointModel, likelihood

LOOK_BACK = 1024
"""Notes that a rival can copy from; the n-grams see fewer. Bounds time and memory by the notes."""

BLOCK_PAIRS = 1_000_000
"""Pairs of notes held at once, or those of one piece: some 100 MB."""

FIT_PAIRS = 10_000_000
"""Where val has more, every second piece is fitted on, or third, and so on."""

SMOOTHNESS = 0.5
"""Half the prior precision of the steps from one class of a table (or length of an n-gram) to the next.

A thousand notes outweigh it; it decides about matches that val does not hold.
"""


@dataclass(frozen=True)
class Rival:
    """A counting model before it is fitted.

    Attributes:
        name: as in tables and metrics.
        sees: ``pitch`` (of all notes before), ``pitch_and_past_rhythm`` (theirs), ``rhythm_so_far``
            (the note's own too) or ``rhythm`` (of the whole line, to its end); ``text`` (all before).
        viewpoints: the n-grams that are mixed, of `VIEWPOINTS`.
        tables: what scores an earlier note, of `FEATURES`.
    """

    name: str
    sees: str
    viewpoints: tuple[str, ...]
    tables: tuple[str, ...]


_N_GRAMS = ("pitch", "interval")
_PAST = (*_N_GRAMS, "past_place", "past_place_interval", "past_rhythm")
_LINE = (*_N_GRAMS, "place", "place_of_3", "place_interval", "rhythm")
_MATCHES = ("pitch_match", "joint_match", "rhythm_match_ahead")

RIVALS = (
    Rival("pitch", "pitch", ("pitch",), ("pitch_match",)),
    Rival("pitch_interval", "pitch", _N_GRAMS, ("pitch_match",)),
    Rival("pitch_distance", "pitch", _N_GRAMS, ("pitch_match", "notes_apart")),
    Rival(
        "past_rhythm",
        "pitch_and_past_rhythm",
        _PAST,
        ("pitch_match", "joint_match", "beats_apart_before"),
    ),
    Rival(
        "rhythm_so_far",
        "rhythm_so_far",
        _LINE,
        ("pitch_match", "joint_match", "rhythm_alike", "beats_apart"),
    ),
    Rival("pitch_rhythm", "rhythm", _N_GRAMS, _MATCHES),
    Rival("pitch_rhythm_place", "rhythm", (*_N_GRAMS, "place"), _MATCHES),
    Rival("pitch_rhythm_distance", "rhythm", _LINE, (*_MATCHES, "beats_apart")),
)
"""By what they see; of each kind from few numbers to many."""

TEXT_RIVALS = (
    Rival("text", "text", ("pitch",), ("pitch_match",)),
    Rival("text_place", "text", ("pitch", "text_place"), ("pitch_match", "place_match")),
)
"""Those of texts, whose characters stand for pitches; from few numbers to many."""


@dataclass(frozen=True)
class Numbers:
    """The fitted numbers.

    Attributes:
        tables: by feature, (n_classes,) scores.
        shares: logits of the n-grams' shares, (n_viewpoints,).
        log_weights: by viewpoint, (n_lengths,): how much each length trusts the next shorter.
    """

    tables: list[Floats]
    shares: Floats
    log_weights: list[Floats]

    def flat(self) -> Floats:
        """All in one array."""
        return np.concatenate([*self.tables, self.shares, *self.log_weights])

    def like(self, flat: Floats) -> Numbers:
        """Another array, cut as this is."""
        sizes = [len(part) for part in (*self.tables, self.shares, *self.log_weights)]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        n = len(self.tables)
        return Numbers(parts[:n], parts[n], parts[n + 1 :])

    @property
    def n_fitted(self) -> int:
        """How many are fitted."""
        return int((self.fixed().flat() == 0).sum())

    def fixed(self) -> Numbers:
        """1 where a number stays 0, as only differences matter: a table's first, the first share."""
        fixed = self.like(np.zeros(len(self.flat())))
        for table in fixed.tables[1:]:
            table[0] = 1
        fixed.shares[0] = 1
        return fixed


def initial(rival: Rival, models: Mapping[str, ViewpointModel]) -> Numbers:
    """Where the fit starts: the longer the match, the higher the score; all n-grams alike."""
    tables = [np.zeros(FEATURES[name].size) for name in rival.tables]
    tables[0] = np.minimum(0.5 * np.arange(len(tables[0])) - 6, 3.0)
    lengths = [len(models[name].counts) for name in rival.viewpoints]
    return Numbers(tables, np.zeros(len(lengths)), [np.full(n, 2.0) for n in lengths])


def softmax(logits: Floats) -> Floats:
    """Shares that sum to one."""
    shares: Floats = np.exp(logits - logits.max())
    shares /= shares.sum()
    return shares


def _roughness(numbers: Numbers) -> tuple[float, Numbers]:
    """What `SMOOTHNESS` takes for the steps in tables and weights, and its gradient."""
    penalty, slopes = 0.0, numbers.like(np.zeros(len(numbers.flat())))
    for part, slope in zip(
        (*numbers.tables, *numbers.log_weights), (*slopes.tables, *slopes.log_weights), strict=True
    ):
        step = np.diff(part)
        penalty += SMOOTHNESS * float((step**2).sum())
        slope[1:] += 2 * SMOOTHNESS * step
        slope[:-1] -= 2 * SMOOTHNESS * step
    return penalty, slopes


@dataclass(frozen=True)
class Evidence:
    """All that the likelihood of held-out notes depends on.

    Attributes:
        seen: by viewpoint and length, of the notes.
        pairs: of notes, grouped.
        hit: (m,) whether a pair speaks for the note's own pitch.
        n_symbols: see `Lines`.
    """

    seen: list[list[Seen]]
    pairs: Pairs
    hit: NDArray[np.bool_]
    n_symbols: int

    def nats(self, numbers: Numbers) -> tuple[float, Numbers]:
        """Nats of all notes, with the penalty of steps, and the gradient."""
        n, note, hit = len(self.seen[0][0].total), self.pairs.note, self.hit
        rows = zip(numbers.tables, self.pairs.classes, strict=True)
        mass = self.pairs.times * np.exp(sum(table[row] for table, row in rows))
        found = [
            likelihood(*of, self.n_symbols)
            for of in zip(self.seen, numbers.log_weights, strict=True)
        ]
        p = np.stack([p for p, _ in found])
        share = softmax(numbers.shares)
        total = 1 + np.bincount(note, mass, n)
        own = share @ p + np.bincount(note[hit], mass[hit], n)
        pull = mass / total[note]  # d nats / d score
        pull[hit] -= mass[hit] / own[note[hit]]
        by_share = -(p / own).sum(1)
        slopes = Numbers(
            [
                np.bincount(row, pull, len(table)).astype(np.float64)
                for table, row in zip(numbers.tables, self.pairs.classes, strict=True)
            ],
            share * (by_share - share @ by_share),
            [-s * (slope / own).sum(1) for s, (_, slope) in zip(share, found, strict=True)],
        )
        penalty, by_step = _roughness(numbers)
        nats = float((np.log(total) - np.log(own)).sum())
        return nats + penalty, numbers.like(slopes.flat() + by_step.flat())


def evidence(rival: Rival, models: Mapping[str, ViewpointModel], lines: Lines) -> Evidence:
    """Looks up what a rival knows of held-out notes, or of some pieces where they are many."""
    every = math.ceil(lines.pairs(LOOK_BACK).sum() / FIT_PAIRS) or 1
    lines = lines.pieces(np.arange(0, lines.n_pieces, every))
    seen = [models[name].seen(lines) for name in rival.viewpoints]
    parts, notes = [], 0
    for block in lines.blocks(LOOK_BACK, BLOCK_PAIRS):
        alike, hit = grouped(pairs(block, rival.tables, LOOK_BACK), block.pitch)
        parts.append((alike.note + notes, alike.earlier + notes, alike.classes, alike.times, hit))
        notes += len(block.pitch)
    note, earlier, classes, times, hit = (
        np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)
    )
    return Evidence(seen, Pairs(note, earlier, classes, times), hit, lines.n_symbols)


@dataclass(frozen=True)
class Fitted:
    """A counting model.

    Attributes:
        rival: what it sees and is made of.
        models: its n-grams, by viewpoint.
        numbers: fitted on val.
    """

    rival: Rival
    models: Mapping[str, ViewpointModel]
    numbers: Numbers

    def distributions(self, lines: Lines) -> Iterator[tuple[Lines, Floats]]:
        """For blocks of whole pieces: (lines, probabilities (n, n_symbols) of their pitches)."""
        for block in lines.blocks(LOOK_BACK, BLOCK_PAIRS):
            n, size = len(block.pitch), block.n_symbols
            shares = softmax(self.numbers.shares)
            p = np.zeros((n, size))
            for name, share, weights in zip(
                self.rival.viewpoints, shares, self.numbers.log_weights, strict=True
            ):
                p += share * self.models[name].distributions(block, weights)
            of = pairs(block, self.rival.tables, LOOK_BACK)
            rows = zip(self.numbers.tables, of.classes, strict=True)
            mass = np.exp(sum(table[row] for table, row in rows))
            slots = of.note * size + block.pitch[of.earlier]
            p += np.bincount(slots, mass, n * size).reshape(n, size)
            yield block, p / (1 + np.bincount(of.note, mass, n))[:, None]

    def scores(self, lines: Lines) -> NoteScores:
        """Of each note, see `NoteScores`; the same bytes on any number of cores."""
        with threadpool_limits(1):  # more threads would sum in another order
            return joined([note_scores(p, block.pitch) for block, p in self.distributions(lines)])


def fit(rival: Rival, models: Mapping[str, ViewpointModel], val: Lines) -> Fitted:
    """Fits a rival's numbers on val by L-BFGS; deterministic, on any number of cores.

    Args:
        rival: what to fit.
        models: n-grams of the train pieces, by viewpoint.
        val: the held-out notes to fit on.
    """
    of, start = evidence(rival, models, val), initial(rival, models)
    free = start.fixed().flat() == 0
    n = len(of.seen[0][0].total)

    def objective(flat: Floats) -> tuple[float, Floats]:
        nats, slopes = of.nats(start.like(flat))
        return nats / n, slopes.flat() * free / n

    options = {"maxiter": 300, "maxcor": 20}
    with threadpool_limits(1):
        best = minimize(objective, start.flat(), jac=True, method="L-BFGS-B", options=options)
    return Fitted(rival, models, start.like(best.x))


@dataclass(frozen=True)
class Result:
    """What is known of a rival in the end.

    Attributes:
        rival: what it is made of.
        numbers: fitted on val.
        scores: by split, of each note (`Fitted.scores`).
    """

    rival: Rival
    numbers: Numbers
    scores: dict[str, NoteScores]


def result(
    rival: Rival, models: Mapping[str, ViewpointModel], held_out: Mapping[str, Lines]
) -> Result:
    """Fits and scores a rival; the same bytes on any number of cores.

    Args:
        rival: which.
        models: n-grams of the train pieces, by viewpoint; of those of the rival, and maybe others.
        held_out: "val", on which all is fitted, and any further split.
    """
    own = {name: models[name] for name in rival.viewpoints}
    fitted = fit(rival, own, held_out["val"])
    scores = {split: fitted.scores(lines) for split, lines in held_out.items()}
    return Result(rival, fitted.numbers, scores)


def counted(name: str, train: Lines, held_out: Mapping[str, Lines]) -> ViewpointModel:
    """The n-grams of a viewpoint, as far as held-out notes ask for them.

    Args:
        name: of `VIEWPOINTS`.
        train: the pieces that they count.
        held_out: all that they will foretell.
    """
    return ViewpointModel(VIEWPOINTS[name], train, list(held_out.values()))
