"""Turns notes and ABC text into model fields: ``python -m stages.tokenize INTERIM SPLITS OUT``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params
from tonerow.tokens import corpus


def main() -> None:
    """Fits on the train pieces, writes the fields of every piece, prints a summary."""
    interim, splits, out = (Path(argument) for argument in sys.argv[1:])
    print(corpus.tokenize(interim, splits, out, params.load().tokenize))


if __name__ == "__main__":
    run(main, params.ParamsError)
