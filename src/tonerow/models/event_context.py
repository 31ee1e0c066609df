"""What a model of all fields of a note may be told beyond the write-ups, and lets it copy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import START, Batch, Notes
from tonerow.models.context import Heard, PitchContext
from tonerow.models.copying import Evidence, InformedCopy, rising_with
from tonerow.models.field_copying import FieldCopy
from tonerow.models.layers import Places
from tonerow.models.ngrams import OWN_RHYTHM, Columns
from tonerow.models.pairs import DISTANCES
from tonerow.models.predictions import Categorical, Predictions
from tonerow.models.vocabulary import TICKS_PER_BEAT, Vocabularies

TIMES = ("offset", "duration")


class Clock(nn.Module):
    """Tells when notes were, from the times that a model has of them.

    A note begins `offset` after the one before it; if a model has no offsets, when the one before it
    ends; if it has no durations either, half a beat after it.

    Args:
        vocabularies: of the tokens.
        fields: that the model has; of `offset` and `duration`, both, one or none.
    """

    def __init__(self, vocabularies: Vocabularies, fields: Collection[str]) -> None:
        super().__init__()
        self.fields = [name for name in TIMES if name in fields]
        for name in self.fields:
            beats = torch.tensor(vocabularies[name].values, dtype=torch.float64)
            ticks = (beats * TICKS_PER_BEAT).round().long()
            self.register_buffer(name, F.pad(ticks, (0, 1)), persistent=False)  # -1 is `START`

    def forward(self, before: Notes, now: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """When the note before each of n notes was.

        Args:
            before: ids (B, n) of the fields.
            now: int64 (B,), where the last call ended.

        Returns:
            Ticks (B, n), `onset` and `end` of the note before each; its rhythm, int32 (B, n), equal
            where offset and duration are; and where this call ends, (B,).
        """
        pitch = before["pitch"]
        rhythm = torch.zeros_like(pitch)
        half = torch.where(pitch == START, 0, TICKS_PER_BEAT // 2)
        ticks = dict.fromkeys(TIMES, half)
        for name in self.fields:
            ticks[name] = self.get_buffer(name)[before[name]]
            rhythm = (rhythm << 15) + before[name]
        if "offset" in self.fields:
            onset = now[:, None] + ticks["offset"].cumsum(1)
            return {"onset": onset, "end": onset + ticks["duration"]}, rhythm.int(), onset[:, -1]
        end = now[:, None] + ticks["duration"].cumsum(1)
        return {"onset": end - ticks["duration"], "end": end}, rhythm.int(), end[:, -1]


class EventContext(PitchContext):
    """Where the note before lies in the bar, relations of pitches, and copying, each an option.

    As `Context`, for a model that is given no rhythm: it knows that of the notes before, and may
    copy it.

    Args:
        hidden_size: H, size of the decoder's output.
        vocabularies: of the tokens.
        fields: that the model has.
        copied: those that are copied beside the pitch; their heads are trained by likelihood.
        place_size: size of each embedding of `Places`; 0: none.
        pitches: the other options of `PitchContext`; without a `copy_size` nothing is copied.
    """

    def __init__(
        self,
        hidden_size: int,
        vocabularies: Vocabularies,
        fields: Collection[str],
        copied: Collection[str],
        place_size: int = 0,
        **pitches: int,
    ) -> None:
        places = Places(place_size, ("onset", "end")) if place_size else None
        n_pitches = vocabularies["pitch"].size
        super().__init__(hidden_size, n_pitches, False, places, OWN_RHYTHM, **pitches)
        self.clock, self.copies = Clock(vocabularies, fields), nn.ModuleDict()
        if self.copy is not None:
            # by how far (the rhythm, the pitches) before two notes agree, and by the time between
            longest = self.copy.longest
            tables = rising_with(longest).repeat_interleave(longest + 1), torch.zeros(DISTANCES)
            for name in copied:
                self.copies[name] = FieldCopy(hidden_size, vocabularies[name].size, *tables)

    def begin(self, length: Tensor) -> Heard:
        """Before the first note of pieces; length (B,)."""
        pitches = self.relative.begin(length) if self.relative else None
        memory = self.copy.begin_without_rhythm(length) if self.copy else None
        came = {name: length.new_empty(len(length), 0) for name in self.copies}
        past = self.ngrams.begin(length) if self.ngrams else None
        return Heard(0, pitches, memory, clock=torch.zeros_like(length), came=came, past=past)

    def columns_of(self, piece: Batch) -> Columns:
        """See `PitchContext.columns_of`."""
        times, rhythm, _ = self.clock(piece.before, torch.zeros_like(piece.length))
        return _columns(times, rhythm)

    def told(self, before: Notes, heard: Heard) -> tuple[Tensor, Heard]:
        """What is told of the next n notes, from the note before each, (B, n): (B, n, self.size)."""
        assert heard.clock is not None
        times, rhythm, clock = self.clock(before, heard.clock)
        came = {name: torch.cat([ids, before[name]], 1) for name, ids in heard.came.items()}
        memory = heard.memory
        if memory is not None:
            memory = replace(memory, line=memory.line.longer(rhythm, times["onset"]))
        heard = replace(heard, clock=clock, came=came, memory=memory)
        places = self.places(times) if self.places is not None else None
        columns = _columns(times, rhythm) if self.ngrams is not None else {}
        return self.told_of_pitches(before["pitch"], places, columns, heard)

    def mix_all(
        self, predictions: Predictions, out: Tensor, before: Tensor, heard: Heard
    ) -> tuple[Predictions, Heard]:
        """The predictions (B, n) of the notes that were told of, with relations and copies.

        Args:
            predictions: the decoder's own; of pitch `Categorical`.
            out: (B, n, H), the decoder's outputs.
            before: int64 (B, n), the pitches before.
            heard: as `told` returned it.
        """
        mixed, own = dict(predictions), predictions["pitch"]
        assert isinstance(own, Categorical)
        if self.copy is not None and heard.evidence is not None:
            index = self._index(heard.evidence, self.copy)
            for name, copies in self.copies.items():
                mixed[name] = copies(mixed[name], out, heard.came[name], index)
        logits, heard = self.mix(own.logits, out, before, heard)
        return {**mixed, "pitch": Categorical(logits)}, heard

    @staticmethod
    def _index(of: Evidence, copy: InformedCopy) -> list[Tensor]:
        """Two of int (B, n, T), where the tables of a `FieldCopy` are looked up."""
        pitch, rhythm = of.matched
        return [rhythm.int() * (copy.longest + 1) + pitch, copy.distances[of.apart]]


def _columns(times: Notes, rhythm: Tensor) -> Columns:
    """What n-grams look at in the time of the note before each of n notes, (B, n), see `Clock`."""
    bar = 4 * TICKS_PER_BEAT
    place = (times["end"] - times["onset"]) * bar + times["end"] % bar
    return {"rhythm": rhythm.long(), "end_in_4": place}
