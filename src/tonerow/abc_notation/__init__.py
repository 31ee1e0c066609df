"""ABC notation to scores: `decode` a file, `split_tunes`, `parse_tune`, `play`; see README.md."""

from tonerow.abc_notation.reading import (
    Tune,
    decode,
    parse_tune,
    play,
    read_tune,
    split_tunes,
)

__all__ = ["Tune", "decode", "parse_tune", "play", "read_tune", "split_tunes"]
