"""Where raw files come from: one entry per corpus.

A corpus is a function ``fetch(settings, out, root)`` that fills the folder `out` with raw files as
found; `settings` is its section in ``params.yaml``. A new one needs such a function, a line in
`CORPORA`, a section in `tonerow.params.Corpora` and its name in `tonerow.params.Params.corpus`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tonerow.corpora import folder, folk, maestro
from tonerow.corpora.copying import Fetched, FetchError
from tonerow.params import Params

CORPORA: dict[str, Callable[[Any, Path, Path], Fetched]] = {
    "folk": folk.fetch,
    "folder": folder.fetch,
    "maestro": maestro.fetch,
}

__all__ = ["CORPORA", "FetchError", "Fetched", "fetch"]


def fetch(params: Params, out: Path, root: Path) -> Fetched:
    """Fills a folder with the raw files of the selected corpus.

    Args:
        params: names the corpus and holds its settings.
        out: the folder; made if it does not exist.
        root: of the user's checkout, where downloads are kept (below ``.downloads``).

    Returns:
        What was copied and what was not.

    Raises:
        FetchError: the corpus is not to be had; the message says what to do.
    """
    out.mkdir(parents=True, exist_ok=True)
    return CORPORA[params.corpus](getattr(params.corpora, params.corpus), out, root)
