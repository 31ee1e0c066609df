"""Refuses a ``params.yaml`` that makes no sense: ``python -m stages.check OUT``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params
from tonerow.corpora.kinds import kind_of


def main() -> None:
    """Validates every section and writes a constant, so that a valid edit re-runs nothing."""
    settings = params.load()
    params.check_watched_folder(settings)
    check_source(settings.generate.source)
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("params.yaml is valid\n", encoding="utf-8")


def check_source(source: str) -> None:
    """Makes sure that what samples start from is a file of music, if it is the user's own.

    Raises:
        ParamsError: ``generate.source`` is none.
    """
    if source == params.HELD_OUT:
        return
    if not Path(source).is_file() or kind_of(source) not in ("midi", "abc"):
        raise params.ParamsError(
            f"params.yaml: generate.source is {source!r}, which is no MIDI or ABC file; "
            f"{params.HELD_OUT} stands for held-out pieces"
        )


if __name__ == "__main__":
    run(main, params.ParamsError)
