"""Sets the task of the write-up behind `lstm_full` on MAESTRO: the pitches of slices of 64 notes.

Run `python benchmarks/write_up.py PATH [--models lstm_full lstm_local] [--notes 290000]`; PATH is what
`corpora.maestro.path` takes. The write-up trained for 400 epochs, in each on one random slice of every
piece: 1,148 pieces x 64 notes x 400 = 29.4 million notes. A hundredth of them is the budget here. It
held out every tenth file; here that is one split, and works, as everywhere in this project, the other.

Test is a tenth of the notes and the side that is reported; it chooses nothing. Val, which chooses the
epoch and fits the counting models, is a fiftieth and not a tenth, so that train is about as large as
theirs. Every test note is scored once, in slices that see the one note before them and nothing else of
the piece: `evaluate` with a window and a stride of 64 makes a window's notes and, as `before`, the one
in front, and the model begins anew. The last window of a piece reaches back over notes that the one
before has scored, to be as long. The write-up scored one random slice of each piece. Beside the models
stand n-grams and rivals that are asked the same slices (`tonerow.evaluation.slices`).
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tonerow import params, splitting
from tonerow.evaluation.baselines import melody_lines
from tonerow.evaluation.counting import RIVALS
from tonerow.evaluation.intervals import over_works, read_works
from tonerow.evaluation.note_scores import NoteScores
from tonerow.evaluation.rivalry import SEES_AS_MUCH
from tonerow.evaluation.slices import Slices, ngrams, rivals
from tonerow.models import find
from tonerow.notes.splits import SPLITS
from tonerow.params import Params
from tonerow.trials import Trained, cell, markdown, read, tokenized, trained
from tonerow.views import VIEWS, Pieces
from tonerow.windows import training_windows

PUBLISHED = "`lstm_full` as published, 400 epochs"
PUBLISHED_MEANS = "2.432 / 0.412"
"""Nats (2.4319) and accuracy (0.4123) on the side held out, from the study that docs/models.md names."""

VAL_FRACTION = 0.02
EPOCHS = 4
"""At least; val chooses one of them. Together they learn from the notes that are asked for."""

AVERAGE = 100
"""Updates that the mean of the weights goes back, at most: there are few."""

NAMED_ORDER = 8
COUNTED = tuple(r for r in RIVALS if r.name in ("pitch_distance", "pitch_rhythm_distance"))

DIFFERENCES = """
Every model sees the slice alone: "pitch" is that of the notes before, as far as the slice and the one
note before it go; "rhythm" is that and the rhythm of the whole slice. Intervals are over works, also
where files were split. What differs from the write-up:

- Files: those that PATH has (counted above) of MAESTRO's 1,276; it had 1,275, and held 127 out.
- Its figure is of the side that was watched while training, and of one random slice of each piece
  (127 x 64 = 8,128 notes), so that pieces count alike: "mean over pieces" (nats / accuracy) is what
  such a draw gives on average. Here test chooses nothing, and all its slices are scored.
- Of the notes 88 % are train, 2 % val and 10 % test; it trained on 90 % of the files.
- Notes that a network learns from: about {notes:,}; it read 29.4 million. The counting models count
  all notes of train.
- Recipe: that of the size `{size}` in params.yaml, but without places and dropout, the mean of the
  weights over {average} updates at most, windows of {slice} notes, `{windows}` of a piece, for {epochs}
  epochs or more; windows in a batch: {batch_size}. It had Adam at 0.001 and batches of 64.
- Melody: the highest sounding notes; it had those that Magenta's note_seq infers. Which notes these
  are decides about all numbers.
