"""Measures what makes pieces one work: how many each rule joins, and how many by chance.

Run `python benchmarks/works.py [--interim data/interim] [--show 20]`; the pieces are those of
`dvc repro ingest`. The rules are those of the split, and that on the beats with other settings too. Of
each are printed: the works that are left and the largest one, the pairs of pieces that it joins beyond
titles as written and runs of all notes, and as many pairs of a piece and another one read backwards,
which nobody plays. `--show` prints titles that the rules of `params.yaml` join, to be judged by eye.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tonerow import params
from tonerow.notes.runs import Ints
from tonerow.splitting.beats import LEAST_RUNS, alike
from tonerow.splitting.melodic_runs import Lines, distinct_lines
from tonerow.splitting.works import LONG_LINE, assign, read_beats, read_lines, read_pieces, works


def both_ways(beats: Lines) -> Lines:
    """The pieces, then the same pieces backwards."""
    lines = beats.of_each_piece()
    return distinct_lines((0, line) for line in lines + [line[::-1] for line in lines])


def beyond(pairs: Ints, work: Ints) -> tuple[Ints, int]:
    """The pairs that join two works, and how many of them join a piece and one backwards."""
    first, second = pairs.T
    n = len(work)
    new = pairs[work[first % n] != work[second % n]]
    backwards = (new >= n).any(axis=1) & (new < n).any(axis=1)
    return new[(new < n).all(axis=1)], int(backwards.sum() + 1) // 2


def described(name: str, work: Ints, joined: int, chance: str = "") -> None:
    """Prints a line of the table."""
    largest = " ".join(map(str, np.sort(np.bincount(work))[:-4:-1]))
    print(f"{name:30} {len(np.unique(work)):6} {largest:>14} {joined:7} {chance:>10}")


def main() -> None:
    """Prints the table, and how many pieces change sides."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interim", type=Path, default=Path("data/interim"))
    parser.add_argument("--show", type=int, default=0, help="so many joined pairs of titles")
    options = parser.parse_args()
    settings = params.load().split
    pieces = read_pieces(options.interim / "pieces.parquet")
    lines = read_lines(options.interim / "notes.parquet", pieces.ids)
    beats = read_beats(options.interim / "notes.parquet", pieces)
    both = both_ways(beats)
    titles = [{key for key in own if not key.startswith("spelling:")} for own in pieces.keys]
    run = settings.shared_run, settings.shared_fraction

    print(f"{'rule':30} {'works':>6} {'largest':>14} {'joined':>7} {'by chance':>10}")
    as_written = works(titles, lines, *run)
    described("titles as written, all notes", as_written, 0)
    spelt = works(pieces.keys, lines, *run)
    described("and spellings", spelt, len(np.unique(as_written)) - len(np.unique(spelt)))
    chosen = settings.beat_run or 6, settings.beat_fraction
    rules = [(5, 0.2), (6, 0.1), (6, 0.2), (6, 0.3), (8, 0.2)]
    for rule in dict.fromkeys([chosen, *rules]):
        joined, chance = beyond(alike(both, *rule, LONG_LINE), as_written)
        work = works(pieces.keys, lines, *run, joined)
        described(
            f"and beats: {rule[0]}, {rule[1]}, {LEAST_RUNS} runs", work, len(joined), str(chance)
        )

    joined, _ = beyond(alike(beats, *chosen, LONG_LINE), as_written)
    work = works(pieces.keys, lines, *run, joined)
    fractions = settings.val_fraction, settings.test_fraction, settings.seed
    before, after = (
        assign([pieces.ids[i] for i in own], lines.n_notes, *fractions)
        for own in (as_written, work)
    )
    train = np.unique(work[before == "train"])
    leaks = (before == "test") & np.isin(work, train)
    print(f"{(before != after).sum()} of {len(work)} pieces change sides; before,")
    print(f"{leaks.sum()} of {(before == 'test').sum()} in test were of a work that train had too")
    for one, other in np.random.default_rng(0).permutation(joined)[: options.show]:
        print(" ~ ".join(max(titles[piece]) for piece in sorted((one, other))))


if __name__ == "__main__":
    main()
