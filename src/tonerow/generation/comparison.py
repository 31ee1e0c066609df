"""Samples beside all held-out tunes: bars, histograms, and how much is usual between human tunes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tonerow import abc_notation
from tonerow.evaluation.intervals import Estimate
from tonerow.generation.bars import full_bars, kept_bars, repeated_bars
from tonerow.generation.descriptors import of_line, side_by_side
from tonerow.generation.distributions import KINDS, alike, histogram, shares
from tonerow.generation.lines import HeldOut, Line, Metre, lines_in, metre_of
from tonerow.generation.measures import measure_of
from tonerow.generation.samples import Request, Samples
from tonerow.generation.starts import first_beat
from tonerow.notes.score import UnreadableError

WHO = "samples", "human"


@dataclass(frozen=True)
class Comparison:
    """What was counted.

    Attributes:
        tunes: how many held-out tunes there are.
        descriptors: of each line (`descriptors.of_line`) and of its bars, see `described`.
        copied: see `descriptors.Known.report`.
        alike: ``<kind>_<measure>`` of `distributions.alike`.
        shares: for each kind that was counted the histograms of both, the same bins each.
    """

    tunes: int
    descriptors: dict[str, dict[str, float]]
    copied: dict[str, dict[str, float]]
    alike: dict[str, dict[str, float]]
    shares: dict[str, dict[str, list[Estimate]]]


def compare(request: Request, samples: Samples) -> Comparison:
    """Counts samples and all held-out tunes of their split, these cut as samples are.

    What is only rhythm is left out for a model that is given the rhythm.

    Args:
        request: of the samples.
        samples: what was generated.
    """
    held_out = HeldOut(request)
    own = list(
        lines_in(samples.notes, held_out.melody, metres(request, samples, held_out)).values()
    )
    human = held_out.lines()
    lines = {"samples": own, "human": human}
    kinds = [kind for kind in KINDS if not kind.is_rhythm or writes_rhythm(request)]
    sides = {kind: (shares(kind, own), shares(kind, human)) for kind in kinds}
    return Comparison(
        tunes=len(human),
        descriptors=described(request, samples, held_out, lines),
        copied=request.known.report(
            {who: [line.pitch for line in some] for who, some in lines.items()}
        ),
        alike={
            f"{kind.name}_{measure}": of
            for kind, both in sides.items()
            for measure, of in alike(*both).items()
            if of
        },
        shares={
            kind.name: {
                who: histogram(rows) for who, rows in zip(WHO, both, strict=True) if len(rows)
            }
            for kind, both in sides.items()
        },
    )


def writes_rhythm(request: Request) -> bool:
    """Whether the durations are the model's own."""
    return bool({"duration", "char"} & set(request.model.predicts))


def metres(request: Request, samples: Samples, held_out: HeldOut) -> dict[int, Metre | None]:
    """The metre of each sample: of the tune that its rhythm or opening is from, or of its own ABC."""
    if request.model.view != "chars":
        if request.start is None:
            return source_metres(samples.notes, held_out, from_first_note=True)
        score = request.start.score
        begin = first_beat(score, held_out.melody)
        metre = metre_of(score.time_signature, score.downbeat_beat, begin)
        return dict.fromkeys(range(request.settings.samples), metre)
    found: dict[int, Metre | None] = {}
    for i, text in enumerate(samples.texts.values()):
        try:
            score = abc_notation.read_tune(text)
        except UnreadableError:
            continue
        found[i] = metre_of(score.time_signature, score.downbeat_beat)
    return found


def source_metres(
    notes: pd.DataFrame, held_out: HeldOut, from_first_note: bool
) -> dict[int, Metre | None]:
    """The metre of the source piece of each sample."""
    pieces = notes.groupby("sample")["source_piece_id"].first()
    return {int(str(i)): held_out.metre(str(piece), from_first_note) for i, piece in pieces.items()}


def described(
    request: Request, samples: Samples, held_out: HeldOut, lines: Mapping[str, Sequence[Line]]
) -> dict[str, dict[str, float]]:
    """Descriptors of samples and of held-out tunes: means over lines with their intervals.

    Those of the pitches, see `descriptors.of_line`, and ``repeated_bars``; of a model that writes its
    own rhythm also whether its bars add up: ``full_bars`` where it writes bar lines (of the tunes that
    the reader takes), else ``kept_bars``. A model without rests moves what follows a rest against the
    bars.
    """
    is_text = request.model.view == "chars"
    of_bars = {"repeated_bars": repeated_bars}
    if writes_rhythm(request) and not is_text:
        of_bars["kept_bars"] = kept_bars
    found: dict[str, list[Mapping[str, float]]] = {
        who: [
            {**of_line(line.pitch), **{name: of(line) for name, of in of_bars.items()}}
            for line in some
            if len(line.pitch)
        ]
        for who, some in lines.items()
    }
    if is_text:
        found["samples"] += [_written(text) for text in samples.texts.values()]
        found["human"] += [_written(str(text)) for text in held_out.pieces["abc_text"].dropna()]
    return side_by_side(found)


def _written(text: str) -> dict[str, float]:
    """Whether the bars of a tune add up; nothing of one that the reader does not take."""
    try:
        return {"full_bars": full_bars(abc_notation.parse_tune(text).bars)}
    except UnreadableError:
        return {}


def added(metrics: Mapping[str, Any], found: Comparison) -> dict[str, Any]:
    """The metrics of samples and those of a comparison."""
    return {
        **metrics,
        "descriptors": found.descriptors,
        "copied": found.copied,
        "held_out_tunes": found.tunes,
        "alike": found.alike,
    }


def table(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The descriptors of a metrics file as rows: descriptor, unit, who, value, low and high (95 %).

    Args:
        metrics: what stands in ``metrics/generate.json``.
    """
    groups = (metrics.get(name, {}) for name in ("descriptors", "alike", "copied"))
    return [
        {
            "descriptor": name,
            "unit": measure_of(name).unit,
            "who": who,
            "value": of[who],
            "low": of[f"{who}_low"],
            "high": of[f"{who}_high"],
        }
        for group in groups
        for name, of in group.items()
        for who in WHO
        if who in of
    ]


def histogram_rows(found: Comparison) -> list[dict[str, Any]]:
    """The histograms as rows: descriptor, bin, who, share, low and high (95 %)."""
    return [
        {"descriptor": kind.name, "bin": place, "who": who, **_share(of)}
        for kind in KINDS
        for who, estimates in found.shares.get(kind.name, {}).items()
        for place, of in zip(kind.bins, estimates, strict=True)
    ]


def _share(of: Estimate) -> dict[str, float]:
    return {"share": of.mean, "low": of.low, "high": of.high}
