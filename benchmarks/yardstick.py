"""Measures on `kinder` and `chorales` what Pearce (2005) has measured, by 10-fold cross-validation.

Run `python benchmarks/yardstick.py [--networks lstm_local rnn_heads] [--seeds 1 2 3] [--jobs 2]`. Folds
are dealt over tunes, as published, and over works, which keeps variants of one song on one side. In
each, one fold is test, one is val, and eight are train. Counting models are those of the baselines
stage; the networks are in the size for a few hundred tunes: these collections have a sixtieth of the
notes of the default corpus. The table gives bits a pitch with 95 % intervals (bootstrap over works),
beside the published figures; what differs stands below it. Of several training seeds the mean of the
nats is given, and the nats of the mean of their probabilities ("seeds mixed").
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tonerow import params
from tonerow.evaluation.counting import RIVALS, Rival
from tonerow.evaluation.cross_validation import PieceNats, counted
from tonerow.evaluation.intervals import read_works
from tonerow.evaluation.rivalry import SEES_AS_MUCH
from tonerow.models import find
from tonerow.notes.schema import SPLIT_TABLE
from tonerow.params import Params
from tonerow.progress import progress
from tonerow.splitting.folds import deal, sides
from tonerow.splitting.works import read_lines, read_pieces, works
from tonerow.trials import cell, markdown, read, settings_of, tokenized, trained
from tonerow.views import VIEWS

COUNTS = {"kinder": (213, 8393, 27), "chorales": (186, 9336, 22)}
"""Pieces, notes and different pitches; Pearce's table 4.1 has 213, 8,393, 27 and 185, 9,227, 21."""

PUBLISHED = {
    "kinder": [("PPM*, long and short term", "pitch", "2.106", "table 6.7")],
    "chorales": [
        ("PPM*, long and short term", "pitch", "2.347", "table 6.7"),
        ("9 selected viewpoints", "pitch, rhythm, bar, key, fermatas", "1.953", "table 7.3"),
        ("10 of an extended set", "pitch, rhythm, key, mode, fermatas", "1.911", "table 9.8"),
    ],
}
"""Pearce (2005): model, what it sees, bits a pitch, where it stands."""

DIFFERENCES = """
Published: M. T. Pearce, The Construction and Evaluation of Statistical Models of Melodic Structure in
Music Perception and Composition, PhD thesis, City University, London, 2005. What differs:

- Training: he trains on nine folds of tunes, dealt at random; here it is eight, and one chooses.
- His long-term model goes on learning from the test tunes, note by note ("LTM+", sections 6.3.1 and
  6.4.4); the models here learn from no test tune, and remember only the tune that they are in.
- His viewpoints see the note's own onset and duration, as rhythm is taken as given (section 7.2.3), but
  nothing of the rhythm after it; what sees `rhythm` here sees the line's rhythm to its end.
- His selected viewpoints were chosen by their bits on these very ten folds (section 7.4), and the
  weighting of long and short term by its mean over eight test sets (table 6.6). Nothing here is chosen
  on test.
- His distributions range over the pitches of the whole collection, test included (so in IDyOM's code);
  those here over all 128.
- Viewpoints of phrases read fermatas, others the key; the MIDI of the chorales has no fermatas, and no
  model here reads key or metre.
- The chorales come from another encoding, with one chorale more. Repeats stand once, as his do.
- Mean: IDyOM's code today reports the mean over pieces of each piece's mean. The thesis averages the
  cross entropies of ten folds (section 6.3.2); it leaves open whether each of them is over notes or
  over pieces.
"""


NETWORKS = "lstm_local", "rnn_heads"
"""One that is given the rhythm of the whole line, and one that knows that of the notes before."""


@dataclass(frozen=True)
class Job:
    """One fold of a corpus: what a process needs to know.

    Attributes:
        interim: folder with the corpus's tables.
        folder: for what this fold writes.
        sides: the table `SPLIT_TABLE`.
        settings: of all stages.
        rivals: counting models to fit.
        networks: settings of the models to train, by model and seed.
    """

    interim: Path
    folder: Path
    sides: pa.Table
    settings: Params
    rivals: tuple[Rival, ...]
    networks: dict[tuple[str, int], Params]


def run(job: Job) -> dict[str, PieceNats]:
    """Fits every model on one fold and scores its test tunes; silent."""
    settings = job.settings
    with contextlib.redirect_stderr(io.StringIO()):
        tokens = tokenized(job.interim, job.sides, job.folder, settings)
        nats = counted(tokens, settings.evaluate.ngram_orders, job.rivals)
        found = {
            key: trained(tokens, own).test.fields["pitch"]["nats"]
            for key, own in job.networks.items()
        }
    for name in dict.fromkeys(name for name, _ in found):
        of_seeds = {seed: own for (other, seed), own in found.items() if other == name}
        each = np.stack([*of_seeds.values()])
        if len(each) > 1:
            nats |= {f"{name}, seed {seed}": own for seed, own in of_seeds.items()}
            nats[f"{name}, seeds mixed"] = -np.log(np.exp(-each).mean(0))
        nats[name] = each.mean(0)
    test = VIEWS["melody"].load(tokens, "test")
    return {name: PieceNats.of(test.ids, test.first, own) for name, own in nats.items()}


