"""The children's songs inside music21."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests import shipped
from tonerow.corpora import FetchError, kinder, music21_package
from tonerow.ingest.dispatch import ingest
from tonerow.params.corpora import Kinder


def test_the_songs_are_those_that_pearce_counts(tmp_path: Path) -> None:
    raw, interim = tmp_path / "raw", tmp_path / "interim"
    assert kinder.fetch(Kinder(), raw, tmp_path).copied == 1
    account = ingest(raw, interim, shipped.settings({"ingest.workers": 1}).ingest)
    assert (account["kept"], account["refused"]) == (213, 0)
    notes = pq.read_table(interim / "notes.parquet", columns=["pitch", "is_melody"]).to_pandas()
    assert (len(notes), notes["pitch"].nunique()) == (8393, 27)  # Pearce (2005), table 4.1
    assert notes["is_melody"].all()


def test_without_music21_or_its_corpus_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinder, "corpus_folder", lambda corpus: tmp_path)
    with pytest.raises(FetchError, match=r"no readable .*kinder0\.abc"):
        kinder.fetch(Kinder(), tmp_path / "out", tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(music21_package, "find_spec", lambda name: None)
    with pytest.raises(FetchError, match="kinder is part of the music21 package, which is not"):
        kinder.fetch(Kinder(), tmp_path / "out", tmp_path)
