"""Raw files to the piece and note tables: ``python -m stages.ingest RAW OUT METRICS``."""

import os
import signal
import sys
from pathlib import Path

from stages import run
from tonerow import params, reports
from tonerow.ingest import dispatch
from tonerow.ingest.workers.isolation import BrokenReaderError
from tonerow.ingest.workers.pool import BackendError


def main() -> None:
    """Reads every file and writes both tables and the account of them."""
    raw, out, metrics = (Path(path) for path in sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ingest: stopped"))  # by the way of Ctrl-C
    cache = Path(os.environ.get("DVC_ROOT", ".")) / ".ingest-cache"  # outlives experiments' copies
    try:
        account = dispatch.ingest(raw, out, params.load().ingest, cache)
    except dispatch.TooManyRefusedError as error:
        reports.write_json(metrics, error.account)
        raise
    reports.write_json(metrics, account)
    print(dispatch.described(account))


if __name__ == "__main__":
    run(main, params.ParamsError, dispatch.IngestError, BackendError, BrokenReaderError)
