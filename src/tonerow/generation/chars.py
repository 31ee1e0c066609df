"""ABC, character by character, from a tune's header to the end of the tune."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch.nn import functional as F  # noqa: N812 (the usual name)
from torch.nn.utils.rnn import pad_sequence

from tonerow import abc_notation
from tonerow.abc_notation import Tune
from tonerow.abc_notation.lines import FIELD
from tonerow.generation.abc_nats import Note, note_nats
from tonerow.generation.bars import full
from tonerow.generation.rows import Going
from tonerow.generation.samples import (
    VELOCITY,
    Drawing,
    GenerationError,
    Request,
    Samples,
    Start,
    measured,
)
from tonerow.generation.starts import readable
from tonerow.models.base import START
from tonerow.models.predictions import Categorical, Predictions
from tonerow.notes.schema import SAMPLES
from tonerow.notes.score import Score, UnreadableError
from tonerow.notes.table import to_table
from tonerow.progress import progress
from tonerow.tokens.characters import END, UNKNOWN
from tonerow.tokens.reduction import header_of, reduce_tune

_PART = re.compile(
    rf"(?P<field>^{FIELD.pattern}|\[[A-Za-z]:[^\]\n]*\])"
    r"|(?P<line>:*\|[|:\]]*|::)|(?P<sound>[A-Ga-gxzXZ])",
    re.MULTILINE,
)
"""Of a tune's body: fields, bar lines and sounds."""


def generate(request: Request) -> Samples:
    """Writes tunes under held-out headers, or the one that is given, and checks them by reading them.

    `parsed_fraction`: tunes that the reader takes without complaint. `full_bars_fraction`: of all
    tunes, those whose bars, but for the first and last of a section, add up to the metre.

    Raises:
        GenerationError: see `given_tune`.
    """
    tunes = choose_tunes(request) if request.start is None else given_tune(request, request.start)
    texts = write(request, tunes["header"].tolist())
    most = most_notes(request)
    found = [played(text, most) for text in texts]
    sources = tunes if request.start is None else tunes.head(1)
    heard = until_bars(sources, request.settings.bars)
    human = [played(text, most) for text in heard]
    notes, own = rows(tunes.index, found, request), rows(sources.index, human, request)
    lines = rows(tunes.index, found, melody=True)
    metrics = {
        "samples": len(texts),
        "parsed_fraction": float(np.mean([tune is not None for tune in found])),
        "full_bars_fraction": float(np.mean([bool(tune and tune.full_bars) for tune in found])),
        **measured(request, lines),
    }
    shared = request.start is not None and len(texts) > 1
    source_texts = {"source.abc": as_tune(heard[0], 0)} if shared else files(heard, "-source")
    return Samples(notes, own, metrics, files(texts), source_texts, shared)


def choose_tunes(request: Request) -> pd.DataFrame:
    """Held-out tunes by piece id: `header` and the whole `text`."""
    path = request.tokens / "chars.parquet"
    table = pq.read_table(path, filters=[("split", "==", request.settings.split)]).to_pandas()
    order = np.random.default_rng(request.settings.seed).permutation(len(table))
    chosen = table.iloc[order[: request.settings.samples]].set_index("piece_id")
    decode = request.tokenizer.decode_text
    headers = [
        decode(ids[:length])
        for ids, length in zip(chosen["char_ids"], chosen["header_length"], strict=True)
    ]
    texts = [decode(ids) for ids in chosen["char_ids"]]
    return pd.DataFrame({"header": headers, "text": texts}, chosen.index)


def given_tune(request: Request, start: Start) -> pd.DataFrame:
    """The same of one tune, a row for each sample.

    Raises:
        GenerationError: it was not read from ABC, or the model has never read its header's characters.
    """
    if start.text is None:
        raise GenerationError(
            f"{start.name} is no ABC: a model of text starts from a tune's header"
        )
    text = reduce_tune(start.text, request.tokenizer.abc_fields)
    header = readable(start.name, header_of(text), request.tokenizer)
    n = request.settings.samples
    return pd.DataFrame({"header": [header] * n, "text": [text] * n}, [start.name] * n)


def until_bars(tunes: pd.DataFrame, bars: int | None) -> list[str]:
    """Whole texts, or if so many bars are asked for no more of each; see `first_bars`."""
    return [
        text if bars is None else header + first_bars(text.removeprefix(header), bars)
        for header, text in zip(tunes["header"], tunes["text"], strict=True)
    ]


