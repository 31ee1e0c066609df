"""Measures the ingest stage: speed beside other readers, a rerun, and memory as a corpus grows.

Run `python benchmarks/ingest.py [--sample 10] [--workers -1] [--grow N [--added M]] [PATH ...]`: a
PATH is a folder of MIDI and ABC files; without one, the corpus of the tests and two collections of
tunes in the installed music21 package are taken.

For each path the whole stage runs (read, validate, find the melody, write both tables), then once
more with everything in the cache. Then one process with the environment of a reader says, part by
part, how many MIDI files it gets through in a second of CPU, on files at even distances: bytes to
events, to notes, to a table with its melody, validated, and packed for the way to the parent. Then,
in this process and on the same files, a loop over a library's reader stands beside ours:
pretty_midi on MIDI files, music21 on ABC tunes (a performance in MIDI takes music21 minutes). Its
notes are compared with ours: pitch and velocity equal, times within 1 ms for pretty_midi; pitch
equal, onset within 1/30 of a quarter note for music21, whose repeats are played and whose grace
notes and chord symbols are dropped.

With --grow, N hard links to the files of each path are read instead, without a cache. A line is
printed each time the number of files read has doubled: files, files/s since the start, and the
greatest memory so far of all processes together (shared pages counted once for each). With --added M
too, they are N copies that all differ by a comment (or bytes after the last track), which are kept in
a cache; then M more are added, and all are read again.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import music21
import numpy as np
import pretty_midi

from tonerow import params
from tonerow.abc_notation.reading import read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.ingest import dispatch
from tonerow.ingest.packing import ROW, pack
from tonerow.ingest.workers.isolation import ENVIRONMENT
from tonerow.midi.events import parse
from tonerow.midi.reading import read_midi
from tonerow.notes.score import Score, UnreadableError
from tonerow.notes.table import to_table, validate
from tonerow.params import Ingest

Notes = list[tuple[float, ...]]
_ROOT = Path(__file__).parent.parent
_ROUNDS = 5  # each file's fastest counts: other programs make a round slower, none makes it faster
_TUNES = Path(music21.__file__).parent / "corpus"


def main() -> None:
    """Print what was measured, path by path."""
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = [_ROOT / "tests/corpus", _TUNES / "ryansMammoth", _TUNES / "oneills1850"]
    parser.add_argument("paths", nargs="*", type=Path, default=defaults)
    parser.add_argument("--sample", type=int, default=10, help="files read by every library")
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--grow", type=int, default=0, help="files to read")
    parser.add_argument("--added", type=int, default=0, help="--grow: files to add afterwards")
    parser.add_argument("--parts", action="store_true", help="of reading, in this process, alone")
    arguments = parser.parse_args()
    if arguments.parts:
        _parts(arguments.paths)
        return
    settings = params.load(_ROOT / "params.yaml").ingest
    settings = settings.model_copy(
        update={"workers": arguments.workers, "max_rejected_fraction": 1.0}
    )
    for path in arguments.paths:
        print(f"\n{path.name}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        with tempfile.TemporaryDirectory() as temporary:
            if arguments.grow:
                _grow(path, arguments.grow, settings, Path(temporary), arguments.added)
            else:
                _whole_stage(path, settings, Path(temporary))
        if not arguments.grow:
            _parts_of_a_reader(_midi_files(path), arguments.sample)
            _beside_libraries(path, arguments.sample)


def _files(path: Path) -> list[Path]:
    suffixes = {".mid", ".midi", ".abc"}
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes)


def _midi_files(path: Path) -> list[Path]:
    return [file for file in _files(path) if file.suffix.lower() != ".abc"]


# ---- the whole stage ----------------------------------------------------------------------------


def _whole_stage(path: Path, settings: Ingest, temporary: Path) -> None:
    for name in ("cold", "rerun"):
        start, cpu = time.perf_counter(), _cpu_seconds()
        account = dispatch.ingest(path, temporary / name, settings, temporary / "cache")
        took, cpu = time.perf_counter() - start, _cpu_seconds() - cpu
        print(
            f"  {name:6}{account['files'] / took:7.1f} files/s {account['pieces'] / took:7.1f} "
            f"pieces/s {account['notes'] / took:9,.0f} notes/s: {account['files']} files, "
            f"{account['notes']:,} notes in {took:.1f} s, {cpu:.1f} s of CPU"
        )


def _cpu_seconds() -> float:
    """Of this process and of all below it, running or not."""
    ticks = os.sysconf("SC_CLK_TCK")
    used = sum(os.times()[:4])
    for process in _below(os.getpid()):
        fields = _stat(process)
        used += sum(int(field) for field in fields[11:15]) / ticks if fields else 0.0
    return used


def _stat(process: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; none where there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _below(process: int) -> list[int]:
    """All descendants of a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        if fields := _stat(int(entry.name)):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = list(parents.get(process, []))
    for child in found:  # grows on the way
        found += parents.get(child, [])
    return found


