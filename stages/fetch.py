"""Fills the folder of raw files: ``python -m stages.fetch OUT``."""

import os
import sys
from pathlib import Path

from stages import run
from tonerow import corpora, params


def main() -> None:
    """Copies or downloads the selected corpus."""
    # Downloads outlive the run: in a queued experiment the root is not the current folder.
    root = Path(os.environ.get("DVC_ROOT", "."))
    print(corpora.fetch(params.load(), Path(sys.argv[1]), root).summary())


if __name__ == "__main__":
    run(main, params.ParamsError, corpora.FetchError)
