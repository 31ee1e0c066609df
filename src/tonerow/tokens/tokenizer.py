"""The fitted `Tokenizer`: what ids and normalised values mean, as JSON on disk.

Whoever trains or generates needs this alone; how notes become ids stands in `encoding`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonerow.tokens import characters, vocabulary
from tonerow.tokens.scaling import Scaler

VERSION = 2

Array = NDArray[Any]


@dataclass(frozen=True)
class Tokenizer:
    """What was learned from the train pieces.

    Attributes:
        ticks_per_beat: finest spacing of the quantisation grid.
        max_beats: longer offsets and durations are clipped to this.
        abc_fields: header fields of the ABC text, in order.
        scalers: of step, duration, melody_rest and melody_duration, in beats, and of velocity.
        offsets: the offset vocabulary in beats, ascending, from 0; an id is an index.
        durations: the duration vocabulary in beats, ascending, > 0.
        instruments: programs 0-127 and `vocabulary.DRUMS`, ascending.
        alphabet: the characters of the train tunes, in code point order.
        counts: train pieces, notes, melody notes and tunes; notes of each instrument.
    """

    ticks_per_beat: int
    max_beats: int
    abc_fields: tuple[str, ...]
    scalers: Mapping[str, Scaler]
    offsets: tuple[float, ...]
    durations: tuple[float, ...]
    instruments: tuple[int, ...]
    alphabet: str
    counts: Mapping[str, Any]

    def decode_ids(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        """One piece's notes from its ids.

        Args:
            fields: offset_id and duration_id, int (n_notes,); instrument_id where there is one.

        Returns:
            onset_beat (from 0) and duration_beat, float64 (n_notes,), within the quantisation that
            `vocabulary` states; with instrument_id also program (0 for drums) and is_drum.

        Raises:
            IndexError: an id is outside its vocabulary.
        """
        notes: dict[str, Array] = {
            "onset_beat": np.cumsum(np.asarray(self.offsets)[fields["offset_id"]]),
            "duration_beat": np.asarray(self.durations)[fields["duration_id"]],
        }
        if "instrument_id" in fields:
            instrument = np.asarray(self.instruments)[fields["instrument_id"]]
            notes["is_drum"] = instrument == vocabulary.DRUMS
            notes["program"] = np.where(notes["is_drum"], 0, instrument)
        return notes

    def encode_text(self, text: str) -> list[int]:
        """Ids of a tune as `reduction.reduce_tune` leaves it: characters, then the end."""
        return characters.encode_text(text, self._character_ids)

    def decode_text(self, ids: Iterable[int]) -> str:
        """The characters before the end id; an unknown one reads as U+FFFD."""
        return characters.decode_text(ids, self.alphabet)

    def to_json(self) -> str:
        """The canonical JSON: keys sorted, floats as Python repeats them, one line end at the end.

        Keys are the attributes, and version; in `instruments`, drums are "drums".
        """
        content = {**asdict(self), "version": VERSION, "alphabet": list(self.alphabet)}
        content["instruments"] = ["drums" if i == vocabulary.DRUMS else i for i in self.instruments]
        text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: the text is not such JSON, or of another version.
        """
        try:
            content = json.loads(text)
            version = content.pop("version")
            if version != VERSION:
                raise ValueError(
                    f"tokenizer.json has version {version}, this code reads {VERSION}; "
                    "run the tokenize stage again"
                )
            content["scalers"] = {k: Scaler(**v) for k, v in content["scalers"].items()}
            content["alphabet"] = "".join(content["alphabet"])
            content["instruments"] = tuple(
                vocabulary.DRUMS if i == "drums" else i for i in content["instruments"]
            )
            for name in ("abc_fields", "offsets", "durations"):
                content[name] = tuple(content[name])
            return cls(**content)
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"not a tokenizer.json ({error!r}); run the tokenize stage again"
            ) from None

    def fingerprint(self) -> str:
        """The sha256 of the canonical JSON, which is that of tokenizer.json itself."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()

    @cached_property
    def _character_ids(self) -> dict[str, int]:
        return {c: i for i, c in enumerate(self.alphabet, characters.FIRST_CHARACTER)}
