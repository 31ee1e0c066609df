"""ABC notation to scores: `decode` a file, `split_tunes`, `parse_tune`, `play`; see README.md."""

from tonerow.abc_notation.playing import play
from tonerow.abc_notation.reading import parse_tune, read_tune, split_tunes
from tonerow.abc_notation.text import decode
from tonerow.abc_notation.written import Tune

__all__ = ["Tune", "decode", "parse_tune", "play", "read_tune", "split_tunes"]
