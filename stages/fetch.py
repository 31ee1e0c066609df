"""Fills the folder of raw files: ``python -m stages.fetch OUT``."""

import os
import sys
from pathlib import Path

from tonerow import corpora, params


def main() -> None:
    """Copies or downloads the selected corpus."""
    # Downloads outlive the run: in a queued experiment the root is not the current folder.
    root = Path(os.environ.get("DVC_ROOT", "."))
    try:
        fetched = corpora.fetch(params.load(), Path(sys.argv[1]), root)
    except (params.ParamsError, corpora.FetchError) as error:
        sys.exit(str(error))
    print(fetched.summary())


if __name__ == "__main__":
    main()
