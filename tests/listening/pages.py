"""A small page to test: two models, three pairs that can be heard, one sample alone."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import soundfile

from tonerow.listening.page import Counted, Group, Pair, Track

RATE = 48_000
SECONDS = 10
SAMPLE_HZ, HUMAN_HZ = 440, 660
LOUDNESS = 0.5
"""Of the highest point of the sines."""
HOSTILE = "</script><b>{{data}} & ünder"
COUNTED = Counted("mean_interval", "semitones", "how & by whom <b>", "2.5 (2.2 to 2.9)", "")
NATS = [0.0, 3.0, np.nan, np.nan]


def write_sine(path: Path, hertz: float) -> Path:
    wave = LOUDNESS * np.sin(2 * np.pi * hertz * np.arange(SECONDS * RATE) / RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "MPEG_LAYER_III", format="MP3") as file:
        file.write(wave.astype(np.float32))
    return path


def notes() -> pd.DataFrame:
    """An expected note, a surprising one, one that was given, and one without a score."""
    columns = {"onset_beat": [0.0, 1.0, 2.0, 3.0], "duration_beat": 1.0, "pitch": [60, 64, 67, 72]}
    given = [False, False, True, False]
    return pd.DataFrame({**columns, "nats": NATS, "is_given": given, "is_drum": False})


def track(folder: Path, name: str, hertz: float) -> Track:
    midi = folder / f"{name}.mid"
    midi.write_bytes(b"MThd" + name.encode())
    sound = write_sine(folder / f"{name}.mp3", hertz)
    files = {"mp3": sound, "midi": midi}
    return Track(notes(), 0.5, files, {"range_semitones": 12.0, "scale_consistency": np.nan})


def picture(folder: Path) -> Path:
    """Three pixels of one colour."""
    path = folder / "picture.png"
    matplotlib.image.imsave(path, np.zeros((1, 3)))
    return path


def groups(folder: Path) -> list[Group]:
    pairs = [
        Pair(
            f"sample-0{i}",
            f"The Jig {i}",
            track(folder, f"sample-0{i}", SAMPLE_HZ + i),
            track(folder, f"human-0{i}", HUMAN_HZ + i) if i < 3 else None,
        )
        for i in range(4)
    ]
    about = {"size": "small", "sees": "nothing"}
    first = Group(HOSTILE, about, pairs[:2], picture(folder), [COUNTED])
    return [first, Group("second", {}, pairs[2:])]


def text_group(folder: Path) -> Group:
    """A sample that is a tune in ABC, with a letter that is not ASCII."""
    tune = folder / "tune.abc"
    tune.write_text("X:1\nT:Träumerei\nM:6/8\nK:D\n|:DFA dfa|afd AFD:|\n", encoding="utf-8")
    own = track(folder, "tune", SAMPLE_HZ)
    own.files["abc"] = tune
    return Group("characters", {}, [Pair("tune", "", own, None)])


def code(answers: Any, number: int = 1) -> str:
    """What a listener gets for answers: [[group, right, asked], ...]."""
    payload = answers if isinstance(answers, str) else json.dumps(answers)
    middle = base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")
    text = f"tonerow1:{number:08x}:{middle}"
    return f"{text}:{zlib.crc32(text.encode()):08x}"
