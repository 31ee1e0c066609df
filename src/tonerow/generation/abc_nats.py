"""How many nats a model needs for each note of an ABC tune: those of the characters that write it."""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 (the usual name)

from tonerow.abc_notation import Tune
from tonerow.abc_notation.grammar import TOKEN
from tonerow.abc_notation.lines import tune_lines
from tonerow.abc_notation.playing import played_voices
from tonerow.abc_notation.repeats import Range
from tonerow.abc_notation.voice import WHOLE
from tonerow.abc_notation.written import WrittenVoice
from tonerow.generation.samples import Request
from tonerow.models.base import START, Batch
from tonerow.notes.score import Score

Floats = NDArray[np.float64]
Note = tuple[int, int, int]
"""Track, onset in ticks, pitch."""

SOUNDS = {"note", "chord", "old_chord", "rest", "bars_rest"}
"""Symbols of `abc_notation.grammar` that make one sound each."""


@torch.no_grad()
def of_characters(request: Request, text: str) -> Floats:
    """The nats of each character of a text, told those before it: (n_characters,)."""
    ids = torch.tensor([request.tokenizer.encode_text(text)[:-1]], device=request.device)  # (1, L)
    before = F.pad(ids[:, :-1], (1, 0), value=START)
    whole = torch.ones_like(ids, dtype=torch.bool)
    length = whole.sum(1)
    batch = Batch({"char": ids}, {"char": before}, {}, length, whole)
    logs = request.model(batch)["char"].log_probabilities()  # (1, L, V)
    nats: Floats = -logs.gather(-1, ids[..., None])[0, :, 0].cpu().numpy().astype(np.float64)
    return nats


def of_sounds(tune: Tune, text: str, nats: Floats) -> list[Floats]:
    """The nats of each sound as written, by voice; NaN where voices share a line of text.

    A sound is written by the characters of its own symbol: accidental, letter, octave, length and tie.
    Bar lines, spaces, beams and the signs of tuplets and broken rhythm belong to none.

    Args:
        tune: as `parse_tune` reads it.
        text: from which it was read.
        nats: of each character of the text.
    """
    found = [np.full(len(voice.sounds), np.nan) for voice in tune.voices]
    on_line: dict[int, list[tuple[int, int]]] = defaultdict(list)  # (voice, sound), in order
    for v, voice in enumerate(tune.voices):
        for i, sound in enumerate(voice.sounds):
            if sound.line:
                on_line[sound.line].append((v, i))
    begins = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    lines = dict(tune_lines(text))
    for line, sounds in on_line.items():
        if len({v for v, _ in sounds}) == 1:
            symbols = [s for s in TOKEN.finditer(lines[line]) if s.lastgroup in SOUNDS]
            for (v, i), symbol in zip(sounds, symbols, strict=True):
                begin, end = (begins[line - 1] + place for place in symbol.span())
                found[v][i] = nats[begin:end].sum()
    return found


def of_notes(tune: Tune, score: Score, sounds: list[Floats]) -> dict[Note, float]:
    """The nats of each note as played.

    What is played twice was written once, and has the same nats both times. Tied notes add up; the
    notes of a chord share its nats evenly.

    Args:
        tune: as `parse_tune` reads it.
        score: as `play` plays it.
        sounds: see `of_sounds`.
    """
    columns = (score.track, score.onset_tick, score.pitch)
    begun = set(zip(*(column.tolist() for column in columns), strict=True))
    found: dict[Note, float] = defaultdict(float)
    most = 1 << 62  # it has been played: it is short enough
    voices = zip(tune.voices, played_voices(tune, most), sounds, strict=True)
    for first, (voice, ranges, nats) in zip(tune.tracks, voices, strict=True):
        latest: dict[tuple[int, int], int] = {}  # by track and pitch, when its last note began
        for i, tick in _played(voice, ranges, WHOLE // 4 // score.ticks_per_beat):
            pitches, track = voice.sounds[i].pitches, first + voice.sounds[i].layer
            for pitch in pitches:
                if (track, tick, pitch) in begun:  # else a tie holds it
                    latest[track, pitch] = tick
                found[track, latest[track, pitch], pitch] += float(nats[i]) / len(pitches)
    return dict(found)


def _played(voice: WrittenVoice, ranges: list[Range], unit: int) -> list[tuple[int, int]]:
    """The sounds of a voice in the order of playing, and when each begins, in ticks of so many units."""
    played = [i for begin, end in ranges for i in range(begin, end)]
    onsets = accumulate((voice.sounds[i].advance for i in played), initial=0)
    return [(i, onset // unit) for i, onset in zip(played, onsets, strict=False)]


def note_nats(request: Request, tune: Tune, score: Score, text: str, own: str) -> dict[Note, float]:
    """The nats that the model needs for each note of a tune.

    Args:
        request: with a model of characters.
        tune: as `parse_tune` reads it.
        score: as `play` plays it.
        text: from which it was read.
        own: the part of the text that a model writes: what follows the fields that every tune has.
    """
    nats = np.full(len(text), np.nan)
    begin = text.index(own)
    nats[begin : begin + len(own)] = of_characters(request, own)
    return of_notes(tune, score, of_sounds(tune, text, nats))
