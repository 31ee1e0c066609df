"""The fit: scalers, vocabularies and alphabet from the train pieces, a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from tonerow.params import Tokenize
from tonerow.tokens import encoding, vocabulary
from tonerow.tokens.scaling import TRANSFORMS, Scaler, transformed
from tonerow.tokens.tokenizer import Tokenizer

_GROUPS = (("step", "duration", "velocity"), ("melody_rest", "melody_duration"))
"""Fields that have a value on the same notes, and so share a fit."""


@dataclass
class Fit:
    """Collects what a `Tokenizer` is made of; give it train pieces only.

    The scalers' last digits depend on how the notes are cut into chunks, so that the same chunks
    must be given for the same JSON.

    Args:
        settings: the tokenize section of the parameters.
    """

    settings: Tokenize
    characters: set[str] = field(default_factory=set)
    tunes: int = 0

    def __post_init__(self) -> None:
        self.grid = vocabulary.grid(self.settings.ticks_per_beat, self.settings.max_beats)
        self._offsets = np.zeros(len(self.grid), dtype=np.int64)
        self._durations = np.zeros(len(self.grid), dtype=np.int64)
        self._instruments = np.zeros(vocabulary.DRUMS + 1, dtype=np.int64)
        self._scalers = [StandardScaler() for _ in _GROUPS]
        self._pieces = 0
        self._melody_notes = 0

    def add_notes(self, notes: pa.Table) -> None:
        """Learns from whole pieces, with the columns that `encoding.encode` needs."""
        starts = encoding.piece_starts(notes)
        step, duration = encoding.times(notes, starts)
        rest, melody_duration = encoding.melody(notes, starts)
        on_line = ~np.isnan(rest)
        values = {
            "step": step,
            "duration": duration,
            "velocity": encoding.column(notes, "velocity"),
            "melody_rest": rest[on_line],
            "melody_duration": melody_duration[on_line],
        }
        for names, scaler in zip(_GROUPS, self._scalers, strict=True):
            columns = [transformed(TRANSFORMS[name], values[name]) for name in names]
            if len(columns[0]):
                scaler.partial_fit(np.column_stack(columns))
        offset_index, duration_index = self.on_grid(notes, starts)
        self._offsets += np.bincount(offset_index, minlength=len(self.grid))
        self._durations += np.bincount(duration_index, minlength=len(self.grid))
        self._instruments += np.bincount(
            encoding.instruments(notes), minlength=vocabulary.DRUMS + 1
        )
        self._pieces += len(starts)
        self._melody_notes += int(on_line.sum())

    def on_grid(
        self, notes: pa.Table, starts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each note's offset and duration as an index into the grid, int64 (n_notes,)."""
        gap, duration = encoding.times(notes, starts)
        offset = vocabulary.quantise_offsets(gap, starts, self.grid, self.settings.ticks_per_beat)
        return offset, 1 + vocabulary.nearest(duration, self.grid[1:])

    def add_tune(self, reduced: str) -> None:
        """Learns the alphabet of a tune as `reduction.reduce_tune` leaves it."""
        self.characters.update(reduced)
        self.tunes += 1

    def tokenizer(self) -> Tokenizer:
        """What was learned.

        Raises:
            ValueError: no notes were given.
        """
        if not self._pieces:
            raise ValueError("no notes in train: nothing to fit; check data/splits")
        instruments = np.flatnonzero(self._instruments)
        return Tokenizer(
            ticks_per_beat=self.settings.ticks_per_beat,
            max_beats=self.settings.max_beats,
            abc_fields=tuple(self.settings.abc_fields),
            scalers=self._fitted_scalers(),
            offsets=tuple(self.grid[self._offsets > 0].tolist()),
            durations=tuple(self.grid[self._durations > 0].tolist()),
            instruments=tuple(instruments.tolist()),
            alphabet="".join(sorted(self.characters)),
            counts={
                "pieces": self._pieces,
                "notes": int(self._offsets.sum()),
                "melody_notes": self._melody_notes,
                "tunes": self.tunes,
                "instruments": self._instruments[instruments].tolist(),
            },
        )

    def _fitted_scalers(self) -> dict[str, Scaler]:
        scalers = {}
        for names, fitted in zip(_GROUPS, self._scalers, strict=True):
            seen = hasattr(fitted, "scale_")
            for i, name in enumerate(names):
                mean, scale = (fitted.mean_[i], fitted.scale_[i]) if seen else (0.0, 1.0)
                scalers[name] = Scaler(TRANSFORMS[name], float(mean), float(scale))
        return scalers
