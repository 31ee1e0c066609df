"""What the commands of `tonerow` do."""

from __future__ import annotations

import argparse
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tonerow import runtime
from tonerow.cli import UsageError
from tonerow.cli.options import LONGEST, check, check_start, key_of, settings_of
from tonerow.cli.taps import TAP_BPM, rhythm_of, tapped, taps
from tonerow.corpora.kinds import kind_of
from tonerow.generation import chars, events, melody
from tonerow.generation.samples import GenerationError, Request, Samples, Start
from tonerow.generation.starts import header_of, plain, start_of
from tonerow.generation.writing import PAGE, described, pieces_of, track_of, write_music
from tonerow.listening.page import Group, Pair, summary, write_page
from tonerow.listening.sound import Sounds
from tonerow.midi.writing import playing_tempo, to_midi, write_midi
from tonerow.model_files import ModelFileError, Saved, load_model
from tonerow.models.base import Model
from tonerow.models.ngrams import NgramExperts
from tonerow.notes.table import to_table
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import VIEWS

MOST_HEARD = 40
"""Files of a folder that are rendered at once: a page takes about 1 MB for each."""


def info(options: argparse.Namespace) -> None:
    """Prints what a model file is."""
    model, about = opened(options.model)
    heard = Tokenizer.from_json(about.tokenizer).counts
    counts = sum(len(part.counts) for part in model.modules() if isinstance(part, NgramExperts))
    more = f", and {counts:,} counts of what it was trained on" if counts else ""
    print(f"{about.model}, size {about.size}: {model.n_parameters():,} numbers{more}")
    print(f"trained on {heard['pieces']:,} pieces of {about.corpus}, {heard['notes']:,} notes")
    print("  " + ", ".join(f"{name}: {value:.6g}" for name, value in about.scores.items()))
    sizes = [f"{name} (of {model.vocabularies[name].size})" for name in model.predicts]
    print(f"sees {model.conditions_on.value}; predicts {', '.join(sizes)}")
    print(f"generates from {' or '.join(STARTS[model.view])}")
    print("\n".join(f"  {name}: {value}" for name, value in about.settings.items()))


def generate(options: argparse.Namespace) -> None:
    """Writes music from what the user gives."""
    (start,) = (name for name in ALL_STARTS if getattr(options, name[2:]) is not None)
    write(options, *ready(options, start))


def tap(options: argparse.Namespace) -> None:
    """Takes a rhythm from the space bar, and writes music for it."""
    if not sys.stdin.isatty():
        raise UsageError("tap needs a terminal; elsewhere, generate --tap takes the rhythm as text")
    request, about = ready(options, "--tap")
    bpm = options.tempo or TAP_BPM
    print(f"Tap each note with the space bar, {bpm:g} beats a minute or as you like; Enter ends.")
    options.tap = rhythm_of(taps(sys.stdin.fileno()), bpm)
    print(f"--tap '{options.tap}'")
    write(options, request, about)
    show(options.out / PAGE, options.quiet)


def ready(options: argparse.Namespace, start: str) -> tuple[Request, Saved]:
    """The model and how to draw, when all that is asked for makes sense."""
    settings = settings_of(options)
    key_of(options)  # makes sense, if there is one
    model, about = opened(options.model, settings.seed)
    if start not in STARTS[model.view]:
        raise UsageError(
            f"{about.model} writes {VIEWS[model.view].label}: it starts from "
            f"{' or '.join(STARTS[model.view])}, not from {start}"
        )
    check_start(options, start)
    check(about, model.view, options)
    return Request(model, Path(), Tokenizer.from_json(about.tokenizer), settings), about


def write(options: argparse.Namespace, request: Request, about: Saved) -> None:
    """Draws samples and writes all their files."""
    settings = request.settings
    saying = described(about.model, about.size, about.corpus, request.model, settings)
    with Sounds() as sounds:
        samples, pieces = WAYS[request.model.view](options, request, sounds)
        write_music(options.out, samples, pieces, saying, settings.tempo_bpm, sounds)
    print(f"{settings.samples} samples of {len(samples.notes):,} notes in all in {options.out}")
    sizes = samples.notes.groupby("sample").size()
    if (settings.bars or settings.seconds) and (full := int((sizes == LONGEST).sum())):
        print(f"{full} end after {LONGEST:,} notes, the most that --bars and --seconds give")
    if lost := settings.samples - samples.notes["sample"].nunique():
        print(f"{lost} cannot be read as ABC: they stand there as text, without sound")
    print(f"hear them: tonerow play {options.out}")


def play(options: argparse.Namespace) -> None:
    """Opens the page of a folder of samples, or of music files that it renders."""
    what, tune = options.what, options.tune
    if tune is not None and (what.is_dir() or kind_of(what.name) != "abc"):
        raise UsageError(f"--tune is {tune}, but {what} is no file of ABC tunes")
    if (what / PAGE).is_file():
        show(what / PAGE, options.quiet)
        return
    found = list(music_in(what)) if what.is_dir() else [start_of(what, tune)]
    if not found:
        raise UsageError(f"{what} has neither {PAGE} nor a MIDI or ABC file that can be read")
    show(page_of(plain(what.resolve()), found), options.quiet)


