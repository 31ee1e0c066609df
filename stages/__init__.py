"""Thin entry points of the pipeline, one module per stage: ``python -m stages.train``.

A queued experiment runs in a snapshot of the repository, while an editable install points at the
user's checkout: the snapshot's own ``src`` goes first, so that a run uses the code it was queued with.
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))


def run(main: Callable[[], None], *expected: type[Exception]) -> None:
    """Runs a stage; an expected error ends it with its sentence and no traceback."""
    try:
        main()
    except expected as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(f"{Path(sys.argv[0]).stem}: interrupted; `dvc repro` goes on from here")
