"""Samples to files: MIDI, sound, ABC where the model writes it, a picture, a page and a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tonerow import reports
from tonerow.generation.descriptors import Known, lines_of, of_line
from tonerow.generation.measures import measure_of
from tonerow.generation.samples import Request, Samples
from tonerow.generation.unused import NOT_FOR, NOTHING
from tonerow.listening.page import Counted, Group, Pair, Track, write_page
from tonerow.listening.sound import Sounds
from tonerow.midi.writing import playing_tempo, to_midi
from tonerow.models.base import Model
from tonerow.notes.schema import SAMPLES
from tonerow.params import Generate

PAGE, PICTURE = "listen.html", "samples.png"
DRAWING = ("seed", "temperature", "top_k", "top_p", "min_p", "repeat_decay")
"""Settings of how ids are drawn."""
TOLD_BY_OTHERS = ("source", "samples", "split")
"""Settings that the page need not say: it shows the samples and the titles of their sources."""


@dataclass(frozen=True)
class Beside:
    """What was counted of samples and of human tunes.

    Attributes:
        picture: a PNG file.
        rows: of `tonerow.generation.comparison.table`.
    """

    picture: Path
    rows: Sequence[Mapping[str, Any]]

    def shown(self) -> tuple[Path, list[Counted]]:
        """The picture and the numbers, as a page has them."""
        found: dict[str, dict[str, str]] = {}
        for row in self.rows:
            value = "{value:.3g} ({low:.3g} to {high:.3g})".format(**row)
            found.setdefault(row["descriptor"], {})[row["who"]] = value
        counted = []
        for name, of in found.items():
            unit, what, source = measure_of(name)
            says = f"{what}. {source}" if source else what
            counted.append(Counted(name, unit, says, of.get("samples", ""), of.get("human", "")))
        return self.picture, counted


def described(
    name: str, size: str, corpus: str, model: Model, settings: Generate
) -> dict[str, str]:
    """What to say of a model and of how its samples came about, by label.

    Args:
        name: of the model.
        size: of the model.
        corpus: that it has learned from.
        model: itself.
        settings: of which those are told that made a difference, and the seed where something is drawn.
    """
    told = settings.model_dump()
    searches = settings.beam and model.view == "melody"
    ended = settings.bars is not None or settings.seconds is not None
    absent = {*TOLD_BY_OTHERS, *NOT_FOR[model.view], *(DRAWING if searches else ())}
    absent |= {"max_notes"} if ended else set()
    idle = [*NOTHING.items(), ("top_k", 0), ("min_p", 0.0)]
    told = {
        label: value
        for label, value in told.items()
        if value is not None and (label, value) not in idle and label not in absent
    }
    return {
        "model": name,
        "size": size,
        "corpus": corpus,
        "numbers": f"{model.n_parameters():,}",
        "sees": model.conditions_on.value,
        **{label.replace("_", " "): str(value) for label, value in told.items()},
    }


def write_samples(
    out: Path, samples: Samples, request: Request, about: Mapping[str, str], beside: Beside
) -> None:
    """Writes all files of the samples, a picture of them, and their notes as tables.

    Args:
        out: the folder; made if it is missing.
        samples: what was generated.
        request: what was asked for.
        about: what to say of the model, by label; its `model` stands above.
        beside: what was counted of samples and of human tunes, for the page.
    """
    pieces, tempo = pieces_of(request), request.settings.tempo_bpm
    with Sounds() as sounds:
        write_music(out, samples, pieces, about, tempo, sounds, beside, request.known)
    from tonerow.listening.roll import draw_rolls  # noqa: PLC0415 (matplotlib takes a second)

    draw_rolls(out / PICTURE, samples.notes, samples.sources)
    for name, notes in (("samples", samples.notes), ("sources", samples.sources)):
        table = pa.Table.from_pandas(notes, SAMPLES, preserve_index=False)
        reports.write_table(out / f"{name}.parquet", table)


def pieces_of(request: Request) -> pd.DataFrame:
    """The `title` and `tempo_bpm` of what samples may start from, by piece id."""
    if (start := request.start) is not None:
        about = {"title": [start.title], "tempo_bpm": [start.score.tempo_bpm]}
        return pd.DataFrame(about, [start.name])
    columns = ["piece_id", "title", "tempo_bpm"]
    table = pq.read_table(request.interim / "pieces.parquet", columns=columns)
    found: pd.DataFrame = table.to_pandas().set_index("piece_id")
    return found


def write_music(
    out: Path,
    samples: Samples,
    pieces: pd.DataFrame,
    about: Mapping[str, str],
    tempo_bpm: float | None,
    sounds: Sounds,
    beside: Beside | None = None,
    known: Known | None = None,
) -> None:
    """Writes what can be heard and read, and the page, which shows it.

    Args:
        out: the folder; made if it is missing. What an earlier call wrote there goes.
        samples: what was generated.
        pieces: `title` and `tempo_bpm` of the source pieces, by piece id; either may be missing.
        about: what to say of the model, by label; its `model` stands above.
        tempo_bpm: of all samples; None: that of the source piece.
        sounds: what may be rendered already is taken from there.
        beside: what was counted of samples and of human tunes; None: nothing.
        known: what train holds, if it is at hand.
    """
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("sample-*"), *out.glob("source.*")):  # of what was written here before
        if old.suffix in (".mid", ".mp3", ".abc"):
            old.unlink()
    (out / PICTURE).unlink(missing_ok=True)
    for name, text in (samples.texts | samples.source_texts).items():
        (out / name).write_text(text, encoding="utf-8")
    tracks, found = {}, named(samples)
    shared = longest_runs(found, known) if known is not None else {}
    for name, notes in found.items():
        own = pieces["tempo_bpm"].get(notes["source_piece_id"].iloc[0])
        bpm = playing_tempo(own, tempo_bpm)
        midi = to_midi(notes, bpm)
        (out / f"{name}.mid").write_bytes(midi)
        sounds.begin(midi)
        tracks[name] = track_of(out, name, notes, bpm, shared.get(name, {}))
    sounds.write([track.files["midi"] for track in tracks.values()])
    rest = {label: value for label, value in about.items() if label != "model"}
    pairs = list(pairs_of(samples, tracks, pieces["title"]))
    write_page(
        out / PAGE, [Group(about["model"], rest, pairs, *(beside.shown() if beside else ()))]
    )


def named(samples: Samples) -> dict[str, pd.DataFrame]:
    """The notes of each sample and each source, by the name of its files.

    A source that belongs to all of several samples is called ``source``.
    """
    found = {f"sample-{i:02d}": notes for i, notes in samples.notes.groupby("sample")}
    for i, notes in samples.sources.groupby("sample"):
        found["source" if samples.shared else f"sample-{i:02d}-source"] = notes
    return found


def longest_runs(found: Mapping[str, pd.DataFrame], known: Known) -> dict[str, dict[str, float]]:
    """Of each track that has notes of its own, the intervals of its longest run that train has too."""
    lines = {name: own[0] for name, notes in found.items() if (own := lines_of(notes))}
    runs = known.longest(list(lines.values()))
    return {name: {"longest_run_of_train": run} for name, run in zip(lines, runs, strict=True)}


def track_of(
    out: Path, name: str, notes: pd.DataFrame, bpm: float, shared: Mapping[str, float]
) -> Track:
    """Notes of one track and its files, as the page shows them; what it shares is counted too."""
    files = {"mp3": out / f"{name}.mp3", "midi": out / f"{name}.mid"}
    if (out / f"{name}.abc").exists():
        files["abc"] = out / f"{name}.abc"
    own = lines_of(notes)
    counted = of_line(own[0]) if own else {}
    return Track(notes, 60 / bpm, files, {**counted, **shared})


def pairs_of(
    samples: Samples, tracks: Mapping[str, Track], titles: pd.Series[str]
) -> Iterator[Pair]:
    """Each sample beside its source."""
    for i, notes in samples.notes.groupby("sample"):
        name = f"sample-{i:02d}"
        source = tracks.get("source" if samples.shared else f"{name}-source")
        source = None if notes["is_given"].all() else source  # then the two are one
        title = titles.get(notes["source_piece_id"].iloc[0])
        yield Pair(name, "" if pd.isna(title) else str(title), tracks[name], source)
