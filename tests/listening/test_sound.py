"""MIDI to sound: what is heard, how loud, how long, and the same bytes each time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.typing import NDArray

from tonerow.listening.sound import PEAK, RATE, TAIL, Sounds, render, resampled, to_mp3
from tonerow.midi.writing import to_midi


def tune(*pitches: int, is_drum: bool = False) -> bytes:
    """A MIDI file with a note of half a second for each pitch."""
    columns = {"pitch": pitches, "onset_beat": range(len(pitches)), "duration_beat": 1.0}
    notes = pd.DataFrame({**columns, "velocity": 80, "program": 0, "is_drum": is_drum})
    return to_midi(notes, 120.0)


def loudest_hertz(wave: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave))


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440.0), (57, 220.0)])
def test_a_pitch_sounds_at_its_frequency(pitch: int, hertz: float) -> None:
    wave, rate = render(tune(pitch, pitch))
    found = loudest_hertz(wave[: rate // 2], rate)  # or one of its overtones
    assert found / hertz == pytest.approx(round(found / hertz), abs=0.03)


def test_it_is_as_loud_as_can_be_and_dies_away() -> None:
    wave, rate = render(tune(60, 64, 67))
    assert np.abs(wave).max() == pytest.approx(PEAK)
    assert len(wave) / rate == pytest.approx(1.5 + TAIL, abs=0.1)
    assert np.abs(wave[-rate // 10 :]).max() < 0.01


def test_drums_sound_as_drums() -> None:
    drum, _ = render(tune(38, is_drum=True))
    piano, _ = render(tune(38))
    quiet = [np.abs(wave[len(wave) // 6 :]).max() for wave in (drum, piano)]
    assert quiet[0] < quiet[1] / 4  # a snare drum has died away when a low string still sounds


def test_no_notes_are_silence() -> None:
    wave, _ = render(tune())
    assert np.abs(wave).max(initial=0) < 0.01


def test_the_same_sound_is_the_same_bytes_and_can_be_read_back() -> None:
    wave, rate = render(tune(60, 64, 67))
    mp3 = to_mp3(wave, rate)
    assert mp3 == to_mp3(wave, rate)
    heard, found = soundfile.read(io.BytesIO(mp3))
    assert found == RATE
    assert len(heard) / RATE == pytest.approx(len(wave) / rate, abs=0.1)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(wave**2)), rel=0.1)


def test_a_minute_and_more_can_be_written() -> None:
    seconds = 150
    tone = np.sin(np.arange(seconds * RATE) / 20).astype(np.float32)
    mp3 = to_mp3(tone, RATE)
    assert soundfile.info(io.BytesIO(mp3)).duration == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize("seconds", [0.5, 1.2345])
def test_a_tone_keeps_its_pitch_and_loudness_at_another_rate(seconds: float) -> None:
    def tone(rate: int) -> NDArray[np.float32]:
        """440 Hz that swell and fade."""
        at = np.arange(round(seconds * rate)) / rate
        swell = np.sin(np.pi * at / seconds) ** 2
        return (swell * np.sin(2 * np.pi * 440 * at)).astype(np.float32)

    np.testing.assert_allclose(resampled(tone(44_100), 44_100, RATE), tone(RATE), atol=1e-3)


def test_a_tune_asked_for_before_is_rendered_once_and_written_beside_its_file(
    tmp_path: Path,
) -> None:
    midi, files = tune(60, 64), [tmp_path / "a.mid", tmp_path / "b.mid"]
    for file, pitches in zip(files, ((60, 64), (67,)), strict=True):
        file.write_bytes(tune(*pitches))
    with Sounds() as sounds:
        early = sounds.begin(midi)
        sounds.write(files)
        assert sounds.begin(files[0].read_bytes()) is early
    found = [file.with_suffix(".mp3").read_bytes() for file in files]
    assert found == [to_mp3(*render(file.read_bytes())) for file in files]
