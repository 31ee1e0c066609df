"""What every model stands beside: the n-grams and the rivals of a view, scored note by note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa

from tonerow.evaluation import choices, counting
from tonerow.evaluation.intervals import over_works
from tonerow.evaluation.lines import Lines
from tonerow.evaluation.note_scores import NoteScores, means
from tonerow.evaluation.note_tables import note_table
from tonerow.evaluation.texts import text_lines
from tonerow.notes.splits import SPLITS
from tonerow.progress import progress
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import BEATS, VIEWS, Pieces, read_notes

OF_EVENTS = ("pitch_distance", "past_rhythm")
"""The rivals that see no more than models of single events do."""
RIVALS = {
    "melody": counting.RIVALS,
    "events": tuple(rival for rival in counting.RIVALS if rival.name in OF_EVENTS),
    "chars": counting.TEXT_RIVALS,
}
"""By view; the first of each sees what an n-gram does."""


WORTH_SHARING = 20_000
"""Notes of train from which on processes are begun; one takes seconds to begin."""


@dataclass(frozen=True)
class Opponent:
    """A baseline or a rival, scored.

    Attributes:
        sees: see `counting.Rival`.
        chosen: what was chosen on val, or how many numbers were fitted there.
        scores: by split, of each note.
        edges: see `choices.Baseline`.
    """

    sees: str
    chosen: Mapping[str, float]
    scores: Mapping[str, NoteScores]
    edges: Sequence[str] = ()


def compared_views(tokens: Path) -> list[str]:
    """The views, but for those without notes (or characters) on a side."""
    return [
        name
        for name in sorted(VIEWS)
        if not any(VIEWS[name].is_empty(tokens, side) for side in SPLITS)
    ]


def opponents(
    view: str, tokens: Path, tokenizer: Tokenizer, orders: list[int], jobs: int = 1
) -> tuple[dict[str, Pieces], dict[str, Opponent]]:
    """Fits on train, chooses on val and scores val and test.

    Args:
        view: "melody", "events" or "chars".
        tokens: folder with the token tables.
        tokenizer: of these tokens.
        orders: candidates for the n-gram's order.
        jobs: processes that share the work; they do not change the result. Little work is not shared.

    Returns:
        The pieces of val and test, and the opponents by name, from weak to strong.
    """
    train = _lines(view, "train", tokens, tokenizer).narrow()
    pieces = {side: VIEWS[view].load(tokens, side) for side in SPLITS if side != "train"}
    lines = {side: _lines(view, side, tokens, tokenizer) for side in pieces}
    of = {side: (own.pitch, own.first) for side, own in lines.items()}
    rivals = RIVALS[view]
    jobs = jobs if len(train.pitch) >= WORTH_SHARING else 1
    looks = sorted({name for rival in rivals for name in rival.viewpoints})
    counting_work = [joblib.delayed(counting.counted)(name, train, lines) for name in looks]
    counted = joblib.Parallel(jobs, return_as="generator")(counting_work)
    counts = progress(counted, len(looks), f"baselines, {view}", "viewpoints")
    models = dict(zip(looks, counts, strict=True))
    work = [
        joblib.delayed(choices.baselines)((train.pitch, train.first), of, orders, train.n_symbols),
        # the largest first, so that none goes on alone
        *(
            joblib.delayed(counting.result)(
                rival, {name: models[name] for name in rival.viewpoints}, lines
            )
            for rival in reversed(rivals)
        ),
    ]
    done = joblib.Parallel(jobs, return_as="generator")(work)
    n_grams, *results = progress(done, len(work), f"baselines, {view}", "models")
    scored = {
        name: Opponent(rivals[0].sees, own.chosen, own.scores, own.edges)
        for name, own in n_grams.items()
    }
    for result in reversed(results):
        rival, fitted = result.rival, {"numbers_fitted": float(result.numbers.n_fitted)}
        scored[f"rival_{rival.name}"] = Opponent(rival.sees, fitted, result.scores)
    return pieces, scored


def _lines(view: str, split: str, tokens: Path, tokenizer: Tokenizer) -> Lines:
    if view == "melody":
        return melody_lines(tokens, split)
    pieces = VIEWS[view].load(tokens, split)
    return (
        event_lines(pieces, tokenizer)
        if view == "events"
        else text_lines(pieces, tokenizer.alphabet)
    )


def melody_lines(tokens: Path, split: str) -> Lines:
    """The melodies of a split with their rhythm in beats, as the view "melody" has them."""
    notes = read_notes(tokens, split, ["pitch", *BEATS], melody=True)
    rest, duration = (notes.columns[name].astype(np.float64) for name in BEATS)
    return Lines(notes.columns["pitch"].astype(np.int64), notes.first, rest, duration)


def event_lines(pieces: Pieces, tokenizer: Tokenizer) -> Lines:
    """All notes, one after the other, with their quantised rhythm in beats.

    They may sound together: the rest is the step less the duration before, and may be negative, so
    that onsets come out right.
    """
    duration = np.array(tokenizer.durations)[pieces.notes["duration"].numpy()]
    step = np.array(tokenizer.offsets)[pieces.notes["offset"].numpy()]
    before = np.append(0.0, duration[:-1])
    before[pieces.is_first.numpy()] = 0.0
    return Lines(pieces.notes["pitch"].long().numpy(), pieces.first, step - before, duration)


def summarise(
    pieces: Mapping[str, Pieces], scored: Mapping[str, Opponent], works: Mapping[str, str]
) -> dict[str, Any]:
    """Scores by split and name, `nll` and `accuracy` with their 95 % intervals over works.

    `edges` holds a sentence for each choice that stands at an edge of its candidates, if one does.
    """
    scores: dict[str, Any] = {
        side: {
            name: {**own.chosen} | _with_interval(own, side, of, works)
            for name, own in scored.items()
        }
        for side, of in pieces.items()
    }
    edges = [text for own in scored.values() for text in own.edges]
    return scores | ({"edges": edges} if edges else {})  # DVC warns of a list without items


def _with_interval(
    opponent: Opponent, side: str, pieces: Pieces, works: Mapping[str, str]
) -> dict[str, float]:
    scores = opponent.scores[side]
    found = means(scores)
    for name in ("nll", "accuracy"):
        _, low, high = over_works(scores[name], pieces.ids, pieces.first, works)
        found |= {f"{name}_low": low, f"{name}_high": high}
    return found


def table(
    pieces: Mapping[str, Pieces], scored: Mapping[str, Opponent], works: Mapping[str, str]
) -> pa.Table:
    """One row a note: of each opponent ``<name>_nats``, ``<name>_hit`` and ``<name>_confidence``.

    The metadata tell by the opponents' names what they see.
    """
    parts = []
    for side, own in pieces.items():
        columns: dict[str, Any] = {}
        for name, opponent in scored.items():
            scores = opponent.scores[side]
            columns[f"{name}_nats"] = scores["nll"]
            columns[f"{name}_hit"] = scores["accuracy"] == 1
            columns[f"{name}_confidence"] = scores["confidence"]
        parts.append(note_table(side, own, works, columns))
    metadata = {name: opponent.sees for name, opponent in scored.items()}
    return pa.concat_tables(parts).replace_schema_metadata(metadata)
