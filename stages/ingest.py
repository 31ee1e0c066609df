"""Raw files to the piece and note tables: ``python -m stages.ingest RAW OUT METRICS``."""

import os
import signal
import sys
from pathlib import Path

from tonerow import params, reports
from tonerow.ingest import dispatch
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
    try:
        main()
    except (
        params.ParamsError,
        dispatch.EmptyCorpusError,
        dispatch.TooManyRefusedError,
        BackendError,
    ) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("ingest: interrupted; no table was written")
