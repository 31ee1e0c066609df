"""Raw files to the piece and note tables: ``python -m stages.ingest RAW OUT METRICS``."""

import json
import sys
from pathlib import Path

from tonerow import params
from tonerow.ingest.dispatch import EmptyCorpusError, ingest


def main() -> None:
    """Reads every file and writes both tables and the account of them."""
    raw, out, metrics = (Path(path) for path in sys.argv[1:])
    try:
        account = ingest(raw, out, params.load().ingest)
    except (params.ParamsError, EmptyCorpusError) as error:
        sys.exit(str(error))
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(json.dumps(account, indent=2) + "\n", encoding="utf-8")
    print(
        f"ingest: {account['kept']:,} of {account['pieces']:,} pieces, {account['notes']:,} notes"
    )
    for reason, count in account["refused_because"].items():
        print(f"  refused, {reason.replace('_', ' ')}: {count:,}")


if __name__ == "__main__":
    main()
