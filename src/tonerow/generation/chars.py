"""ABC, character by character, from a held-out tune's header to the end of the tune."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch

from tonerow import abc_notation
from tonerow.abc_notation import Tune
from tonerow.generation.samples import (
    VELOCITY,
    Drawing,
    Request,
    Samples,
    copied_fraction,
    describe,
)
from tonerow.models.base import START
from tonerow.models.predictions import Categorical, Predictions
from tonerow.notes.schema import SAMPLES
from tonerow.notes.score import Score, UnreadableError
from tonerow.notes.table import to_table
from tonerow.progress import progress
from tonerow.tokens.characters import END, UNKNOWN


def generate(request: Request) -> Samples:
    """Writes tunes under held-out headers, and checks them with the ABC reader.

    `parsed_fraction`: tunes that the reader takes without complaint. `full_bars_fraction`: of all
    tunes, those whose bars, but for the first and last of a section, add up to the metre.
    """
    headers = choose_headers(request)
    tunes = [header + body for header, body in zip(headers, write(request, headers), strict=True)]
    texts, notes, full = {}, [], 0
    for i, (source, tune) in enumerate(zip(headers.index, tunes, strict=True)):
        text = f"X:{i + 1}\nT:Sample {i + 1}\n{tune}\n"
        texts[f"sample-{i:02d}.abc"] = text
        try:
            as_written = abc_notation.parse_tune(text, request.settings.max_notes * 4)
            score = abc_notation.play(as_written, request.settings.max_notes * 4)
        except UnreadableError:
            continue
        full += bars_are_full(as_written)
        notes.append(_rows(i, str(source), score))
    table = pd.concat(notes, ignore_index=True) if notes else pd.DataFrame(columns=SAMPLES.names)
    metrics = {
        "samples": len(tunes),
        "notes": len(table),
        "parsed_fraction": len(notes) / len(tunes),
        "full_bars_fraction": full / len(tunes),
        **({"copied_fraction": copied_fraction(table, request)} if notes else {}),
        **(describe(table) if notes else {}),
    }
    return Samples(table, metrics, texts)


def choose_headers(request: Request) -> pd.Series[str]:
    """Headers of held-out tunes, indexed by piece id."""
    path = request.tokens / "chars.parquet"
    table = pq.read_table(path, filters=[("split", "==", request.settings.split)]).to_pandas()
    order = np.random.default_rng(request.settings.seed).permutation(len(table))
    chosen = table.iloc[order[: request.settings.samples]].set_index("piece_id")
    headers = [
        request.tokenizer.decode_text(ids[:length])
        for ids, length in zip(chosen["char_ids"], chosen["header_length"], strict=True)
    ]
    return pd.Series(headers, index=chosen.index)


@torch.no_grad()
def write(request: Request, headers: pd.Series[str]) -> list[str]:
    """The bodies that the model writes under these headers, each up to its end symbol."""
    bodies = []
    for i, header in enumerate(progress(headers.tolist(), desc="generate", unit="tunes")):
        drawing = Drawing(request, [i])
        given = request.tokenizer.encode_text(header)[:-1]  # a header does not end the tune
        length = torch.tensor([len(given)], device=request.device)
        state, body, current = request.model.begin({}, length), [], START
        for t in range(len(given) + request.settings.max_characters):
            before = torch.tensor([current], device=request.device)
            predictions, state = request.model.step({"char": before}, state)
            if t < len(given):
                current = given[t]
                continue
            current = int(drawing.draw(_writable(predictions), None)["char"])
            if current == END:
                break
            body.append(current)
        bodies.append(request.tokenizer.decode_text(body))
    return bodies


def _writable(predictions: Predictions) -> Predictions:
    """The predictions without the symbol of characters that train does not have."""
    scores = predictions["char"].log_probabilities().clone()
    scores[:, UNKNOWN] = float("-inf")
    return {"char": Categorical(scores)}


def _rows(sample: int, source: str, score: Score) -> pd.DataFrame:
    """The notes of a tune as it is played, as rows of `SAMPLES`."""
    notes = to_table(source, score).to_pandas()
    kept: pd.DataFrame = notes[["pitch", "program", "is_drum", "onset_beat", "duration_beat"]]
    return kept.assign(
        sample=sample,
        source_piece_id=source,
        velocity=VELOCITY,
        is_primer=False,
        source_pitch=None,
    )


def bars_are_full(tune: Tune) -> bool:
    """Whether the bars add up to the metre.

    The first and the last bar, and two neighbours that make one bar together (around a repeat), may
    be short.
    """
    bars = [bar for bar in tune.bars if bar.length > 0]
    inner = bars[1:-1]
    i = 0
    while i < len(inner):
        bar = inner[i]
        if bar.meter is None or bar.length == bar.meter:
            i += 1
        elif i + 1 < len(inner) and bar.length + inner[i + 1].length == bar.meter:
            i += 2
        else:
            return False
    return bool(bars)
