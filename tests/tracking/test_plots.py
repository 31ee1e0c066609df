"""The page of curves and pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.image import imread

from tonerow.tracking.plots import draw, draw_calibration, page
from tonerow.tracking.store import Epoch

NAMES = ("train_nll", "val_nll", "train_accuracy", "val_accuracy", "learning_rate")


def curves(level: float, seconds: float = 60.0) -> dict[str, list[Epoch]]:
    return {name: [Epoch(i, level / i, i * seconds) for i in (1, 2, 3)] for name in NAMES}


def test_a_run_more_is_a_line_more(tmp_path: Path) -> None:
    drawn = {}
    for name, of in {
        "one": {"a": curves(0.5)},
        "again": {"a": curves(0.5)},
        "two": {"a": curves(0.5), "b": curves(0.7)},
        "restored": {"a": curves(0.5, math.nan)},
        "without accuracy": {"a": {"val_nll": curves(0.5)["val_nll"]}},
    }.items():
        (tmp_path / name).write_bytes(draw(of))
        drawn[name] = imread(tmp_path / name, "png")
    assert (drawn["one"] == drawn["again"]).all()
    height, width = (size // 2 for size in drawn["one"].shape[:2])
    for name, panel in {
        "two": np.s_[:height, :width],
        "restored": np.s_[height:, width:],
        "without accuracy": np.s_[:height, width:],
    }.items():
        assert drawn[name].shape == drawn["one"].shape
        assert (drawn[name][panel] != drawn["one"][panel]).any()


def test_a_calibration_with_gaps_is_drawn(tmp_path: Path) -> None:
    head = "confidence,perfect,test_model,test_rival\n"
    pictures = []
    for rows in ("0.5,0.5,,0.4\n0.7,0.7,0.6,0.8\n", "0.5,0.5,0.1,0.4\n0.7,0.7,0.6,0.8\n"):
        (tmp_path / "calibration.csv").write_text(head + rows)
        pictures.append(draw_calibration(tmp_path / "calibration.csv"))
    assert pictures[0] != pictures[1]


def test_a_page_holds_all_that_it_shows() -> None:
    text = page("plots", {"Samples & <tunes>": b"one", "Curves": b"two"})
    assert "<h2>Samples &amp; &lt;tunes&gt;</h2>" in text
    assert text.count('src="data:image/png;base64,') == text.count("src=") == 2
    assert "http" not in text