- Before a piece's first note stands a start symbol; it had pitch 0.
"""


@dataclass(frozen=True)
class Measured:
    """One split's test side.

    Attributes:
        pieces: the test pieces.
        works: of each piece.
        scores: of each model, by name, of each test note.
        about: what was chosen, as lines.
    """

    pieces: Pieces
    works: Mapping[str, str]
    scores: Mapping[str, NoteScores]
    about: list[str]

    def cell(self, name: str, score: str, less: str | None = None) -> str:
        """The mean of a score, or of its difference from another model's, with its interval."""
        values = self.scores[name][score]
        if less is not None:
            values = values - self.scores[less][score]
        return cell(over_works(values, self.pieces.ids, self.pieces.first, self.works))

    def over_pieces(self, name: str) -> str:
        """Nats and accuracy, as means over pieces of each piece's mean."""
        first = self.pieces.first
        means = [
            float((np.add.reduceat(self.scores[name][score], first[:-1]) / np.diff(first)).mean())
            for score in ("nll", "accuracy")
        ]
        return "{:.3f} / {:.3f}".format(*means)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Says on stderr how long something took."""
    started = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def settings_for(options: argparse.Namespace, model: str, **budget: int) -> Params:
    """The settings of ``params.yaml`` for this task; `budget` is epochs and max_windows."""
    tree: dict[str, Any] = params.load().model_dump()
    tree |= {"corpus": "maestro", "model": model, "size": options.size}
    tree["corpora"]["maestro"]["path"] = options.path
    tree["split"]["val_fraction"] = VAL_FRACTION
    tree["train"] |= {"seed": options.seed, "threads": options.threads}
    tree["evaluate"] |= {"window": options.slice, "stride": options.slice}
    section = tree["models"][model][options.size]
    if "place_size" in section:
        section["place_size"] = 0  # a place in the piece says more than a slice may
    section |= {
        key: 0.0 for key in section if "dropout" in key
    }  # val is better so after few updates
    own = section["training"]
    own["average"] = min(own["average"], AVERAGE)
    own |= {"window": options.slice, "windows": options.windows} | budget
    own["batch_size"] = options.batch_size
    own |= {"patience": 0, "skip_repeats": 0.0}  # the schedule goes to its end, slices are whole
    return Params.model_validate(tree)


def budget(settings: Params, train: Pieces, notes: int) -> dict[str, int]:
    """Epochs, and windows in each, that learn from about so many notes in all."""
    every = settings.selected.training.model_copy(update={"max_windows": 0})
    windows = training_windows(train, every, np.random.default_rng(0))
    in_epoch = sum(window.length for window in windows)
    epochs = max(EPOCHS, math.ceil(notes / in_epoch))
    return {"epochs": epochs, "max_windows": round(notes / epochs * len(windows) / in_epoch)}


def network(model: str, tokens: Path, options: argparse.Namespace) -> Trained:
    """Trains a model within the budget and scores test."""
    settings = settings_for(options, model)
    train = VIEWS["melody"].load(tokens, "train")
    return trained(tokens, settings_for(options, model, **budget(settings, train, options.notes)))


def about(name: str, of: Trained) -> str:
    """What a training was."""
    row = of.progress.summary()
    return (
        f"`{name}`: {of.model.n_parameters():,} parameters, {of.progress.notes:,} notes learned from, "
        f"epoch {of.progress.best_epoch} of {of.progress.epoch} chosen; train {row['train_nll']:.3f}, "
        f"val {row['val_nll']:.3f}"
    )


def measured(method: str, interim: Path, folder: Path, options: argparse.Namespace) -> Measured:
    """Splits the corpus, and fits and scores every model."""
    settings = settings_for(options, options.models[0])
    with timed(f"{method}: split and tokens"):
        sides, summary = splitting.split(
            interim, settings.split.model_copy(update={"method": method})
        )
        tokens = tokenized(interim, sides, folder, settings)
    pieces = {side: VIEWS["melody"].load(tokens, side) for side in SPLITS}
    lines = {side: melody_lines(tokens, side) for side in SPLITS}
    val, test = (Slices.of(pieces[side], lines[side], options.slice) for side in ("val", "test"))
    scores, said = {}, [sizes(method, summary, pieces)]
    for model in options.models:
        with timed(f"{method}: {model}"):
            of = network(model, tokens, options)
        own = of.test.fields["pitch"]
        scores[model] = {"nll": own["nats"].astype(float), "accuracy": own["hit"].astype(float)}
        said.append(about(model, of))
    with timed(f"{method}: n-grams"):
        orders = settings.evaluate.ngram_orders
        for name, baseline in ngrams(lines["train"], val, test, orders, NAMED_ORDER).items():
            scores[name] = baseline.scores["test"]
            said.append(f"`{name}`: " + ", ".join(f"{k} {v:g}" for k, v in baseline.chosen.items()))
    with timed(f"{method}: rivals"):
        scores |= rivals(lines["train"], val, test, COUNTED)
    return Measured(pieces["test"], read_works(folder / "splits"), scores, said)


def sizes(method: str, summary: Mapping[str, Any], pieces: Mapping[str, Pieces]) -> str:
    """What the sides of a split hold."""
    sides = "; ".join(
        f"{side} {len(own.ids)} pieces of {summary[side]['works']} works, {own.n_notes:,} notes"
        for side, own in pieces.items()
    )
    shared = summary["audit"]["test_notes_shared_with_train"]
    return f"{sides}; {shared:.1%} of test's notes lie in runs of 16 intervals that train has too"


def rows(found: Mapping[str, Measured], options: argparse.Namespace) -> Iterator[list[str]]:
    """One row a model."""
    sees = {rival.name: rival.sees for rival in COUNTED}
    sees |= {model: SEES_AS_MUCH[find(model).conditions_on] for model in options.models}
    for name in next(iter(found.values())).scores:
        row = [f"`{name}`", sees.get(name, "pitch")]
        for own in found.values():
            less = [
                own.cell(model, "nll", name) if model != name else "" for model in options.models
            ]
            accuracy = own.scores[name]["accuracy"].mean()
            row += [own.cell(name, "nll"), f"{accuracy:.3f}", own.over_pieces(name), *less]
        yield row


def table(found: Mapping[str, Measured], options: argparse.Namespace) -> str:
    """The Markdown table, the published figure first."""
    head, published = ["model", "sees"], [PUBLISHED, "rhythm"]
    for method in found:
        head += [f"split by {method}: nats", "accuracy", "mean over pieces"]
        head += [f"{model} minus it" for model in options.models]
        own = PUBLISHED_MEANS if method == "file" else ""
        published += ["", "", own, *("" for _ in options.models)]
    return markdown(head, [published, *rows(found, options)])


def parsed() -> argparse.Namespace:
    """What is asked for."""
    settings = params.load()
    lines = [name for name in settings.models if find(name).view == "melody"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="the MAESTRO archive, or the folder that it unpacks to")
    parser.add_argument("--models", nargs="+", choices=lines, default=["lstm_full"])
    parser.add_argument("--size", default="small", help="of the models, as in params.yaml")
    parser.add_argument(
        "--windows", choices=["all", "one"], default="all", help="as in params.yaml"
    )
    parser.add_argument("--notes", type=int, default=290_000, help="to learn from, in all")
    parser.add_argument(
        "--batch-size",
        type=int,
        default=4,
        help="windows in an update; val chose it for lstm_local",
    )
    parser.add_argument("--slice", type=int, default=64, help="notes")
    parser.add_argument("--splits", nargs="+", choices=["file", "work"], default=["file", "work"])
    parser.add_argument("--seed", type=int, default=1, help="of weights and windows")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for what was read, used if it is there")
    return parser.parse_args()


def main() -> None:
    """Prints the table, and what it is about."""
    options = parsed()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        if not (folder / "interim/notes.parquet").exists():
            with timed("reading"):
                read(settings_for(options, options.models[0]), folder)
        found = {}
        for method in options.splits:
            found[method] = measured(method, folder / "interim", Path(temporary) / method, options)
    print(table(found, options))
    for method, own in found.items():
        print(f"\nSplit by {method}:\n\n" + "\n".join(f"- {line}" for line in own.about))
    said = {"epochs": EPOCHS, "average": AVERAGE}
    print(DIFFERENCES.format(**vars(options) | said))


if __name__ == "__main__":
    main()
