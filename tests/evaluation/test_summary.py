"""Scores by name, with intervals, and as a table."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from tests.evaluation.test_scores import scored
from tests.tiny import melodies, model_of, pieces_for, settings
from tonerow.evaluation.note_tables import note_table
from tonerow.evaluation.scores import evaluate
from tonerow.evaluation.summary import columns, summarise

WORKS = {str(i): f"work {i}" for i in range(99)}


def test_the_table_has_a_row_a_note() -> None:
    pieces = melodies([9, 5])
    own = scored(model_of(settings()), pieces, 8, 4)
    table = note_table("val", pieces, WORKS, columns(own)).to_pydict()
    assert table["split"] == ["val"] * 14
    assert table["piece_id"] == ["0"] * 9 + ["1"] * 5
    assert table["work_id"] == ["work 0"] * 9 + ["work 1"] * 5
    assert sum(table["pitch_nats"]) / 14 == pytest.approx(own.nll(), rel=1e-6)
    assert sum(table["pitch_hit"]) / 14 == own.accuracy()["pitch"]
    likely = [math.exp(-nats) for nats in table["pitch_nats"]]
    for p, hit, most in zip(likely, table["pitch_hit"], table["pitch_confidence"], strict=True):
        assert p == pytest.approx(most) if hit else p <= most


def test_the_summary_names_each_score_by_field() -> None:
    model = model_of(settings("lstm_fields published"))
    pieces = pieces_for(model, (9, 5))
    summary = summarise(evaluate(model, pieces, settings().evaluate), WORKS)
    assert summary["notes"] == 14
    assert summary["pitch_nll_low"] < summary["pitch_nll"] < summary["pitch_nll_high"]
    assert summary["nll_low"] < summary["nll"] < summary["nll_high"]
    total = sum(summary[f"{name}_nll"] for name in model.predicts)
    assert summary["nll"] == pytest.approx(total)
    for name in model.predicts:
        for score in ("bits_per_note", "accuracy", "top5_accuracy"):
            assert summary[f"{name}_{score}"] >= 0
    assert summary["duration_error_beats"] >= 0
    assert 0 <= summary["duration_exact_score"] <= 1


def test_characters_are_scored_a_written_note_too() -> None:
    model = model_of(settings("lstm_char published"))
    pieces = pieces_for(model, (9, 5))
    body = torch.arange(14) % 2 == 0
    pieces = replace(pieces, notes={**pieces.notes, "body": body}, written_notes=3)
    own = evaluate(model, pieces, settings().evaluate)
    bits = own.fields["char"]["nats"][::2].sum() / 3 / math.log(2)
    assert summarise(own, WORKS)["bits_per_written_note"] == pytest.approx(bits, rel=1e-6)
    assert summarise(own, WORKS)["notes"] == 3
