"""Where raw files come from: one module per corpus.

A corpus is a function ``fetch(settings, out, root)`` that fills the folder `out` with raw files as
found; `settings` is its section of ``params.yaml``. A new one, say ``mine``, needs a module
``mine.py`` here with that function, a class `Mine` in `tonerow.params.corpora`, and a section
``corpora.mine`` in ``params.yaml``; each is found by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonerow.corpora.copying import Fetched, FetchError

if TYPE_CHECKING:  # whoever asks for `kinds`, as each reader of files does, needs no settings
    from tonerow.params import Params

__all__ = ["FetchError", "Fetched", "fetch", "fetcher"]


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
    fetch_corpus = fetcher(params.corpus)
    out.mkdir(parents=True, exist_ok=True)
    return fetch_corpus(params.corpus_settings, out, root)


def fetcher(corpus: str) -> Callable[[Any, Path, Path], Fetched]:
    """Returns the function `fetch` of the module that has the name of a corpus.

    Raises:
        FetchError: there is no such module here, or it has no such function.
    """
    name = f"{__name__}.{corpus}"
    function = getattr(import_module(name), "fetch", None) if find_spec(name) else None
    if function is None:
        raise FetchError(
            f"corpus is {corpus!r}, but nothing fetches it: write a function "
            f"fetch(settings, out, root) in src/tonerow/corpora/{corpus}.py"
        )
    return function  # type: ignore[no-any-return]
