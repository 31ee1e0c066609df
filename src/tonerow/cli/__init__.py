"""`tonerow`: music from a trained model, on the command line, without DVC."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

MODEL = Path("data/model/model.pt")
DEFAULTS = {"seed": 1, "temperature": 0.9, "top_k": 0, "top_p": 0.95, "min_p": 0.0}
DEFAULTS |= {"repeat_decay": 0.0}
"""How samples are drawn: as in the shipped ``params.yaml``."""
DRAWN = {
    "seed": ("N", "another seed is other music"),
    "temperature": ("T", "below 1 plays safe"),
    "top_k": ("K", "keep the K likeliest pitches; 0: all"),
    "top_p": ("P", "keep the likeliest, P together"),
    "min_p": ("P", "keep what is P times the likeliest"),
    "repeat_decay": ("D", "0-1: avoid repeated notes"),
}
"""What each of them says in the help."""
SAMPLES, NOTES, CHARACTERS, PRIMER_NOTES = 4, 400, 2000, 32
"""How many, how long, and how much of a primer, unless options say otherwise."""
MODES = {"major": "", "minor": "m", "dorian": "dor", "mixolydian": "mix"}
MODES |= {"lydian": "lyd", "phrygian": "phr", "locrian": "loc"}
"""As they stand behind the tonic in ABC."""

GENERATE = """
What it starts from depends on the model (`tonerow info` says it of yours):
  a model that gives pitches to a rhythm     --rhythm FILE or --tap PAIRS
  a model of whole notes                     --primer FILE
  a model of ABC text                        --header FIELDS
Writes each sample as MIDI and MP3, your tune beside them, and a page to look at and listen to.

How much it writes: --notes, --bars or --seconds, of your notes and its own together. A bar is one of
your file's first metre, or 4 beats if it states none; an upbeat is not counted. A note that sounds
beyond the end is cut there. In ABC text, a bar is what stands before a bar line; it has no seconds.

Models of notes read neither key nor metre: they hear the key, and count places in the bar from the
beginning, in threes and fours at once. So begin with the upbeat: in --tap a rest first moves it.
"""


class UsageError(RuntimeError):
    """What is asked for cannot be done; the message says why."""


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="tonerow", description="Music from a model that tonerow has trained."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    info = commands.add_parser("info", help="say what a model file is")
    info.add_argument("model", type=Path, nargs="?", default=MODEL, help="default: %(default)s")
    make = commands.add_parser(
        "generate",
        help="write music from your tune, your rhythm or your header",
        description=GENERATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_start(make)
    tap = commands.add_parser("tap", help="tap a rhythm with the space bar and get pitches for it")
    _add_drawing(make, has_text=True)
    _add_drawing(tap, has_text=False)
    play = commands.add_parser(
        "play", help="hear samples, or MIDI and ABC files (a folder: the first tune of each)"
    )
    play.add_argument("what", type=Path, metavar="FILE|FOLDER", help="what to hear")
    play.add_argument("--tune", type=int, metavar="N", help="the N-th of an ABC file (1)")
    for command in (tap, play):
        command.add_argument(
            "--quiet", action="store_true", help="open no browser: print where the page is"
        )
    score = commands.add_parser("listen-score", help="add up the codes of the blind test")
    score.add_argument("codes", nargs="+", metavar="CODE", help="one for each listener")
    return top


def _add_start(make: argparse.ArgumentParser) -> None:
    """Adds what to start from."""
    start = make.add_argument_group("start").add_mutually_exclusive_group(required=True)
    add = start.add_argument
    add("--rhythm", type=Path, metavar="FILE", help="new pitches for a melody line (MIDI or ABC)")
    add("--tap", metavar="PAIRS", help="the same for '0 .5, 0 .5, .5 1': beats of rest, then sound")
    add(
        "--primer", type=Path, metavar="FILE", help="go on from a piece's first notes (MIDI or ABC)"
    )
    add(
        "--header",
        nargs="?",
        const="",
        metavar="FIELDS",
        help="an ABC tune for fields such as 'R:jig M:6/8 K:D'; they may stand in --key and --metre",
    )
    add = make.add_argument
    add("--tune", type=int, metavar="N", help="the N-th tune of an ABC file (1)")
    add("--primer-notes", type=int, metavar="N", help=f"of the piece ({PRIMER_NOTES})")
    add("--key", metavar="TONIC", help="of an ABC tune, as D, F# or Bb: its K: (that of --header)")
    add("--mode", choices=MODES, help=f"of the key: {', '.join(MODES)} (major)")
    add(
        "--metre",
        metavar="M",
        help="of an ABC tune, as 6/8 or C|: its M: (that of --header, or none)",
    )


def _add_drawing(make: argparse.ArgumentParser, has_text: bool) -> None:
    """Adds where to write, and how to draw; of text too, or of notes alone."""
    add = make.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="where to; made if it is missing")
    add("--model", type=Path, default=MODEL, help="default: %(default)s")
    length = make.add_argument_group("how much")
    add = length.add_mutually_exclusive_group().add_argument
    add("--notes", type=int, metavar="N", help=f"of a sample, at most ({NOTES})")
    add("--bars", type=int, metavar="N", help="of a sample, at most, an upbeat not counted")
    add("--seconds", type=float, metavar="S", help="of a sample, at most, as it is played")
    add = length.add_argument
    if has_text:
        add("--characters", type=int, help=f"of an ABC tune, at most ({CHARACTERS})")
    add("--samples", type=int, help=f"how many samples ({SAMPLES}; with --beam 1)")
    add = make.add_argument_group("pitches").add_argument
    add("--hints", metavar="PITCHES", help="first pitches, as '62 66 69' (none)")
    add("--range", metavar="LOW-HIGH", help="pitches to draw from (0-127)")
    add(
        "--beam",
        type=int,
        metavar="K",
        help="do not draw: search for the most probable pitches of the whole line, following the K "
        "likeliest beginnings; the more, the more monotonous",
    )
    add("--instrument", type=int, metavar="N", help="General MIDI, 0-127; 73: flute (0)")
    add("--tempo", type=float, metavar="BPM", help="quarter notes a minute (the file's own)")
    add = make.add_argument_group("drawing (not with --beam)").add_argument
    for name, default in DEFAULTS.items():  # None stands for it: what is given can be told from it
        metavar, says = DRAWN[name]
        says = f"{says} ({default})"
        add(f"--{name.replace('_', '-')}", type=type(default), metavar=metavar, help=says)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; what cannot be done ends with a sentence and exit code 2."""
    options = parser().parse_args(arguments)
    gc.disable()  # what imports make stays: to look for garbage among it takes a tenth of their time
    from tonerow.cli import commands  # noqa: PLC0415 (loads torch: --help need not wait for it)
    from tonerow.generation import GenerationError  # noqa: PLC0415 (the same)

    gc.enable()
    try:
        getattr(commands, options.command.replace("-", "_"))(options)
    except (UsageError, GenerationError, OSError) as error:
        print(f"tonerow: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
