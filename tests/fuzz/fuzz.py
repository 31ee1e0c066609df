"""Feeds mutated real files to the readers: ``python -m tests.fuzz.fuzz [FOLDER ...]``.

Each input must end in notes that keep every invariant or in a refusal, within a time and a memory
limit. What does not is kept in ``.fuzz/``; make a small fixture of it in ``tests/fuzz/found/``.
An input is known by its number: ``--only 4711`` makes and reads that one again.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from random import Random

from tests.fuzz.checks import check_abc, check_archive, check_midi, time_limit
from tests.fuzz.mutate import mutated_abc, mutated_archive, mutated_midi
from tonerow.abc_notation.reading import split_tunes
from tonerow.abc_notation.text import decode
from tonerow.corpora.kinds import kind_of
from tonerow.notes.score import UnreadableError
from tonerow.progress import progress

CORPUS = Path(__file__).parent.parent / "corpus"
LARGEST = 20_000  # bytes of a file to begin with: many small inputs find more than few large ones
MEMORY = 4 * 2**30
LIMIT_SEC = 10.0


def files_to_begin_with(folders: list[Path]) -> tuple[list[bytes], list[bytes]]:
    """Small MIDI files and single ABC tunes."""
    midi, abc = [], []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            data = path.read_bytes() if kind_of(path.name) in ("midi", "abc") else b""
            if kind_of(path.name) == "abc":
                try:
                    abc += [text.encode() for text in split_tunes(decode(data))]
                except UnreadableError:
                    abc.append(data)
            elif data:
                midi.append(data)
    return [d for d in midi if len(d) <= LARGEST], [d for d in abc if len(d) <= LARGEST]


class Fuzzer:
    """Makes inputs by number and checks them."""

    def __init__(self, midi: list[bytes], abc: list[bytes], seed: int, folder: Path) -> None:
        self._midi, self._abc, self._seed, self._folder = midi, abc, seed, folder

    def make(self, number: int) -> tuple[str, bytes]:
        """The name and the bytes of an input."""
        rng = Random(f"{self._seed} {number}")
        if number % 20 == 0:
            return mutated_archive([rng.choice(self._midi)[:2000], *self._abc[:3]], rng)
        if number % 2:
            return "x.mid", mutated_midi(rng.choice(self._midi), self._midi, rng)
        return "x.abc", mutated_abc(rng.choice(self._abc), self._abc, rng)

    def check(self, name: str, data: bytes) -> str:
        """Reads an input; says what came of it."""
        if kind_of(name) != "archive":
            return check_midi(data) if name.endswith(".mid") else check_abc(data)
        file = self._folder / name
        file.write_bytes(data)
        try:
            return check_archive(file)
        finally:
            file.unlink()


def main() -> None:
    """Runs as many inputs as asked for and prints what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="with more files to begin with")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of a single input")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    music21 = find_spec("music21")
    assert music21 is not None
    assert music21.origin is not None
    tunes = Path(music21.origin).parent / "corpus" / "oneills1850"
    midi, abc = files_to_begin_with([CORPUS, tunes, *args.folders])
    print(f"beginning with {len(midi):,} MIDI files and {len(abc):,} tunes")
    numbers = range(args.inputs) if args.only is None else [args.only]
    outcomes: Counter[str] = Counter()
    slowest, failures = (0.0, -1), 0
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(midi, abc, args.seed, Path(folder))
        for number in progress(numbers, len(numbers), "fuzz", "inputs"):
            name, data = fuzzer.make(number)
            began = time.perf_counter()
            try:
                with time_limit(LIMIT_SEC):
                    outcomes[f"{name[2:]}: {fuzzer.check(name, data)}"] += 1
            except (Exception, MemoryError) as error:
                failures += 1
                kept = Path(".fuzz") / f"{args.seed}-{number}-{name}"
                kept.parent.mkdir(exist_ok=True)
                kept.write_bytes(data)
                print(f"input {number} ({kept}): {type(error).__name__}: {error}"[:400])
            slowest = max(slowest, (time.perf_counter() - began, number))
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:>9,}  {outcome}")
    print(f"{len(numbers):,} inputs, {failures} failures; slowest {slowest[0]:.2f} s: {slowest[1]}")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
