"""Samples to one web page: sound, piano rolls and a blind test, without a network or a server."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tonerow.files import replaced

MEDIA_TYPES = {"mp3": "audio/mpeg", "midi": "audio/midi", "abc": "text/vnd.abc"}
"""The kinds of files that a track may have; browsers play the first."""
PNG = "image/png"
COLUMNS = ["onset_beat", "duration_beat", "pitch", "nats", "is_given", "is_drum"]
CODE = "tonerow1"
"""The first part of a code: what it is, and the version of its form."""

MOST_ASKED = 10_000
"""Pairs that one listener can have judged."""

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
_CODE_SHAPE = f"{CODE}:NUMBER:ANSWERS:CHECK"


@dataclass(frozen=True, eq=False)
class Track:
    """One piece of music, as notes and as files.

    Attributes:
        notes: a row for each note, in any order. ``onset_beat`` (0 or more) and ``duration_beat``
            in quarter notes, ``pitch`` 0-127, ``nats`` that the model needed for the note (0 or
            more, NaN if it was not scored), ``is_given`` (the model did not choose it), ``is_drum``.
        seconds_per_beat: of a quarter note, more than 0; the sound starts at beat 0.
        files: by their kind, one of `MEDIA_TYPES`; without ``mp3`` there is nothing to hear.
        descriptors: what was counted from the notes, by its name.

    Raises:
        ValueError: a column is missing, or a kind of file is unknown.
    """

    notes: pd.DataFrame
    seconds_per_beat: float
    files: dict[str, Path]
    descriptors: dict[str, float]

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.notes.columns]
        if missing:
            raise ValueError(f"the notes have no column {missing[0]!r}; needed: {COLUMNS}")
        for kind in self.files:
            if kind not in MEDIA_TYPES:
                raise ValueError(f"files of kind {kind!r}; allowed: {', '.join(MEDIA_TYPES)}")


@dataclass(frozen=True, eq=False)
class Pair:
    """A sample, and the human tune whose rhythm or opening it was given.

    Attributes:
        name: of the sample.
        title: of the human tune; may be empty.
        sample: what the model wrote.
        source: the human tune; None if there is none. The blind test asks about pairs that have
            one, if both tracks can be heard.
    """

    name: str
    title: str
    sample: Track
    source: Track | None


class Counted(NamedTuple):
    """A number of all samples beside that of human tunes, as text.

    Attributes:
        name: what is counted.
        unit: of both.
        says: how it is counted, and who proposed it.
        samples: with its interval; empty if there is none.
        human: the same.
    """

    name: str
    unit: str
    says: str
    samples: str
    human: str


@dataclass(frozen=True, eq=False)
class Group:
    """The samples of one model.

    Attributes:
        title: of the model, unlike that of any other group; codes name it.
        about: label to value, in order, e.g. size, what it sees, seed, temperature.
        pairs: in the order of the page.
        picture: a PNG file of samples beside human tunes; None: none.
        counted: the numbers beside it.
    """

    title: str
    about: dict[str, str]
    pairs: list[Pair]
    picture: Path | None = None
    counted: Sequence[Counted] = ()


def write_page(path: Path, groups: list[Group]) -> None:
    """Writes the page with all that it needs; the bytes depend on the groups alone.

    Args:
        path: the HTML file.
        groups: in the order of the page.

    Raises:
        ValueError: two groups have the same title.
    """
    titles = [group.title for group in groups]
    if len(set(titles)) < len(titles):
        raise ValueError(f"two groups have the same title: {titles}; codes need one for each")
    _write(path, [_group(group) for group in groups])


def merge_pages(path: Path, pages: Mapping[str, Path]) -> None:
    """Writes one page with the groups of several, to hear and judge them side by side.

    Args:
        path: the HTML file.
        pages: what each page stands for; it becomes the title of its group.

    Raises:
        ValueError: a file is no such page.
    """
    groups = []
    for title, page in pages.items():
        found = _DATA.search(page.read_text(encoding="utf-8", errors="replace"))
        if not found:
            raise ValueError(f"{page} is no page of samples")
        own = json.loads(found[1])["groups"]
        names = [title, *(f"{title} ({i})" for i in range(2, len(own) + 1))]
        groups += [{**group, "title": name} for name, group in zip(names, own, strict=True)]
    _write(path, groups)


def _write(path: Path, groups: list[dict[str, Any]]) -> None:
    content = json.dumps({"groups": groups}, allow_nan=False)
    parts = resources.files("tonerow.listening")
    page = parts.joinpath("listen.html").read_text(encoding="utf-8")
    for name in ("listen.css", "listen.js", "score.js", "blind.js"):
        page = page.replace(f"{{{{{name}}}}}", parts.joinpath(name).read_text(encoding="utf-8"))
    page = page.replace("{{engraver}}", _engraver(parts) if _has_text(groups) else "")
    page = page.replace("{{data}}", content.replace("<", "\\u003c"))  # no title ends the script
    with replaced(path) as place:
        place.write_text(page, encoding="utf-8", newline="\n")


def _has_text(groups: list[dict[str, Any]]) -> bool:
    """Whether there is a sample in ABC, to be engraved."""
    return any("abc" in pair["sample"]["files"] for group in groups for pair in group["pairs"])


def _engraver(parts: Traversable) -> str:
    """abcjs, which engraves ABC without a network; half a megabyte."""
    script = parts.joinpath("abcjs", "abcjs-basic-min.js").read_text(encoding="utf-8")
    return f"<script>\n{script}\n</script>"


def _group(group: Group) -> dict[str, Any]:
    pairs = [
        {
            "name": pair.name,
            "title": pair.title,
            "sample": _track(pair.sample),
            "source": None if pair.source is None else _track(pair.source),
        }
        for pair in group.pairs
    ]
    found = {"title": group.title, "about": list(group.about.items()), "pairs": pairs}
    if group.counted:
        found["counted"] = [row._asdict() for row in group.counted]
    return found if group.picture is None else {**found, "picture": _url(PNG, group.picture)}


def _track(track: Track) -> dict[str, Any]:
    """Notes as [onset, duration, pitch, nats or null, given, drum]; times in seconds."""
    notes = track.notes.sort_values(["onset_beat", "pitch"], kind="stable")
    seconds = notes[["onset_beat", "duration_beat"]].to_numpy(float) * track.seconds_per_beat
    columns = [notes[name] for name in COLUMNS[2:]]
    rows = zip(*seconds.T.tolist(), *(column.tolist() for column in columns), strict=True)
    return {
        "notes": [
            [round(on, 4), round(length, 4), int(pitch), _finite(nats, 3), int(given), int(drum)]
            for on, length, pitch, nats, given, drum in rows
        ],
        "files": {kind: _file(kind, path) for kind, path in track.files.items()},
        "descriptors": [[name, _finite(value, 6)] for name, value in track.descriptors.items()],
    }


def _finite(value: float, digits: int) -> float | None:
    """The number, or None (JSON has no NaN)."""
    return round(float(value), digits) if math.isfinite(value) else None


def _file(kind: str, path: Path) -> dict[str, str]:
    return {"name": path.name, "url": _url(MEDIA_TYPES[kind], path)}


def _url(media_type: str, path: Path) -> str:
    """The whole file as an address."""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def read_code(code: str) -> list[tuple[str, int, int]]:
    """Reads the code that a listener gets at the end of the blind test.

    Args:
        code: as the page shows it; spaces and line ends in it do not matter.

    Returns:
        For each group that was asked about: its title, right answers and answers.

    Raises:
        ValueError: the code is damaged, or is none.
    """
    code = "".join(code.split())
    parts = code.split(":")
    if len(parts) != 4 or parts[0] != CODE:
        raise ValueError(f"{code!r} is no code of the blind test; a code is {_CODE_SHAPE}")
    text, _, check = code.rpartition(":")
    if check != f"{zlib.crc32(text.encode()):08x}":
        raise ValueError(f"{code!r} is damaged: its check does not match; copy it again, whole")
    try:
        padded = parts[2] + "=" * (-len(parts[2]) % 4)
        answers = json.loads(base64.b64decode(padded, b"-_", validate=True))
        rows = [(title, right, asked) for title, right, asked in answers]
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError(f"{code!r} cannot be read: {error}; copy it again, whole") from error
    for title, right, asked in rows:
        counts = type(right) is int and type(asked) is int and 0 <= right <= asked <= MOST_ASKED
        if not (isinstance(title, str) and title.isprintable() and counts):
            raise ValueError(f"{code!r} holds {right!r} of {asked!r}, which is no score")
    return rows


def summary(codes: Sequence[str]) -> str:
    """A table of what all listeners answered: a row for each group, and one for all.

    The interval is exact (Clopper and Pearson), 95 %, and takes every answer as independent.

    Args:
        codes: one for each listener.

    Raises:
        ValueError: a code is damaged, or is there twice.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    numbers: set[str] = set()
    for code in codes:
        for title, right, asked in read_code(code):
            found.setdefault(title, []).append((right, asked))
        number = "".join(code.split())
        if number in numbers:
            raise ValueError(f"{number!r} is there twice; give each listener's code once")
        numbers.add(number)
    heads = ("model", "listeners", "right", "asked", "share", "95 % interval")
    rows: list[tuple[str, ...]] = [heads]
    rows += [(title, *_row(len(scores), scores)) for title, scores in found.items()]
    rows.append(("all", *_row(len(numbers), [row for scores in found.values() for row in scores])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return "\n".join(lines) + "\n"


def _row(listeners: int, scores: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Listeners, right, asked, share and interval, as text."""
    right, asked = (sum(column) for column in zip(*scores, strict=True)) if scores else (0, 0)
    counts = (str(listeners), str(right), str(asked))
    if not asked:
        return (*counts, "-", "-")
    from scipy.stats import binomtest  # noqa: PLC0415 (a second that writing a page need not wait)

    low, high = binomtest(right, asked).proportion_ci(confidence_level=0.95, method="exact")
    return (*counts, f"{right / asked:.3f}", f"{low:.3f} to {high:.3f}")
