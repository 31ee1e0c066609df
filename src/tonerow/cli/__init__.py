"""`tonerow`: music from a trained model, on the command line, without DVC."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

MODEL = Path("data/model/model.pt")
DEFAULTS = {"temperature": 0.9, "top_k": 0, "top_p": 0.95, "repeat_decay": 0.0}
"""How samples are drawn: as in the shipped ``params.yaml``."""


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
        help="write new pitches for the rhythm of your tune",
        description="Reads the melody line of a MIDI or ABC file, keeps its rhythm and lets the model "
        "choose new pitches. Writes each sample as MIDI, your line beside it, and a picture of all.",
    )
    add = make.add_argument
    add("--rhythm", type=Path, required=True, metavar="FILE", help="MIDI or ABC file")
    add("--out", type=Path, required=True, metavar="FOLDER", help="where to; made if it is missing")
    add("--model", type=Path, default=MODEL, help="default: %(default)s")
    add("--tune", type=int, default=1, metavar="N", help="the N-th tune of an ABC file (1)")
    add("--samples", type=int, default=4, help="how many samples (%(default)s)")
    add("--notes", type=int, default=400, help="of the line, at most (%(default)s)")
    add("--seed", type=int, default=1, help="another seed is other music (%(default)s)")
    add("--temperature", type=float, help="below 1 plays safe (%(default)s)")
    add("--top-k", type=int, metavar="K", help="keep the K likeliest pitches; 0: all (%(default)s)")
    add("--top-p", type=float, metavar="P", help="keep the likeliest, P together (%(default)s)")
    add("--repeat-decay", type=float, metavar="D", help="0-1: avoid repeated notes (%(default)s)")
    add("--tempo", type=float, metavar="BPM", help="quarter notes a minute (the file's own)")
    make.set_defaults(**DEFAULTS)
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; what cannot be done ends with a sentence and exit code 2."""
    options = parser().parse_args(arguments)
    from tonerow.cli import commands  # noqa: PLC0415 (loads torch: --help need not wait for it)

    try:
        getattr(commands, options.command)(options)
    except (commands.UsageError, OSError) as error:
        print(f"tonerow: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