@torch.no_grad()
def write(request: Request, headers: Sequence[str]) -> list[str]:
    """The tunes that the model writes under these headers, each up to its end symbol.

    A tune ends before it with its last bar, if `bars` are set; see `first_bars`.
    """
    most, bars = request.settings.max_characters, request.settings.bars
    given = [request.tokenizer.encode_text(header)[:-1] for header in headers]  # it goes on
    length = torch.tensor([len(ids) for ids in given])
    fixed = pad_sequence([torch.tensor(ids) for ids in given], True, START)  # (B, header)
    fixed = F.pad(fixed, (0, most), value=START)
    drawing, bodies = Drawing(request, range(len(given))), [""] * len(given)
    model, there = request.model, length.to(request.device)
    state, going = model.begin({}, there), Going(model, {}, there, drawing)
    current, ended = torch.full_like(length, START), length < 0
    for t in progress(range(fixed.shape[1]), desc="generate", unit="characters"):
        state, rows = going.without(ended, state), going.rows
        before = {"char": current[rows].to(request.device)}
        predictions, state = model.step(before, state)
        drawn = drawing.draw(_writable(predictions), {"char": fixed[rows, t]})
        current[rows] = drawn["char"].cpu()
        for i in ((t >= length) & ~ended).nonzero()[:, 0].tolist():
            bodies[i] += request.tokenizer.decode_text(current[i : i + 1].tolist())
        ended |= (current == END) & (t >= length) | (t + 1 >= length + most)
        if bars:
            cut = [first_bars(body, bars) for body in bodies]
            ended |= torch.tensor([len(a) < len(b) for a, b in zip(cut, bodies, strict=True)])
        if ended.all():
            break
    bodies = [first_bars(body, bars) for body in bodies] if bars else bodies
    return [header + body for header, body in zip(headers, bodies, strict=True)]


def first_bars(body: str, bars: int) -> str:
    """The body of a tune up to the end of the bar line that closes so many bars.

    What lies between two bar lines is a bar if it has a note or a rest, an upbeat too. A body of fewer
    bars stays as it is.
    """
    closed, begun = 0, False
    for part in _PART.finditer(body):
        if part["line"] and begun:
            closed += 1
            if closed == bars:
                return body[: part.end()]
        begun = bool(part["sound"]) or (begun and not part["line"])
    return body


def _writable(predictions: Predictions) -> Predictions:
    """The predictions without the symbol of characters that train does not have."""
    scores = predictions["char"].log_probabilities().clone()
    scores[:, UNKNOWN] = float("-inf")
    return {"char": Categorical(scores)}


@dataclass(frozen=True)
class Played:
    """A tune that the reader takes.

    Attributes:
        tune: as it is written.
        score: its notes, as they are played.
        text: as a model writes it.
    """

    tune: Tune
    score: Score
    text: str

    @property
    def full_bars(self) -> bool:
        """Whether all bars add up to the metre, see `bars.full`."""
        return bool(self.tune.bars) and all(full(self.tune.bars))


def as_tune(text: str, number: int) -> str:
    """ABC as it stands in a file: with the two fields that every tune must have first."""
    return f"X:{number + 1}\nT:Sample {number + 1}\n{text}\n"


def files(texts: list[str], of: str = "") -> dict[str, str]:
    """The files of the samples by name, or with "-source" those of their sources."""
    return {f"sample-{i:02d}{of}.abc": as_tune(text, i) for i, text in enumerate(texts)}


def most_notes(request: Request) -> int:
    """Notes that a tune may be played with: a character is one note at most, and parts come again."""
    return 4 * request.settings.max_characters


def played(text: str, most: int) -> Played | None:
    """Reads a tune of at most so many notes; None if it cannot be read."""
    try:
        tune = abc_notation.parse_tune(as_tune(text, 0), most)
        return Played(tune, abc_notation.play(tune, most), text)
    except UnreadableError:
        return None


def rows(
    pieces: Iterable[Any],
    tunes: list[Played | None],
    request: Request | None = None,
    melody: bool = False,
) -> pd.DataFrame:
    """The notes of tunes, or of their melodies, as rows of `SAMPLES`; an unread one has none.

    With a request, its model is asked for the nats of each note, see `abc_nats`.
    """
    notes = [
        _rows_of(tune, request, melody).assign(source_piece_id=str(piece), sample=i)
        for i, (piece, tune) in enumerate(zip(pieces, tunes, strict=True))
        if tune is not None
    ]
    found = pd.concat(notes, ignore_index=True) if notes else pd.DataFrame(columns=SAMPLES.names)
    return found.assign(velocity=VELOCITY, is_given=False)


def _rows_of(tune: Played, request: Request | None, melody: bool) -> pd.DataFrame:
    """Pitch, program, is_drum, onset_beat, duration_beat and nats of a tune's notes."""
    notes: pd.DataFrame = to_table("", tune.score).to_pandas()
    found: dict[Note, float] = {}
    if request is not None:
        found = note_nats(request, tune.tune, tune.score, as_tune(tune.text, 0), tune.text)
    keys = notes[["track", "onset_tick", "pitch"]].itertuples(index=False, name=None)
    notes["nats"] = [found.get(key, float("nan")) for key in keys]
    notes = notes[notes["is_melody"]] if melody else notes
    columns = ["pitch", "program", "is_drum", "onset_beat", "duration_beat", "nats"]
    return notes.filter(columns)
