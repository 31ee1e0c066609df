"""Compares the readers of ABC: speed, refusals and how often two read the same notes.

Run `python benchmarks/abc_readers.py [--tunes 300] [NAME or PATH ...]`: a NAME is a collection in
the installed music21 package, a PATH an ABC file or a folder of them. Tunes are taken at even
distances. Two readings agree where they have the same pitches in the same order, with onsets
within 1/30 and durations within 1/10 of a quarter note (symusic's bundled abc2midi begins each
note a tick late, cuts its end and spreads chords). To be fair, chord symbols, grace notes,
ornaments and `R:` are taken out of the text for symusic, and repeats are expanded and grace notes
and chord symbols dropped for music21.

What it printed, and why readers differ, stands in src/tonerow/abc_notation/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import music21
import symusic

from tonerow.abc_notation.reading import read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.notes.score import UnreadableError

Note = tuple[float, int, float]  # onset in quarter notes, pitch, duration in quarter notes
_ORNAMENTS = re.compile(r'"[^"]*"|\{[^}]*\}|![^!\s|]*!|(\[[A-Za-z]:[^\]]*\])|[~HLMOPSTUVJKRkuv.]')


def read_tonerow(text: str) -> list[Note]:
    """The notes by this project's reader; raises `UnreadableError`."""
    score = read_tune(text)
    beat = float(score.ticks_per_beat)
    columns = zip(score.onset_tick, score.pitch, score.duration_tick, strict=True)
    return sorted((float(on) / beat, int(pitch), float(d) / beat) for on, pitch, d in columns)


def read_symusic(text: str) -> list[Note]:
    """The notes by symusic, without what abc2midi would play beside the melody."""
    text = re.sub(r"(?m)^R:.*\n", "", text)  # abc2midi plays ">" of hornpipes as 2:1
    header, key, body = re.split(r"(?m)(^K:.*$)", text, maxsplit=1)
    plain = "\n".join(
        line
        if re.match(r"[A-Za-z]:(?![|:])", line)
        else _ORNAMENTS.sub(lambda match: match[1] or "", line)
        for line in body.split("\n")
    )
    with _silent_stdout():
        score: Any = symusic.Score.from_abc(header + key + plain)
    beat = float(score.ticks_per_quarter)
    notes = [note for track in score.tracks for note in track.notes]
    return sorted((note.start / beat, int(note.pitch), note.duration / beat) for note in notes)


def read_music21(text: str) -> list[Note]:
    """The notes by music21, repeats played, ties joined, grace notes and chord symbols dropped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = music21.converter.parse(text, format="abc")
        stream = stream.expandRepeats().stripTies()
    notes = []
    for element in stream.flatten().notes:
        if element.duration.isGrace or isinstance(element, music21.harmony.ChordSymbol):
            continue
        length = float(element.quarterLength)
        notes += [(float(element.offset), int(pitch.midi), length) for pitch in element.pitches]
    return sorted(notes)


READERS: dict[str, Callable[[str], list[Note]]] = {
    "tonerow": read_tonerow,
    "symusic": read_symusic,
    "music21": read_music21,
}


@contextlib.contextmanager
def _silent_stdout() -> Iterator[None]:
    """Send what C code prints on the standard output nowhere."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def same_notes(one: list[Note], other: list[Note]) -> bool:
    """Whether two readings agree, see the module's docstring."""
    if len(one) != len(other):
        return False
    first, second = (
        sorted(x, key=lambda note: (round(note[0] * 12), note[1])) for x in (one, other)
    )
    return all(
        a[1] == b[1] and abs(a[0] - b[0]) < 1 / 30 and abs(a[2] - b[2]) < 1 / 10
        for a, b in zip(first, second, strict=True)
    )


def load(collection: str) -> list[str]:
    """The tunes of a collection in the music21 package, of a file or of a folder."""
    path = Path(collection)
    if not path.exists():
        path = Path(music21.__file__).parent / "corpus" / collection
    files = sorted(path.glob("*.abc")) if path.is_dir() else [path]
    return [tune for file in files for tune in split_tunes(decode(file.read_bytes()))]


def compare(tunes: list[str]) -> tuple[dict[str, list[list[Note] | None]], dict[str, float]]:
    """Each reader's notes of each tune (None: refused) and its seconds."""
    readings: dict[str, list[list[Note] | None]] = {}
    seconds = {}
    for name, read in READERS.items():
        start = time.perf_counter()
        readings[name] = [_or_none(read, tune) for tune in tunes]
        seconds[name] = time.perf_counter() - start
    return readings, seconds


def _or_none(read: Callable[[str], list[Note]], tune: str) -> list[Note] | None:
    try:
        return read(tune) or None
    except Exception:  # a library may raise anything
        return None


def main() -> None:
    """Print one table of speeds and refusals and one of agreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collections", nargs="*", default=["ryansMammoth", "oneills1850"])
    parser.add_argument("--tunes", type=int, default=300, help="of each collection")
    arguments = parser.parse_args()
    for collection in arguments.collections:
        tunes = load(collection)
        _print_refusals(collection, tunes)
        sample = tunes[:: max(1, len(tunes) // arguments.tunes)][: arguments.tunes]
        readings, seconds = compare(sample)
        for name in READERS:
            refused = sum(notes is None for notes in readings[name])
            speed = len(sample) / seconds[name]
            print(f"  {name:8} {speed:7.0f} tunes/s, {refused} of {len(sample)} not read")
        for one, other in combinations(READERS, 2):
            pairs = list(zip(readings[one], readings[other], strict=True))
            both = [(a, b) for a, b in pairs if a is not None and b is not None]
            agreed = sum(same_notes(a, b) for a, b in both)
            print(f"  {one} = {other}: {agreed} of {len(both)} that both read")


def _print_refusals(collection: str, tunes: list[str]) -> None:
    reasons: Counter[str] = Counter()
    for tune in tunes:
        try:
            read_tune(tune)
        except UnreadableError as error:
            reasons[error.because.value] += 1
    causes = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
    print(f"{collection}: {len(tunes)} tunes; tonerow refuses {reasons.total()} ({causes})")


if __name__ == "__main__":
    main()
