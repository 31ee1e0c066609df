"""Measures each stage's time and memory as a corpus grows tenfold.

Run `python benchmarks/scale.py [--notes 1000000] [--of PATH ...] [--at FOLDER] [--without STAGE ...]`: a
PATH is a folder of MIDI and ABC files; without one, the tunes of the default corpus, which lie in the
installed music21 package, and the MIDI files of the tests are taken. Of these, as many copies are made
as it takes, in each of which some notes are others: by random, but the same each time, a quarter of an
ABC tune's note letters, and in MIDI the pitch that stands for each of the 128. So no two copies share
long runs of intervals, and each is a work of its own.

The stages run as processes of their own, in a folder with its own params.yaml, first on a tenth of the
notes, then on all. The model, its size and all settings are those of the checkout, but that ingest keeps
no cache, and that val and test hold a tenth of the notes each, but no more than `HELD_OUT`. The model is
not trained: `epoch` loads train as a training does and makes all batches of an epoch, `windows` draws
those of an epoch in which every note has a window that ends with it, and `evaluate` scores a model with
its first weights.

A row is a stage. CPU-seconds count all of its processes, memory is the most that they had at once, with
pages that several share, and those of mapped files, counted once. The last column is how much longer a
note took than in the smaller corpus.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import music21
import numpy as np
import psutil
import symusic

from tonerow import params
from tonerow.abc_notation.reading import read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.model_files import open_model, save_model
from tonerow.notes.score import UnreadableError
from tonerow.params import Params
from tonerow.training.lessons import Lessons
from tonerow.trials import markdown
from tonerow.views import VIEWS

HELD_OUT = 50_000
"""Notes of val, and of test, at most: as in the default corpus. What rivals and models need to be fitted
to val and to score both grows with them."""
SHARE = 0.1
"""Of the notes that each of the two has otherwise."""

_ROOT = Path(__file__).parent.parent
_TUNES = Path(music21.__file__).parent / "corpus"
_SOURCES = (_TUNES / "ryansMammoth", _TUNES / "oneills1850", _ROOT / "tests/corpus/midi")
_BOOK = 200
"""Tunes in a file."""
_EVERY = 20
"""Of so many tunes one is read to tell how many notes they have."""
_OTHERS = 0.25
"""Of the note letters."""
_HERE = "from benchmarks import scale; scale"
STAGES = {
    "ingest": "-m stages.ingest raw interim ingest.json",
    "split": "-m stages.split interim splits split.json",
    "tokenize": "-m stages.tokenize interim splits tokens",
    "epoch": f"-c {_HERE}.epoch()",
    "windows": f"-c {_HERE}.windows()",
    "baselines": "-m stages.baselines splits tokens baselines baselines.json",
    "evaluate": "-m stages.evaluate interim splits tokens baselines model.pt scores .",
}
"""By name, what Python is asked to run in the folder."""
HEAD = ("stage", "notes", "seconds", "CPU-seconds", "peak memory, MB", "a note took")


# ---- the corpus ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sources:
    """Real music.

    Attributes:
        tunes: texts of ABC.
        scores: contents of MIDI files.
        notes: how many all of it has.
    """

    tunes: list[str]
    scores: list[bytes]
    notes: int


def sources(folders: Sequence[Path]) -> Sources:
    """Reads all files below some folders, in a random order; what cannot be read is left out.

    How many notes the tunes have is told by some of them, as reading all would take long.
    """
    tunes, scores, notes = [], [], 0
    for file in sorted(file for folder in folders for file in folder.rglob("*") if file.is_file()):
        if file.suffix.lower() == ".abc":
            tunes += split_tunes(decode(file.read_bytes()))
        elif file.suffix.lower() in (".mid", ".midi"):
            with suppress(RuntimeError):
                score: Any = symusic.Score.from_midi(file.read_bytes())
                scores.append(file.read_bytes())
                notes += score.note_num()
    generator = np.random.default_rng(0)
    tunes, scores = ([of[i] for i in generator.permutation(len(of))] for of in (tunes, scores))
    for text in tunes[::_EVERY]:
        with suppress(UnreadableError):
            notes += read_tune(text).n_notes * _EVERY
    return Sources(tunes, scores, notes)


_LETTERS = re.compile(r'("[^"]*"|!\w+!|\[[A-Za-z]:[^\]]*\])|([A-Ga-g])')


def other_tune(text: str, number: int, generator: np.random.Generator) -> str:
    """A tune with another title, in which some note letters are others."""

    def other(match: re.Match[str]) -> str:
        kept, letter = match.groups()
        if kept or generator.random() > _OTHERS:
            return match[0]
        steps = "ABCDEFG" if letter.isupper() else "abcdefg"
        return steps[(steps.index(letter) + int(generator.integers(1, 7))) % 7]

    lines, in_body = [], False
    for line in text.splitlines():
        if line.startswith("T:"):
            lines.append(f"T:{number} {line[2:]}")
        elif re.match(r"[A-Za-z]:|%", line) or not in_body:
            lines.append(line)
        else:
            lines.append(_LETTERS.sub(other, line))
        in_body |= line.startswith("K:")
    return "\n".join(lines)


def other_score(data: bytes, generator: np.random.Generator) -> bytes:
    """A MIDI file in which other pitches stand for the 128."""
    score: Any = symusic.Score.from_midi(data)
    pitches = np.clip(np.arange(128) + generator.integers(-3, 4, 128), 0, 127)
    for track in score.tracks:
        own = track.notes.numpy()
        moved = own["pitch"] if track.is_drum else pitches[own["pitch"]].astype(np.int8)
        columns = own["time"], own["duration"], moved, own["velocity"]
        track.notes = type(track.notes).from_numpy(*columns)
    return bytes(score.dumps_midi())


def make_corpus(of: Sources, notes: int, raw: Path) -> None:
    """Writes about so many notes as files of MIDI and of ABC."""
    wanted = {
        "tunes": len(of.tunes) * notes // of.notes,
        "scores": len(of.scores) * notes / of.notes,
    }

    def copies() -> Iterator[str]:
        for number in count():
            for place, text in enumerate(of.tunes):
                yield other_tune(text, number, np.random.default_rng([number, place]))

    tunes = islice(copies() if of.tunes else (), int(wanted["tunes"]))
    for book in count():
        texts = list(islice(tunes, _BOOK))
        if not texts:
            break
        path = raw / f"{book // 1000:03d}" / f"{book:06d}.abc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    for number in range(round(wanted["scores"])):
        data = other_score(of.scores[number % len(of.scores)], np.random.default_rng([number]))
        path = raw / f"{number // 1000:03d}" / f"{number:06d}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


# ---- what is no stage ---------------------------------------------------------------------------


def epoch() -> None:
    """Saves the model untrained, loads train and makes the batches of an epoch."""
    settings = params.load()
    opened = open_model(settings, Path("tokens"), settings.train.seed)
    save_model(Path("model.pt"), opened.model, opened.about)
    train = VIEWS[opened.model.view].load(Path("tokens"), "train").to(opened.device)
    train.digest()
    n, made = Lessons.of(train, settings.selected.training).epoch(0, settings.train.seed)
    notes = sum(int(batch.scored.sum()) for batch in made)
    print(f"{n:,} batches, {notes:,} of {train.n_notes:,} notes")


def windows() -> None:
    """Loads all notes of train and draws a window for each."""
    settings = params.load()
    train = VIEWS["events"].load(Path("tokens"), "train")
    every = {"window": 32, "windows": "all", "predict": "last", "max_windows": 0}
    training = settings.selected.training.model_copy(update=every)
    n, _ = Lessons.of(train, training).epoch(0, settings.train.seed)
    print(f"{n:,} batches")


# ---- the measurement ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What a process and all below it took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def measured(command: str, folder: Path) -> Cost:
    """Runs Python in a folder, and watches it.

    Raises:
        RuntimeError: it failed.
    """
    environment = os.environ | {"DVC_ROOT": str(folder), "PYTHONPATH": str(_ROOT)}
    head, *rest = command.split(" ", 1)
    arguments = [head, *rest] if head == "-c" else command.split()
    started = time.monotonic()
    with (folder / "log.txt").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, env=environment, stdout=log, stderr=log
        )
        peak, done = [0.0], threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, peak, done))
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        done.set()
        watcher.join()
    if status:
        raise RuntimeError(f"{command} failed; see {folder / 'log.txt'}")
    return Cost(time.monotonic() - started, used.ru_utime + used.ru_stime, peak[0])


def _watch(process: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.2):
        with suppress(psutil.Error):  # one has ended
            own = psutil.Process(process)
            every = [own, *own.children(recursive=True)]
            at_once = sum(each.memory_full_info().pss for each in every)
            peak[0] = max(peak[0], at_once / 2**20)


def grown(
    of: Sources, notes: int, folder: Path, settings: Params, without: Sequence[str]
) -> dict[str, tuple[int, Cost]]:
    """Makes a corpus and runs all stages on it: by stage, the notes of the corpus and what it took."""
    if not (folder / "raw").exists():
        make_corpus(of, notes, folder / "raw")
    tree = settings.model_dump()
    share = min(SHARE, HELD_OUT / notes)
    tree["split"] |= {"val_fraction": share, "test_fraction": share}
    tree["ingest"]["cache_mb"] = 0  # all is read anew
    (folder / "params.yaml").write_text(json.dumps(tree), encoding="utf-8")
    costs = {}
    for stage in (stage for stage in STAGES if stage not in without):
        cost = measured(STAGES[stage], folder)
        read = json.loads((folder / "ingest.json").read_text())["notes"]
        costs[stage] = read, cost
        numbers = f"{cost.seconds:.1f} s, {cost.cpu_seconds:.1f} CPU-s, {cost.peak_mb:,.0f} MB"
        print(f"{stage}, {read:,} notes: {numbers}", file=sys.stderr, flush=True)
    return costs


def rows(small: dict[str, tuple[int, Cost]], large: dict[str, tuple[int, Cost]]) -> list[list[str]]:
    """The rows of the table."""
    table = []
    for stage, (notes, cost) in large.items():
        fewer, before = small[stage]
        growth = cost.cpu_seconds / notes / (before.cpu_seconds / fewer)
        for n, of, times in ((fewer, before, ""), (notes, cost, f"{growth:.2f} times")):
            numbers = f"{of.seconds:.1f}", f"{of.cpu_seconds:.1f}", f"{of.peak_mb:,.0f}"
            table.append([stage, f"{n:,}", *numbers, times])
    return table


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=1_000_000)
    parser.add_argument("--of", nargs="+", type=Path, default=list(_SOURCES), metavar="PATH")
    parser.add_argument("--at", type=Path, help="where the corpora are made, and are again")
    parser.add_argument("--without", nargs="+", choices=list(STAGES), default=[])
    options = parser.parse_args()
    settings, of = params.load(_ROOT / "params.yaml"), sources(options.of)
    with tempfile.TemporaryDirectory(prefix="tonerow-") as temporary:
        home = (options.at or Path(temporary)).absolute()
        small, large = (
            grown(of, notes, home / f"{notes}", settings, options.without)
            for notes in (options.notes // 10, options.notes)
        )
    print(markdown(HEAD, rows(small, large)))


if __name__ == "__main__":
    main()