def show(page: Path, quiet: bool) -> None:
    """Says where a page is and opens it in the browser, or only says it."""
    print(page)
    if not quiet:
        webbrowser.open(page.resolve().as_uri())


def music_in(folder: Path) -> Iterator[Start]:
    """The music of the files of a folder, up to `MOST_HEARD`; says what is left out.

    Of an ABC file it takes the first tune.
    """
    files = sorted(file for file in folder.iterdir() if kind_of(file.name) in ("midi", "abc"))
    for file in files[:MOST_HEARD]:
        try:
            yield start_of(file)
        except (GenerationError, OSError) as error:
            print(f"left out: {error}", file=sys.stderr)
    if len(files) > MOST_HEARD:
        more = len(files) - MOST_HEARD
        print(f"left out: {more} more files, after {MOST_HEARD}", file=sys.stderr)


def page_of(name: str, found: Sequence[Start]) -> Path:
    """A page to hear and see music with, in a temporary folder.

    Args:
        name: of the page.
        found: of each file.
    """
    bpm = 60.0  # a beat a second: a file's tempo may change
    out = Path(tempfile.mkdtemp(prefix="tonerow-"))
    played = []
    for i, of in enumerate(found):
        notes = to_table(of.name, of.score).to_pandas()
        seconds = {"onset_beat": notes["onset_sec"], "duration_beat": notes["duration_sec"]}
        notes = notes.assign(sample=0, nats=float("nan"), is_given=False, **seconds)
        write_midi(out / f"tune-{i:02d}.mid", notes, bpm)
        played.append((of.name, of.title, notes))
    with Sounds() as sounds:
        sounds.write(sorted(out.glob("*.mid")))
    pairs = [
        Pair(
            title,
            file if title != file else "",
            track_of(out, f"tune-{i:02d}", notes, bpm, {}),
            None,
        )
        for i, (file, title, notes) in enumerate(played)
    ]
    write_page(out / PAGE, [Group(name, {}, pairs)])
    return out / PAGE


def listen_score(options: argparse.Namespace) -> None:
    """Prints what listeners of the blind test answered."""
    try:
        print(summary(options.codes), end="")
    except ValueError as error:
        raise UsageError(str(error)) from None


Made = tuple[Samples, pd.DataFrame]
"""Samples, and the piece that they start from, see `pieces_of`."""


def recolour(options: argparse.Namespace, request: Request, sounds: Sounds) -> Made:
    """New pitches for the rhythm of a file or for a tapped one."""
    tap = options.tap is not None
    start = tapped(options.tap) if tap else start_of(options.rhythm, options.tune)
    if not tap:  # the tune itself can sound before there are new pitches
        bpm = playing_tempo(start.score.tempo_bpm, request.settings.tempo_bpm)
        sounds.begin(to_midi(melody.unchanged(request, start), bpm))
    samples = melody.from_start(request, start, told=not tap)
    return samples, pieces_of(replace(request, start=start))


def go_on(options: argparse.Namespace, request: Request, _: Sounds) -> Made:
    """What comes after the first notes of a file."""
    start = start_of(options.primer, options.tune)
    return events.from_start(request, start), pieces_of(replace(request, start=start))


def write_abc(options: argparse.Namespace, request: Request, _: Sounds) -> Made:
    """Tunes in ABC under a header."""
    header = header_of(options.header, request.tokenizer, key_of(options), options.metre)
    texts = chars.write(request, [header] * request.settings.samples)
    found = [chars.played(text, chars.most_notes(request)) for text in texts]
    notes = chars.rows(["header"] * len(texts), found, request)
    no_piece = pd.DataFrame({"title": [], "tempo_bpm": []})
    return Samples(notes, notes.head(0), {}, chars.files(texts)), no_piece


STARTS = {"melody": ("--rhythm", "--tap"), "events": ("--primer",), "chars": ("--header",)}
"""What a model of each view starts from."""
ALL_STARTS = [option for of_view in STARTS.values() for option in of_view]
WAYS: dict[str, Callable[[argparse.Namespace, Request, Sounds], Made]] = {
    "melody": recolour,
    "events": go_on,
    "chars": write_abc,
}


def opened(file: Path, seed: int = 1) -> tuple[Model, Saved]:
    """The model in a file, ready to run."""
    # steps are too small to share among threads; with one, a seed is the same music on any machine
    device = runtime.prepare("auto", 1, seed)
    if not file.is_file():
        raise UsageError(f"there is no model {file}; `dvc repro` trains one")
    try:
        return load_model(file, device)
    except ModelFileError as error:
        raise UsageError(str(error)) from None
    except Exception as error:  # torch has a dozen ways to say that a file is not its own
        raise UsageError(f"{file} is no model of tonerow's ({type(error).__name__})") from None
