"""The settings in ``params.yaml``: frozen, validated, one class for each section.

`load` refuses an unknown key, a wrong type, a value out of range or a contradiction with an error
that names the key, what was found and what is allowed. Nothing here imports the rest of the package
or anything slow, so that a typo shows within a second.

- `sections`: every section but those below, and `Params`, the whole
- `architectures`: a class for each architecture, found by name
- `corpora`: a class for each corpus, found by name
- `training`: the section `training` of every model
- `messages`: errors as sentences
"""

from tonerow.params.architectures import Architecture
from tonerow.params.corpora import Corpus
from tonerow.params.loading import ParamsError, check_watched_folder, load
from tonerow.params.sections import (
    HELD_OUT,
    Evaluate,
    Generate,
    Ingest,
    Params,
    Split,
    Tokenize,
    Track,
    Train,
)
from tonerow.params.training import Training

__all__ = [
    "HELD_OUT",
    "Architecture",
    "Corpus",
    "Evaluate",
    "Generate",
    "Ingest",
    "Params",
    "ParamsError",
    "Split",
    "Tokenize",
    "Track",
    "Train",
    "Training",
    "check_watched_folder",
    "load",
]
