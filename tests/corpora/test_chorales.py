"""The soprano lines of Bach's chorales: counted in the MusicXML itself, then in what is written."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tonerow.corpora import FetchError, chorales
from tonerow.corpora.music21_package import corpus_folder
from tonerow.midi.reading import read_midi
from tonerow.params.corpora import Chorales

BACH = corpus_folder("chorales") / chorales.FOLDER
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SCORES = {
    "bwv256": "repeats, which are not played out",
    "bwv261": "ties",
    "bwv299": "grace notes",
    "bwv304": "two metres",
}


def written_pitches(score: Path) -> list[int]:
    """The pitches of the first part, without grace notes and without what a tie goes on with."""
    with zipfile.ZipFile(score) as packed:
        name = next(name for name in packed.namelist() if not name.startswith("META-INF"))
        part = ElementTree.fromstring(packed.read(name)).find("part")
    assert part is not None
    pitches = []
    for note in part.iter("note"):
        pitch = note.find("pitch")
        goes_on = any(tie.get("type") == "stop" for tie in note.findall("tie"))
        if pitch is not None and note.find("grace") is None and not goes_on:
            octave, step = int(pitch.findtext("octave", "")), SEMITONES[pitch.findtext("step", "")]
            pitches.append(12 * (octave + 1) + step + int(pitch.findtext("alter", "0")))
    return pitches


def test_there_are_as_many_notes_as_said() -> None:
    lines = [written_pitches(BACH / f"bwv{number}.mxl") for number in chorales.BWV]
    assert len(lines) == 186  # Pearce (2005), table 4.1: 185, 9,227 and 21, from another encoding
    assert sum(map(len, lines)) == 9336
    assert len({pitch for line in lines for pitch in line}) == 22


@pytest.mark.parametrize("name", SCORES)
def test_a_soprano_is_written_note_for_note(name: str) -> None:
    score = read_midi(chorales.soprano_midi(BACH / f"{name}.mxl"))
    order = score.onset_tick.argsort()
    assert score.pitch[order].tolist() == written_pitches(BACH / f"{name}.mxl")
    ends = (score.onset_tick + score.duration_tick)[order]
    assert (ends[:-1] <= score.onset_tick[order][1:]).all()


def test_key_metre_and_rhythm_are_kept() -> None:
    score = read_midi(chorales.soprano_midi(BACH / "bwv266.mxl"))
    assert (score.key, score.time_signature) == ("Em", "3/4")
    beats = score.duration_tick / score.ticks_per_beat
    assert set(beats.tolist()) <= {0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0}


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    scores = [BACH / "bwv253.mxl", BACH / "bwv254.mxl"]
    assert chorales.write_sopranos(scores, tmp_path).copied == 2
    for score in scores:
        assert (tmp_path / f"{score.stem}.mid").read_bytes() == chorales.soprano_midi(score)


def test_without_the_corpus_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chorales, "corpus_folder", lambda corpus: tmp_path)
    with pytest.raises(FetchError, match=r"no bwv253\.mxl, .* 186 of 186 chorales"):
        chorales.fetch(Chorales(), tmp_path / "out", tmp_path)
