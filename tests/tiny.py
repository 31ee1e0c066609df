"""Small models, melodies and settings for the tests of what runs models."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests import shipped
from tonerow import params
from tonerow.models import build
from tonerow.models.base import Batch, Model
from tonerow.models.vocabulary import Vocabularies
from tonerow.views import Pieces, rhythm_of, vocabularies
from tonerow.windows import Window, make_batch

torch.set_num_threads(1)  # more only get in each other's way in models this small

SHIPPED = shipped.settings()
SIZES = {
    "pitch_embedding": 6,
    "embedding": 6,
    "field_size": 6,
    "hidden_size": 8,
    "encoder_size": 6,
    "copy_size": 4,
    "copy_matches": 3,
    "place_size": 2,
    "relative_size": 3,
    "ngram_length": 2,
    "window": 6,
}


@cache
def fields() -> Vocabularies:
    """Those of a random piece."""
    from tests.tokens.token_tables import TUNE, fitted, random_piece  # scikit-learn takes seconds

    return vocabularies(fitted(random_piece("a"), text=TUNE))


def names() -> Iterator[str]:
    """Every model and size of params.yaml, like "lstm_local small", that is another when made small.

    Left out are sizes that differ from one before in numbers that are made small, in what is dropped
    in training, or in how they are trained.
    """
    for model, sizes in SHIPPED.models.items():
        forms: list[dict[str, Any]] = []
        for size, section in sizes.items():
            numbers = section.model_dump(exclude={"training"})
            form = {
                key: bool(value) if key in SIZES or "dropout" in key else value
                for key, value in numbers.items()
            }
            if form not in forms:
                forms.append(form)
                yield f"{model} {size}"


def settings(name: str = "rnn_vanilla published", **changes: Any) -> params.Params:
    """The shipped settings with this model and size, made small, and some values changed.

    Args:
        name: as `names` gives it.
        changes: new values by dotted name, ``__`` for the dot; those of the model's own training
            are ``training__...``.
    """
    tree = shipped.tree()
    tree["model"], tree["size"] = name.split()
    section = tree["models"][tree["model"]][tree["size"]]
    section.update({key: size for key, size in SIZES.items() if section.get(key)})
    for dotted, value in changes.items():
        *parents, key = dotted.split("__")
        node = section if parents[:1] == ["training"] else tree
        for parent in parents:
            node = node[parent]
        node[key] = value
    if "window" in section:
        section["window"] = section["training"]["window"]
    return params.Params.model_validate(tree)


def model_of(chosen: params.Params, of: Vocabularies | None = None, seed: int = 0) -> Model:
    """The untrained model that settings select, by default of `fields`; the same for the same seed."""
    torch.manual_seed(seed)
    return build(chosen.model, chosen.selected.model_dump(exclude={"training"}), of or fields())


def melodies(sizes: list[int], seed: int = 0, low: int = 55, high: int = 75) -> Pieces:
    """Random melodies of these lengths."""
    generator = np.random.default_rng(seed)
    n = sum(sizes)
    pitch = torch.from_numpy(generator.integers(low, high, n))
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    ids = [str(i) for i in range(len(sizes))]
    return Pieces(ids, first, {"pitch": pitch}, random_rhythm(generator, first))


def lines(*pieces: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pieces of these ids, end to end, and where each begins."""
    ids = np.array([pitch for piece in pieces for pitch in piece])
    return ids, np.cumsum([0, *(len(piece) for piece in pieces)])


def playing(notes: Pieces, *pieces: list[int]) -> Pieces:
    """Pieces that play these of the notes."""
    index, first = lines(*pieces)
    of = {name: values[index] for name, values in notes.notes.items()}
    given = {name: values[index] for name, values in notes.given.items()}
    return Pieces([str(i) for i in range(len(pieces))], first, of, given)


def random_rhythm(generator: np.random.Generator, first: NDArray[np.int64]) -> dict[str, Tensor]:
    """The rhythm of random lines: times in half beats, and values that tell each note apart."""
    norms = generator.normal(size=(first[-1], 2))
    return rhythm_of(norms, generator.integers([0, 1], [2, 4], norms.shape) / 2, first)


def pieces_for(model: Model, lengths: tuple[int, ...], seed: int = 0) -> Pieces:
    """Random pieces of these lengths, with all that a model's view holds."""
    generator, n = torch.Generator().manual_seed(seed), sum(lengths)

    def ids(name: str) -> Tensor:
        return torch.randint(0, model.vocabularies[name].size, (n,), generator=generator)

    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    given: dict[str, Tensor] = {}
    if model.view == "melody":  # few pitches, so that tunes repeat themselves
        notes = {"pitch": torch.randint(58, 64, (n,), generator=generator)}
        given = random_rhythm(np.random.default_rng(seed), first)
    elif model.view == "chars":
        notes = {"char": ids("char")}
    else:
        notes = {key: ids(key) for key in ("pitch", "offset", "duration", "velocity", "instrument")}
        for key in ("offset", "duration", "velocity"):
            notes[f"{key}_norm"] = torch.tensor(model.vocabularies[key].norms)[notes[key]]
    return Pieces([str(i) for i in range(len(lengths))], first, notes, given)


def whole(pieces: Pieces) -> Batch:
    """One batch with each piece as one window."""
    lengths = np.diff(pieces.first).tolist()
    return make_batch(pieces, [Window(a, n) for a, n in zip(pieces.first, lengths, strict=False)])


def rows(batch: Batch, keep: slice | int, notes: slice = slice(None)) -> Batch:
    """Some rows of a batch, and of these some of the notes."""
    keep = slice(keep, keep + 1) if isinstance(keep, int) else keep

    def cut(tensors: Any) -> Any:
        return {key: value[keep, notes] for key, value in tensors.items()}

    return Batch(
        now=cut(batch.now),
        before=cut(batch.before),
        given=cut(batch.given),
        length=batch.length[keep],
        scored=batch.scored[keep, notes],
    )
