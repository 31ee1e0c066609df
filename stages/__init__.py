"""Thin entry points of the pipeline, one module per stage: ``python -m stages.train``.

A queued experiment runs in a snapshot of the repository, while an editable install points at the
user's checkout: the snapshot's own ``src`` goes first, so that a run uses the code it was queued with.
"""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

_REMEDIES = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "your share of the disk is used up; make room",
    errno.EFBIG: "a file may not become so large; raise the limit",
    errno.EROFS: "this disk may only be read; work in a folder that you may write",
    errno.EACCES: "you may not do that there; change the rights, or work in a folder of yours",
    errno.EPERM: "you may not do that there; change the rights, or work in a folder of yours",
    errno.ENOTDIR: "there is a file where a folder should be; move it away",
    errno.EEXIST: "there is a file where a folder should be; move it away",
    errno.EISDIR: "there is a folder where a file should be; move it away",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
}


def run(main: Callable[[], None], *expected: type[Exception]) -> None:
    """Runs a stage; an expected error, or one of the disk or memory, ends it with a sentence."""
    stage = Path(sys.argv[0]).stem
    try:
        main()
    except expected as error:
        sys.exit(str(error))
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{stage}: {where}{_REMEDIES[error.errno]}, then `dvc repro` goes on from here")
    except MemoryError:
        sys.exit(
            f"{stage}: the memory is full; end other programs, or take fewer or shorter pieces"
        )
    except KeyboardInterrupt:
        sys.exit(f"{stage}: interrupted; `dvc repro` goes on from here")
