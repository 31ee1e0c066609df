"""Piano rolls: a picture of the notes, the same bytes for the same notes."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pandas as pd

from tonerow.listening.roll import draw_rolls


def notes(pitch: int = 60) -> pd.DataFrame:
    columns = {"sample": [0, 0, 1], "pitch": [pitch, 64, 67], "onset_beat": [0.0, 1.0, 0.0]}
    columns |= {"duration_beat": [1.0, 0.5, 2.0], "is_given": [True, False, False]}
    return pd.DataFrame(columns).assign(source_piece_id=["a", "a", "b"])


def test_a_picture_is_drawn_and_depends_on_the_notes_alone(tmp_path: Path) -> None:
    none = notes().head(0)
    for name, source in (("a", none), ("b", none), ("c", notes(72)), ("d", notes(50))):
        draw_rolls(tmp_path / f"{name}.png", notes(72 if name == "c" else 60), source)
    found = {name: (tmp_path / f"{name}.png").read_bytes() for name in "abcd"}
    assert found["a"] == found["b"]
    assert len(set(found.values())) == 3
    assert matplotlib.image.imread(tmp_path / "a.png").shape[2] == 4


def test_no_notes_give_an_empty_picture(tmp_path: Path) -> None:
    draw_rolls(tmp_path / "empty.png", notes().head(0), notes().head(0))
    assert (tmp_path / "empty.png").stat().st_size > 0
