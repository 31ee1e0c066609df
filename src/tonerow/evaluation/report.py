"""All that is said of a model on the held-out splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from tonerow.evaluation.intervals import read_works
from tonerow.evaluation.rivalry import beside_rival
from tonerow.evaluation.scores import evaluate
from tonerow.evaluation.summary import note_table, summarise
from tonerow.model_files import Opened
from tonerow.params import Evaluate
from tonerow.views import VIEWS


def report(
    opened: Opened, splits: Path, tokens: Path, rivals: Path, settings: Evaluate
) -> tuple[dict[str, Any], pa.Table]:
    """Scores every note of val and test once.

    Args:
        opened: the model.
        splits: folder with ``splits.parquet``, for the work of each piece.
        tokens: folder with the token tables.
        rivals: folder with the scores of those that the model stands beside.
        settings: the context in which notes are scored.

    Returns:
        What stands in ``metrics/evaluate.json``: model, size, what it sees, and by split the scores
        with intervals and the rival's; and a row a note, see `note_table`.
    """
    model, works = opened.model, read_works(splits)
    about = {"model": opened.about.model, "size": opened.about.size}
    summary: dict[str, Any] = {**about, "sees": model.conditions_on.tag}
    tables = []
    for split in ("val", "test"):
        pieces = VIEWS[model.view].load(tokens, split).to(opened.device)
        if not pieces.n_notes:
            summary[split] = {"notes": 0}
            continue
        scored = evaluate(model, pieces, settings)
        beside = beside_rival(scored, model, split, rivals, works)
        summary[split] = summarise(scored, works) | beside
        tables.append(note_table(scored, split))
    return summary, pa.concat_tables(tables)
