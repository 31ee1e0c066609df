"""ABC notation to scores: `decode` a file, `split_tunes`, `read_tune`."""

from tonerow.abc_notation.reading import (
    Tune,
    decode,
    parse_tune,
    read_tune,
    split_tunes,
)

__all__ = ["Tune", "decode", "parse_tune", "read_tune", "split_tunes"]
