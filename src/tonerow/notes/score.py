"""What a reader hands over: the notes of one piece, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonerow.notes.schema import Rejection

LONGEST_DETAIL = 400
"""Characters of what is said of a source that cannot be read."""


class UnreadableError(Exception):
    """A source that cannot be read right.

    Args:
        because: which of the closed vocabulary of reasons.
        detail: one sentence for a person: what was found, and where. What it quotes may be as long
            as a file: of a longer sentence than `LONGEST_DETAIL` characters the middle is left out.
    """

    def __init__(self, because: Rejection, detail: str) -> None:
        if len(detail) > LONGEST_DETAIL:
            half = LONGEST_DETAIL // 2
            detail = f"{detail[:half]}[…]{detail[-half:]}"
        super().__init__(because, detail)
        self.because = because
        self.detail = detail


@dataclass(frozen=True)
class Score:
    """The notes of one piece as read, in any order; all arrays have the length n_notes.

    Attributes:
        ticks_per_beat: ticks in a quarter note.
        track: int64, 0, 1, ... in the order of the file (a voice, in ABC).
        program: int64, General MIDI program 0-127.
        is_drum: bool, whether the note is on the drum channel.
        pitch: int64, 0-127, 60 = middle C.
        velocity: int64, 1-127.
        onset_tick: int64, >= 0.
        duration_tick: int64, > 0.
        onset_sec: float64, >= 0, by the piece's own tempo.
        duration_sec: float64, > 0.
        tempo_bpm: quarter notes a minute at the first note; None where the source states none.
        time_signature: like "6/8", at the first note; None where the source states none.
        downbeat_beat: when a bar of that metre begins, in quarter notes; None where there is none.
        key: like "G", "Em" or "D mix"; None where the source states none.
        title: None where the source states none.
        composer: None where the source states none.
    """

    ticks_per_beat: int
    track: NDArray[np.int64]
    program: NDArray[np.int64]
    is_drum: NDArray[np.bool_]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]
    onset_tick: NDArray[np.int64]
    duration_tick: NDArray[np.int64]
    onset_sec: NDArray[np.float64]
    duration_sec: NDArray[np.float64]
    tempo_bpm: float | None = None
    time_signature: str | None = None
    downbeat_beat: float | None = None
    key: str | None = None
    title: str | None = None
    composer: str | None = None

    @property
    def n_notes(self) -> int:
        """How many notes the piece has."""
        return len(self.pitch)