# ---- one process, part by part ------------------------------------------------------------------


def _parts_of_a_reader(files: list[Path], sample: int) -> None:
    """Runs `_parts` as a reader runs."""
    if files:
        command = [sys.executable, __file__, "--parts", *map(str, _spread(files, sample))]
        subprocess.run(command, env=os.environ | ENVIRONMENT, check=True)


def _parts(files: list[Path]) -> None:
    """Prints files per CPU-second up to each part of reading; refused files are left out."""
    fastest = []
    for file in files:
        with suppress(UnreadableError):
            rounds = [_seconds_up_to(file.read_bytes()) for _ in range(_ROUNDS)]
            fastest.append(np.min(rounds, axis=0))
    if fastest:
        names = ("events", "notes", "table and melody", "validated", "packed")
        rates = 1 / np.mean(fastest, axis=0)
        said = ", ".join(f"{name} {rate:.0f}" for name, rate in zip(names, rates, strict=True))
        print(f"  {len(fastest)} MIDI files in one process, files per CPU-second up to: {said}")


def _seconds_up_to(data: bytes) -> list[float]:
    """CPU-seconds from a file's bytes up to the end of each part of reading it."""
    begun = time.process_time()
    parse(data)
    parsed = time.process_time()
    score = read_midi(data)  # which parses anew
    read = time.process_time()
    table = to_table("", score)
    laid_out = time.process_time()
    validate(table)
    validated = time.process_time()
    pack([dict.fromkeys(ROW)], [table])
    packed = time.process_time()
    return [parsed - begun, *(at - parsed for at in (read, laid_out, validated, packed))]


# ---- memory -------------------------------------------------------------------------------------


def _grow(path: Path, n_files: int, settings: Ingest, temporary: Path, added: int) -> None:
    raw, cache = temporary / "raw", temporary / "cache" if added else None
    files = itertools.cycle(_files(path))
    _fill(raw, files, range(n_files), differing=added > 0)
    peak = [0.0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch_memory, args=(peak, done))
    watcher.start()
    checkpoints = _checkpoints(peak)
    try:
        with mock.patch.object(dispatch, "progress", checkpoints):
            dispatch.ingest(raw, temporary / "out", settings, cache)
    finally:
        done.set()
        watcher.join()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  at the end, with both tables: {peak[0]:.0f} MiB; this process alone {own:.0f} MiB")
    if added:
        _fill(raw, files, range(n_files, n_files + added), differing=True)
        start = time.perf_counter()
        dispatch.ingest(raw, temporary / "out", settings, cache)
        took = time.perf_counter() - start
        print(f"  {added} more among them: {n_files + added:,} files again in {took:.1f} s")


def _fill(raw: Path, files: Iterator[Path], numbers: range, differing: bool) -> None:
    for number, file in zip(numbers, files, strict=False):
        made = raw / f"{number // 1000:04d}" / f"{number:07d}{file.suffix}"
        made.parent.mkdir(parents=True, exist_ok=True)
        source = file.resolve()
        with suppress(OSError):  # another file system, or too many links to one file
            if not differing:
                made.hardlink_to(source)
                continue
        comment = f"\n% {number}\n".encode() if differing else b""
        made.write_bytes(source.read_bytes() + comment)


def _checkpoints(peak: list[float]) -> Callable[..., Iterator[Any]]:
    """Stands in for `progress`."""

    def passed(items: Iterable[Any], total: int, *about: str) -> Iterator[Any]:
        start, following = time.perf_counter(), 1250
        print(f"  {'files':>9} {'files/s':>9} {'peak MiB':>9}")
        for number, item in enumerate(items, 1):
            yield item
            if number in (following, total):
                following = 2 * number
                speed = number / (time.perf_counter() - start)
                print(f"  {number:9,} {speed:9.0f} {peak[0]:9.0f}", flush=True)

    return passed


