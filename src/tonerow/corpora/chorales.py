"""Soprano lines of Bach's four-part chorales BWV 253-438, inside the installed music21 package.

Pearce (2005) measures on 185 of them. They are MusicXML, which the pipeline does not read: music21
reads them and writes each soprano as a MIDI file. Fermatas and bar lines are lost on the way.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from tonerow.corpora.copying import Fetched, FetchError
from tonerow.corpora.music21_package import WITH_CORPUS, corpus_folder
from tonerow.params.corpora import Chorales
from tonerow.progress import progress

FOLDER = "bach"
BWV = range(253, 439)
_PROCESSES = 2
"""At most; a chorale takes half a second."""


def fetch(settings: Chorales, out: Path, root: Path) -> Fetched:
    """Writes each soprano as ``bwv<number>.mid``.

    Args:
        settings: has no key; all corpora are fetched alike.
        out: the folder to fill.
        root: not used.

    Raises:
        FetchError: music21 is not installed, or without its corpus.
    """
    scores = [corpus_folder("chorales") / FOLDER / f"bwv{number}.mxl" for number in BWV]
    missing = [score.name for score in scores if not score.is_file()]
    if missing:
        raise FetchError(
            f"the installed music21 has no {', '.join(missing[:3])}, {len(missing)} of "
            f"{len(scores)} chorales; {WITH_CORPUS}"
        )
    return write_sopranos(scores, out)


def write_sopranos(scores: list[Path], out: Path) -> Fetched:
    """Writes the soprano of each score as a MIDI file of the score's name, in two processes."""
    from joblib import Parallel, delayed  # noqa: PLC0415 - slow to import; other corpora need none

    out.mkdir(parents=True, exist_ok=True)
    work = Parallel(n_jobs=min(_PROCESSES, len(scores)), return_as="generator")
    lines = work(delayed(soprano_midi)(score) for score in scores)
    pairs = zip(scores, progress(lines, len(scores), "fetch", "chorales"), strict=True)
    for score, midi in pairs:
        (out / score.name).with_suffix(".mid").write_bytes(midi)
    return Fetched(copied=len(scores))


def soprano_midi(score: Path) -> bytes:
    """Reads a chorale and writes its highest part as the bytes of a MIDI file.

    Ties are joined, grace notes left out, and repeats stand once, as they are written; key and
    metre are the first of the part.

    Args:
        score: a MusicXML file whose first part is the soprano.
    """
    music21: Any = import_module("music21")  # slow, and other corpora need none of it
    converter = music21.converter.Converter()
    converter.parseFileNoPickle(score)  # a copy kept by an earlier music21 is not asked
    part = converter.stream.parts[0]
    line = music21.stream.Part()
    for kind in (music21.key.KeySignature, music21.meter.TimeSignature):
        if (first := part.recurse().getElementsByClass(kind).first()) is not None:
            line.insert(0, first)
    for note in part.stripTies().flatten().notes:
        if not note.duration.isGrace:
            line.insert(note.offset, note)
    return bytes(music21.midi.translate.streamToMidiFile(line).writestr())
