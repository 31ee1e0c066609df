"""Refuses a ``params.yaml`` that makes no sense: ``python -m stages.check OUT``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params


def main() -> None:
    """Validates every section and writes a constant, so that a valid edit re-runs nothing."""
    params.check_paths(params.load())
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("params.yaml is valid\n", encoding="utf-8")


if __name__ == "__main__":
    run(main, params.ParamsError)
