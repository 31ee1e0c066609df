"""A tune as written: its voices with their sounds, bars and repeat signs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from tonerow.abc_notation.voice import Bar, Mark, Sound


@dataclass(frozen=True)
class WrittenVoice:
    """One voice as written.

    Attributes:
        name: of its `V:` field; "" where the tune has none.
        sounds: notes, chords and rests in order; the layers of a bar one after the other.
        marks: repeats, endings, double bars and part labels between them, in order.
        bars: as written; a voice that goes on after its last bar line ends with an unclosed bar.
        tempos: (index of sound, quarter notes a minute) of each `Q:` in the body.
        key: at its first note, like "G", "Em" or "D mix"; None for none.
        time_signature: at its first note, like "6/8"; None in free metre.
    """

    name: str
    sounds: tuple[Sound, ...]
    marks: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    tempos: tuple[tuple[int, float], ...]
    key: str | None
    time_signature: str | None

    @property
    def n_notes(self) -> int:
        """Notes as written: each head once, repeats not played, ties not joined."""
        return sum(len(sound.pitches) for sound in self.sounds)

    @property
    def n_layers(self) -> int:
        """The most layers that a bar has."""
        return 1 + max((sound.layer for sound in self.sounds), default=0)


@dataclass(frozen=True)
class Tune:
    """A tune as written.

    Attributes:
        title: of the first `T:`; None for none.
        composer: of the first `C:`; None for none.
        tempo_bpm: quarter notes a minute by the header's `Q:`; None for none.
        order: the header's `P:` field; None for none.
        voices: those with notes, in order of their first line.
    """

    title: str | None
    composer: str | None
    tempo_bpm: float | None
    order: str | None
    voices: tuple[WrittenVoice, ...]

    @property
    def tracks(self) -> tuple[int, ...]:
        """The track of each voice; its further layers are the tracks after it."""
        n_layers = (voice.n_layers for voice in self.voices[:-1])
        return tuple(accumulate(n_layers, initial=0))

    @property
    def n_notes_written(self) -> int:
        """Notes as written in all voices: repeats not played, ties not joined."""
        return sum(voice.n_notes for voice in self.voices)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The bars of the first voice as written."""
        return self.voices[0].bars
