"""Raw files to the piece and note tables: ``python -m stages.ingest RAW OUT METRICS``."""

import json
import os
import signal
import sys
from pathlib import Path

from tonerow import params
from tonerow.ingest import dispatch
from tonerow.ingest.workers.pool import BackendError


def main() -> None:
    """Reads every file and writes both tables and the account of them."""
    raw, out, metrics = (Path(path) for path in sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ingest: stopped"))  # by the way of Ctrl-C
    cache = Path(os.environ.get("DVC_ROOT", ".")) / ".ingest-cache"  # outlives experiments' copies
    problem = None
    try:
        account = dispatch.ingest(raw, out, params.load().ingest, cache)
    except (params.ParamsError, dispatch.EmptyCorpusError, BackendError) as error:
        sys.exit(str(error))
    except dispatch.TooManyRefusedError as error:
        account, problem = error.account, str(error)
    except KeyboardInterrupt:
        sys.exit("ingest: interrupted; no table was written")
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(json.dumps(account, indent=2) + "\n", encoding="utf-8")
    print(
        f"ingest: {account['kept']:,} of {account['pieces']:,} pieces, {account['notes']:,} notes"
    )
    for reason, count in account["refused_because"].items():
        print(f"  refused, {reason.replace('_', ' ')}: {count:,}")
    sys.exit(problem)


if __name__ == "__main__":
    main()