def _watch_memory(peak: list[float], done: threading.Event) -> None:
    page = resource.getpagesize() / 2**20
    while not done.wait(0.5):
        total = 0.0
        for process in [os.getpid(), *_below(os.getpid())]:
            fields = _stat(process)
            total += int(fields[21]) * page if fields else 0.0
        peak[0] = max(peak[0], total)


# ---- other readers ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Library:
    """A library's reader, and our notes in its terms; the first two columns must be equal."""

    name: str
    read: Callable[[Any], Notes]
    ours: Callable[[Score], Notes]
    tolerance: float  # of the other columns


def _pretty_midi(data: bytes) -> Notes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pretty_midi.PrettyMIDI(io.BytesIO(data))
    return [
        (note.pitch, note.velocity, note.start, note.end)
        for instrument in found.instruments
        for note in instrument.notes
    ]


def _music21_abc(text: str) -> Notes:
    stream = music21.converter.parse(text, format="abc")
    return _stream_notes(stream.expandRepeats().stripTies())


def _stream_notes(stream: Any) -> Notes:
    return [
        (pitch.midi, 0.0, float(element.offset))
        for element in stream.flatten().notes
        if not element.duration.isGrace and not isinstance(element, music21.harmony.ChordSymbol)
        for pitch in element.pitches
    ]


def _in_seconds(score: Score) -> Notes:
    end = score.onset_sec + score.duration_sec
    columns = zip(score.pitch, score.velocity, score.onset_sec, end, strict=True)
    return [tuple(map(float, note)) for note in columns]


def _in_beats(score: Score) -> Notes:
    onset = score.onset_tick / float(score.ticks_per_beat)
    return [(float(pitch), 0.0, float(at)) for pitch, at in zip(score.pitch, onset, strict=True)]


_OF_MIDI = Library("pretty_midi", _pretty_midi, _in_seconds, 1e-3)
_OF_ABC = Library("music21", _music21_abc, _in_beats, 1 / 30)


def _beside_libraries(path: Path, sample: int) -> None:
    contents = [file.read_bytes() for file in _spread(_midi_files(path), sample)]
    _compare("MIDI files", contents, read_midi, _OF_MIDI)
    texts = (decode(file.read_bytes()) for file in _files(path) if file.suffix.lower() == ".abc")
    tunes = [tune for text in texts for tune in split_tunes(text)]
    _compare("ABC tunes", _spread(tunes, sample), read_tune, _OF_ABC)


def _spread(items: list[Any], most: int) -> list[Any]:
    """Up to so many items at even distances."""
    return items[:: max(1, -(-len(items) // most))]


def _compare(what: str, sources: list[Any], ours: Callable[[Any], Score], library: Library) -> None:
    """Times two readers on the same sources and counts where their notes are equal."""
    scores = []
    start = time.perf_counter()
    for source in sources:
        with suppress(UnreadableError):
            scores.append((source, ours(source)))
            validate(to_table("", scores[-1][1]))
    if not scores:
        return
    own = time.perf_counter() - start
    print(f"  {len(scores)} {what} in one process: tonerow {len(scores) / own:.1f}/s, tables made")
    equal, took = 0, 0.0
    for source, score in scores:
        start = time.perf_counter()
        try:
            found = library.read(source)
        except Exception:  # a library may raise anything
            found = []
        took += time.perf_counter() - start
        equal += _equal(found, library.ours(score), library.tolerance)
    print(
        f"    {library.name:12}{len(scores) / took:6.2f}/s, {took / own:.0f} times slower; "
        f"the same notes in {equal} of {len(scores)}"
    )


def _equal(one: Notes, other: Notes, tolerance: float) -> bool:
    if len(one) != len(other):
        return False
    return all(
        a[:2] == b[:2] and all(abs(x - y) <= tolerance for x, y in zip(a[2:], b[2:], strict=True))
        for a, b in zip(_sorted(one), _sorted(other), strict=True)
    )


def _sorted(notes: Notes) -> Notes:
    # Rounded, so that a hair's breadth of difference in time changes no order.
    return sorted(notes, key=lambda note: (note[0], *(round(time, 2) for time in note[2:]), note))


if __name__ == "__main__":
    main()
