"""ABC tunes as samples."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tonerow.generation.chars import files, played, rows
from tonerow.generation.samples import Samples
from tonerow.generation.writing import write_music


def test_tunes_are_written_to_a_page_and_an_unread_one_is_text_alone(tmp_path: Path) -> None:
    texts = ["M:2/4\nL:1/8\nK:G\nGA|Bc|", "M:2/4\nK:G\n)))"]
    notes = rows(["a"] * 2, [played(text, 99) for text in texts])
    about = pd.DataFrame({"title": "", "tempo_bpm": None}, index=["a"])
    samples = Samples(notes, notes.head(0), {}, files(texts))
    write_music(tmp_path, samples, about, {"model": "lstm_char"}, None)
    assert '"sample-00.mp3"' in (tmp_path / "listen.html").read_text("utf-8")
    assert {file.name for file in tmp_path.glob("*.abc")} == {"sample-00.abc", "sample-01.abc"}
    assert not (tmp_path / "sample-01.mid").exists()
