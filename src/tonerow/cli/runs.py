"""One page to hear several runs with: ``python -m tonerow.cli.runs [NAME ...]``.

The names are those of `tonerow.tracking.comparison`; of each row it takes the samples of the latest run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tonerow import params, tracking
from tonerow.listening.page import merge_pages
from tonerow.tracking import comparison

OUT = Path("data/listen.html")


def main() -> None:
    """Writes the page."""
    settings = params.load()
    rows = comparison.chosen(settings, sys.argv[1:])
    with TemporaryDirectory() as folder:
        pages: dict[str, Path] = {}
        for name, (newest, *_) in rows.items():
            own = Path(folder) / name
            own.mkdir()
            if page := tracking.page(settings, newest["run_id"], own):
                pages[name] = page
            else:
                print(f"{name}: its samples were written without a page", file=sys.stderr)
        if not pages:
            sys.exit("no run has a page of samples; `dvc repro` writes one")
        merge_pages(OUT, pages)
    print(f"hear them: {OUT}")


if __name__ == "__main__":
    main()