def prepared(name: str, settings: Params, folder: Path) -> Path:
    """Fetches and reads a corpus, and checks that it is the one it should be."""
    account = read(settings.model_copy(update={"corpus": name}), folder / name)
    interim = folder / name / "interim"
    pitches = pc.count_distinct(
        pq.read_table(interim / "notes.parquet", columns=["pitch"])["pitch"]
    )
    found = (account["kept"], account["melody_notes"], pitches.as_py())
    if found != COUNTS[name]:
        sys.exit(f"{name} has {found} pieces, notes and pitches; it should have {COUNTS[name]}")
    return interim


def jobs_of(name: str, interim: Path, over: str, options: argparse.Namespace) -> Iterator[Job]:
    """The folds that are asked for."""
    settings: Params = options.settings
    pieces = read_pieces(interim / "pieces.parquet")
    lines = read_lines(interim / "notes.parquet", pieces.ids)
    work = works(pieces.keys, lines, options.run, settings.split.shared_fraction)
    work_ids = [pieces.ids[index] for index in work]
    fold = deal(work_ids if over == "works" else pieces.ids, options.folds, settings.split.seed)
    for test in range(options.tested or options.folds):
        columns = [pieces.ids, work_ids, sides(fold, test).tolist()]
        yield Job(
            interim,
            interim.parent / over / str(test),
            pa.table(columns, schema=SPLIT_TABLE),
            settings,
            options.rivals,
            options.trained,
        )


def rows(
    scores: dict[str, PieceNats], works_of: dict[str, str], over: str, options: argparse.Namespace
) -> Iterator[list[str]]:
    """One row a model; a network's says how far it is from the rival that sees as much."""
    sees = {"ngram_cache": "pitch"} | {rival.name: rival.sees for rival in options.rivals}
    rival_of = {kind: name for name, kind in sees.items()}
    total = len(works_of)
    for name, own in scores.items():
        model = name.partition(",")[0]
        is_network = model in NETWORKS
        kind = SEES_AS_MUCH[find(model).conditions_on] if is_network else sees[name]
        yield [
            f"`{model}`{name.removeprefix(model)}",
            kind,
            over if len(own.pieces) == total else f"{over}; {len(own.pieces)} of {total} scored",
            "",
            cell(own.over_notes(works_of)),
            cell(own.over_pieces(works_of)),
            cell(own.minus(scores[rival_of[kind]], works_of)) if is_network else "",
        ]


def table(name: str, measured: list[list[str]]) -> str:
    """The Markdown table of a corpus, the published figures first."""
    means = ["published", "mean over notes", "mean over pieces", "minus its rival"]
    head = ["model", "sees", "folds over", *means]
    published = [
        [f"{model} (Pearce 2005, {where})", sees, "tunes", bits, "", "", ""]
        for model, sees, bits, where in PUBLISHED[name]
    ]
    return markdown(head, [*published, *measured])


def network(name: str, size: str, seed: int) -> Params:
    """The settings of a model, with a schedule that goes to its end."""
    tree: dict[str, Any] = settings_of(
        f"{name} {size}", seed=seed, threads=1, device="cpu"
    ).model_dump()
    tree["models"][name][size]["training"]["patience"] = 0
    return Params.model_validate(tree)


def parsed() -> argparse.Namespace:
    """What is asked for, with the settings of ``params.yaml``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", nargs="+", choices=list(COUNTS), default=list(COUNTS))
    parser.add_argument("--over", nargs="+", choices=["tunes", "works"], default=["tunes", "works"])
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--tested", type=int, help="test so many of the folds only, for a trial")
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--size", default="few", help="of the networks")
    parser.add_argument("--run", type=int, default=12, help="intervals that tunes of a work share")
    parser.add_argument("--jobs", type=int, default=2, help="folds at once, on a thread each")
    options = parser.parse_args()
    # the last of each that a model here may stand beside
    strongest = {rival.sees: rival for rival in RIVALS if rival.sees != "rhythm_so_far"}
    options.rivals = tuple(dict.fromkeys([RIVALS[0], *strongest.values()]))
    options.settings = params.load()
    for name in options.networks:
        if options.size not in options.settings.models[name]:
            parser.error(f"{name} has no size {options.size}: add it to params.yaml")
    options.trained = {
        (name, seed): network(name, options.size, seed)
        for name in options.networks
        for seed in options.seeds
    }
    return options


def main() -> None:
    """Prints a table for each corpus."""
    options = parsed()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.corpora:
            interim = prepared(name, options.settings, Path(folder))
            measured: list[list[str]] = []
            for over in options.over:
                jobs = list(jobs_of(name, interim, over, options))
                work = joblib.Parallel(options.jobs, return_as="generator")
                folds = work(joblib.delayed(run)(job) for job in jobs)
                done = list(progress(folds, len(jobs), f"{name}, over {over}", "folds"))
                scores = {key: PieceNats.joined([fold[key] for fold in done]) for key in done[0]}
                works_of = dict(read_works(jobs[0].folder / "splits"))
                measured += rows(scores, works_of, over, options)
            print(f"\n## {name}: bits a pitch\n")
            print(table(name, measured), flush=True)
    print(DIFFERENCES)


if __name__ == "__main__":
    main()
