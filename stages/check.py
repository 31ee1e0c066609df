"""Refuses a ``params.yaml`` that makes no sense: ``python -m stages.check OUT``."""

import sys
from pathlib import Path

from tonerow import params


def main() -> None:
    """Validates every section and writes a constant, so that a valid edit re-runs nothing."""
    try:
        settings = params.load()
    except params.ParamsError as error:
        sys.exit(str(error))
    folder = settings.corpora.folder.path
    if not Path(folder).is_dir():  # DVC watches it whatever the corpus is
        sys.exit(f"params.yaml: corpora.folder.path is {folder!r}, which is no folder")
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("params.yaml is valid\n", encoding="utf-8")


if __name__ == "__main__":
    main()
