"""All that is said of a model on the held-out splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tonerow.evaluation.calibration import BINS, Calibration, calibration
from tonerow.evaluation.intervals import read_works
from tonerow.evaluation.note_tables import note_table
from tonerow.evaluation.places import places
from tonerow.evaluation.rivalry import RivalScores, difference, field_of, rival_of
from tonerow.evaluation.scores import Scored, evaluate
from tonerow.evaluation.summary import columns, summarise
from tonerow.evaluation.where import by_part, parts
from tonerow.model_files import Opened
from tonerow.params import Evaluate
from tonerow.views import VIEWS

HELD_OUT = "val", "test"


@dataclass(frozen=True)
class Folders:
    """Where to read what an evaluation takes.

    Attributes:
        interim: with the tables of pieces and notes, for the place of each note in its bar.
        splits: with ``splits.parquet``, for the work of each piece.
        tokens: with the token tables.
        rivals: with the scores of those that the model stands beside.
    """

    interim: Path
    splits: Path
    tokens: Path
    rivals: Path


@dataclass
class Report:
    """What an evaluation finds.

    Attributes:
        summary: model, size, what it sees, and by split the scores with intervals and the rival's.
        where: by split and part of the notes the nats of model and rival, see `by_part`, and how
            far confidence and accuracy are apart.
        calibrations: by split and "model" or "rival".
        tables: by split, a row a note.
    """

    summary: dict[str, Any]
    where: dict[str, dict[str, Any]] = field(default_factory=dict)
    calibrations: dict[str, dict[str, Calibration]] = field(default_factory=dict)
    tables: list[pa.Table] = field(default_factory=list)

    @property
    def notes(self) -> pa.Table:
        """One row a held-out note, see `note_table` and `columns`."""
        return pa.concat_tables(self.tables)

    def works(self, split: str) -> dict[str, list[float]]:
        """Of each work of a split its notes (or characters), and their nats, summed."""
        notes = self.notes.filter(pc.field("split") == split)
        name = next(c for c in notes.column_names if c in ("pitch_nats", "char_nats"))
        table = notes.group_by("work_id").aggregate([(name, "count"), (name, "sum")])
        rows = table.sort_by("work_id").to_pylist()
        return {row["work_id"]: [row[f"{name}_count"], row[f"{name}_sum"]] for row in rows}

    def curves(self) -> list[dict[str, Any]]:
        """A row a bin of confidence: how often model and rival were right, by split."""
        rows: list[dict[str, Any]] = []
        for i in range(BINS):
            row: dict[str, Any] = {"confidence": (i + 0.5) / BINS, "perfect": (i + 0.5) / BINS}
            for split, of in self.calibrations.items():
                for who, own in of.items():
                    row[f"{split}_{who}"] = float(own.accuracy[i]) if own.notes[i] else ""
                    row[f"{split}_{who}_notes"] = int(own.notes[i])
            rows.append(row)
        return rows


def report(opened: Opened, folders: Folders, settings: Evaluate) -> Report:
    """Scores every note of val and test once.

    Args:
        opened: the model.
        folders: what to read.
        settings: the context in which notes are scored.
    """
    model, works = opened.model, read_works(folders.splits)
    about = {"model": opened.about.model, "size": opened.about.size, "view": model.view}
    done = Report({**about, "sees": model.conditions_on.tag})
    for split in HELD_OUT:
        pieces = VIEWS[model.view].load(folders.tokens, split).to(opened.device)
        if not pieces.n_notes:
            done.summary[split] = {"notes": 0}
            continue
        scored = evaluate(model, pieces, settings)
        rival = rival_of(model, split, folders.rivals)
        done.summary[split] = summarise(scored, works)
        if rival is not None:
            done.summary[split]["rival"] = difference(scored, rival, works)
        done.tables.append(note_table(split, pieces, works, columns(scored)))
        done.calibrations[split] = _calibrations(scored, rival)
        done.where[split] = _where(scored, rival, model.view, folders.interim, works) | {
            f"{who}_calibration_error": own.error() for who, own in done.calibrations[split].items()
        }
    return done


def _calibrations(scored: Scored, rival: RivalScores | None) -> dict[str, Calibration]:
    own = scored.fields[field_of(scored)]
    curves = {"model": calibration(own["confidence"], own["hit"])}
    if rival is not None:
        curves["rival"] = calibration(rival.confidence, rival.hit)
    return curves


def _where(
    scored: Scored, rival: RivalScores | None, view: str, interim: Path, works: Mapping[str, str]
) -> dict[str, Any]:
    pieces, name = scored.pieces, field_of(scored)
    ids = pieces.notes[name].cpu().numpy()
    metre = places(interim, pieces, view == "melody") if name == "pitch" else ()
    nats = scored.fields[name]["nats"].astype(np.float64)
    beside = rival.nats if rival is not None else None
    return by_part(nats, beside, parts(ids, pieces.first, *metre), pieces, works)
