"""What a decoder may be told beyond the write-ups: the same options for all that know pitches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.models.base import START, Batch, Counting, Notes
from tonerow.models.copying import Evidence, InformedCopy, Memory
from tonerow.models.layers import Places, rhythm_ids
from tonerow.models.ngrams import GIVEN_RHYTHM, Columns, Foretold, NgramExperts, Past, Viewpoint
from tonerow.models.relative import Pitches, Relative
from tonerow.models.vocabulary import TICKS_PER_BEAT


@dataclass(frozen=True)
class Heard:
    """Where a decoder stands in its lines. What belongs to an option that is off is None.

    Attributes:
        t: notes decoded so far.
        pitches: those that have come.
        memory: of the copying.
        places: (B, L, size), of all notes, where their rhythm is given.
        clock: int64 (B,), ticks, when the note predicted last began, where it is not.
        came: int64 (B, t), by the field's name: ids of the notes before, where they are copied.
        tonic: (B, n, 12), at the notes that are being decoded.
        evidence: for copying at these notes.
        past: of the n-grams.
        columns: of all notes, what n-grams look at, where their rhythm is given.
        foretold: by n-grams, of the notes that are being decoded.
    """

    t: int
    pitches: Pitches | None
    memory: Memory | None
    places: Tensor | None = None
    clock: Tensor | None = None
    came: Mapping[str, Tensor] = field(default_factory=dict)
    tonic: Tensor | None = None
    evidence: Evidence | None = None
    past: Past | None = None
    columns: Columns = field(default_factory=dict)
    foretold: Foretold | None = None


class PitchContext(Counting):
    """Relations of pitches, n-grams of the training pieces, and copying from before, each an option.

    `Context` and `EventContext` add the time.

    Args:
        hidden_size: H, size of the decoder's output.
        n_pitches: V.
        whole_rhythm: whether the decoder may know the rhythm that is still to come.
        places: embeds a note's place in the bar, or nothing.
        viewpoints: of the n-grams.
        copy_size: size of the queries and keys of an `InformedCopy`; 0: none.
        copy_matches: longest match that the copying is told.
        relative_size: size of each embedding of `Relative`; 0: none.
        ngram_length: notes in the longest context of `NgramExperts`; 0: none.
    """

    def __init__(
        self,
        hidden_size: int,
        n_pitches: int,
        whole_rhythm: bool,
        places: Places | None,
        viewpoints: tuple[Viewpoint, ...],
        copy_size: int = 0,
        copy_matches: int = 1,
        relative_size: int = 0,
        ngram_length: int = 0,
    ) -> None:
        super().__init__()
        self.places = places
        self.relative = Relative(hidden_size, n_pitches, relative_size) if relative_size else None
        self.copy = (
            InformedCopy(hidden_size, copy_size, copy_matches, n_pitches, whole_rhythm)
            if copy_size
            else None
        )
        self.ngrams = (
            NgramExperts(hidden_size, n_pitches, ngram_length, viewpoints) if ngram_length else None
        )
        sizes = [part.size for part in (self.places, self.relative, self.copy) if part is not None]
        self.size = sum(sizes)

    @abstractmethod
    def columns_of(self, piece: Batch) -> Columns:
        """What n-grams look at in a whole piece, (1, n), beside its pitches."""

    def count(self, pieces: Iterable[Batch]) -> None:
        """See `Counting.count`."""
        if self.ngrams is not None:
            self.ngrams.fill(
                ({**self.columns_of(piece), "pitch": piece.before["pitch"]}, piece.now["pitch"])
                for piece in pieces
            )

    def told_of_pitches(
        self, before: Tensor, places: Tensor | None, columns: Columns, heard: Heard
    ) -> tuple[Tensor, Heard]:
        """What is told of the next n notes: (B, n, self.size).

        Args:
            before: int64 (B, n), the pitches before each.
            places: (B, n, size), of these notes.
            columns: of these notes, beside their pitches.
            heard: of the notes before these; its memory knows the time of these.
        """
        told = [before.new_empty(*before.shape, 0).float()]
        heard = replace(heard, t=heard.t + before.shape[1])
        if places is not None:
            told.append(places)
        if self.relative is not None and heard.pitches is not None:
            relations, tonic, pitches = self.relative.told(before, heard.pitches)
            told.append(relations)
            heard = replace(heard, tonic=tonic, pitches=pitches)
        if self.copy is not None and heard.memory is not None:
            evidence, memory = self.copy.recall(before, heard.memory)
            told.append(self.copy.guess(evidence))
            heard = replace(heard, evidence=evidence, memory=memory)
        if self.ngrams is not None and heard.past is not None:
            foretold, past = self.ngrams.foretell({**columns, "pitch": before}, heard.past)
            heard = replace(heard, foretold=foretold, past=past)
        return torch.cat(told, -1), heard

    def mix(
        self, logits: Tensor, out: Tensor, before: Tensor, heard: Heard
    ) -> tuple[Tensor, Heard]:
        """The logits (B, n, V) of the notes that were told of, with what the options say of them.

        Args:
            logits: (B, n, V), the decoder's own.
            out: (B, n, H), the decoder's outputs.
            before: int64 (B, n), the pitches before.
            heard: as `told_of_pitches` returned it.
        """
        if self.relative is not None:
            logits = logits + self.relative(out, before, heard.tonic)
        if self.ngrams is not None:
            logits = logits + self.ngrams(out, heard.foretold)
        if self.copy is not None:
            logits, memory = self.copy(logits, out, heard.evidence, heard.memory)
            heard = replace(heard, memory=memory)
        return logits, replace(heard, tonic=None, evidence=None, foretold=None)


class Context(PitchContext):
    """A note's place in the bar, and what `PitchContext` tells, each an option.

    A decoder of melodies takes `told` as further inputs, runs, and lets `mix` complete its logits;
    both return where it stands.

    Args:
        hidden_size: H, size of the decoder's output.
        n_pitches: V.
        whole_rhythm: whether the decoder may know the rhythm that is still to come.
        place_size: size of each embedding of `Places`; 0: none.
        pitches: the other options of `PitchContext`.
    """

    def __init__(
        self,
        hidden_size: int,
        n_pitches: int,
        whole_rhythm: bool,
        place_size: int = 0,
        **pitches: int,
    ) -> None:
        ends = ("onset", "remaining") if whole_rhythm else ("onset",)
        places = Places(place_size, ends) if place_size else None
        super().__init__(hidden_size, n_pitches, whole_rhythm, places, GIVEN_RHYTHM, **pitches)

    def begin(self, given: Notes, length: Tensor) -> Heard:
        """Before the first note, see `Model.begin`."""
        pitches = self.relative.begin(length) if self.relative else None
        memory = self.copy.begin(given, length) if self.copy else None
        places = self.places(given) if self.places else None
        if self.ngrams is None:
            return Heard(0, pitches, memory, places)
        past, columns = self.ngrams.begin(length), columns_of_rhythm(given)
        return Heard(0, pitches, memory, places, past=past, columns=columns)

    def columns_of(self, piece: Batch) -> Columns:
        """See `PitchContext.columns_of`."""
        return columns_of_rhythm(piece.given)

    def told(self, before: Tensor, heard: Heard) -> tuple[Tensor, Heard]:
        """What is told of the next n notes, from the pitches before each, (B, n): (B, n, self.size)."""
        until = heard.t + before.shape[1]
        places = heard.places[:, heard.t : until] if heard.places is not None else None
        columns = {name: column[:, heard.t : until] for name, column in heard.columns.items()}
        return self.told_of_pitches(before, places, columns, heard)


def columns_of_rhythm(given: Notes) -> Columns:
    """What n-grams may look at in the rhythm (B, L) that is given up to each note.

    A note's place is its duration, that of the note before, and where it begins in a bar that is
    counted from the line's first note.
    """
    duration = given["ticks"][..., 1]
    both = (duration << 15) + F.pad(duration, (1, 0))[:, :-1]  # 0 before a line or a window
    before = F.pad(rhythm_ids(given), (1, 0), value=START)[:, :-1]
    columns = {"duration": duration, "rhythm": before}
    for beats in (3, 4):
        bar = beats * TICKS_PER_BEAT
        columns[f"place_in_{beats}"] = both * bar + given["onset"] % bar
    return columns
