"""The architectures: one file each, all keeping the contract of `tonerow.models.base`.

`build` is the only place that maps a name to a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonerow.models.base import Model
from tonerow.models.lstm_char import LstmChar
from tonerow.models.lstm_fields import LstmFields
from tonerow.models.lstm_full import LstmFull
from tonerow.models.lstm_local import LstmLocal
from tonerow.models.lstm_window import LstmWindow
from tonerow.models.rnn_heads import RnnHeads
from tonerow.models.rnn_vanilla import RnnVanilla
from tonerow.models.vocabulary import Fields

ARCHITECTURES: dict[str, type[Model]] = {
    "rnn_vanilla": RnnVanilla,
    "lstm_local": LstmLocal,
    "lstm_full": LstmFull,
    "lstm_window": LstmWindow,
    "rnn_heads": RnnHeads,
    "lstm_fields": LstmFields,
    "lstm_char": LstmChar,
}


def build(settings: Mapping[str, Any], fields: Fields) -> Model:
    """Makes an untrained model.

    Args:
        settings: `architecture` and the arguments of its class; `training` is ignored.
        fields: the vocabularies of the tokens.

    Raises:
        KeyError: there is no such architecture.
    """
    arguments = {k: v for k, v in settings.items() if k not in ("architecture", "training")}
    model = ARCHITECTURES[settings["architecture"]](fields, **arguments)
    model.vocabularies = fields
    return model
