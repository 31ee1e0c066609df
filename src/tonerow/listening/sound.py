"""MIDI to sound: rendered with the piano and orchestra of a small soundfont, written as MP3."""

from __future__ import annotations

import functools
import io
import os
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from types import TracebackType

import midirenderer
import numpy as np
import pretty_midi
import soundfile
from numpy.typing import NDArray

from tonerow.progress import progress

PEAK = 10 ** (-1 / 20)
"""Of the loudest moment: 1 dB below the most that a file can hold."""
TAIL = 2.0
"""Seconds after the end of the last note, in which it dies away."""
SILENCE = 1e-6
"""What has no louder moment is left as it is."""

_END = 119
"""A controller that MIDI has not defined: nothing sounds, but the track is as long as its place."""

RATE = 16_000
"""Samples in a second of an MP3. With `QUALITY` an MP3 of 32,000 holds nothing above 8 kHz either."""
QUALITY = 0.9
"""0 is the largest file, 1 the smallest; this is about 3 kB a second."""

Wave = NDArray[np.float32]


@functools.cache
def _soundfont() -> bytes:
    """The soundfont that comes with pretty_midi (TimGM6mb, by Tim Brechbill)."""
    return resources.files("pretty_midi").joinpath("TimGM6mb.sf2").read_bytes()


class Sounds:
    """MP3s of MIDI files, made on all cores while other things go on.

    Leaving the block waits for those that are being made, and drops the others.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(os.cpu_count())
        self._found: dict[bytes, Future[bytes]] = {}

    def __enter__(self) -> Sounds:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def begin(self, midi: bytes) -> Future[bytes]:
        """Renders what stands in a MIDI file, once however often it is asked for."""
        if midi not in self._found:
            self._found[midi] = self._threads.submit(lambda: to_mp3(*render(midi)))
        return self._found[midi]

    def write(self, files: list[Path]) -> None:
        """Writes an MP3 beside each of these MIDI files."""
        made = [self.begin(midi.read_bytes()) for midi in files]
        waiting = zip(files, made, strict=True)
        for midi, mp3 in progress(waiting, total=len(files), desc="sound", unit="files"):
            midi.with_suffix(".mp3").write_bytes(mp3.result())


def render(midi: bytes) -> tuple[Wave, int]:
    """The sound of a MIDI file.

    Args:
        midi: what stands in the file.

    Returns:
        One channel (n,), -1 to 1, as loud as `PEAK` at its loudest, and the samples in a second.
    """
    score = pretty_midi.PrettyMIDI(io.BytesIO(midi))
    end = pretty_midi.ControlChange(_END, 0, score.get_end_time() + TAIL)
    for instrument in score.instruments[:1]:
        instrument.control_changes.append(end)
    longer = io.BytesIO()
    score.write(longer)
    rendered = midirenderer.render_wave_from(_soundfont(), longer.getvalue())
    channels, rate = soundfile.read(io.BytesIO(rendered), dtype="float32", always_2d=True)
    wave: Wave = channels.mean(1)
    loudest = float(np.abs(wave).max(initial=0.0))
    return (wave * np.float32(PEAK / loudest) if loudest > SILENCE else wave), rate


def resampled(wave: Wave, old: int, new: int) -> Wave:
    """A sound (n,) of `old` samples in a second with `new`, by cutting or padding its spectrum.

    (scipy.signal does the same; to load it takes two seconds of the few that a user waits for music.)
    """
    seconds = -(-len(wave) // old)  # whole ones: a length of small factors is transformed faster
    whole = np.pad(wave, (0, seconds * old - len(wave)))
    heard = np.fft.irfft(np.fft.rfft(whole), seconds * new) * (new / old)
    return heard[: round(len(wave) * new / old)].astype(np.float32)


def to_mp3(wave: Wave, rate: int) -> bytes:
    """A sound (n,) as MP3, the same bytes for the same sound.

    Args:
        wave: -1 to 1.
        rate: samples in a second; the file has `RATE`.
    """
    wave, mp3 = resampled(wave, rate, RATE), io.BytesIO()
    kind = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": QUALITY}
    with soundfile.SoundFile(mp3, "w", RATE, 1, **kind) as file:
        file.write(wave)
    return mp3.getvalue()
