"""The beam search: what is found is the most probable, whatever model is searched."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.tiny import model_of, names, pieces_for, settings, whole
from tests.tokens.token_tables import fitted, random_piece
from tonerow.generation.beam import best_pitches
from tonerow.generation.melody import nats_of
from tonerow.generation.samples import Request
from tonerow.models import find
from tonerow.models.base import START, Batch, Model, Notes, Sees, State
from tonerow.models.predictions import Categorical, Predictions

MELODY = [name for name in names() if find(name.split()[0]).view == "melody"]
TOKENIZER = fitted(random_piece("a"))
Lines = list[tuple[int, ...]]


class Table(Model):
    """Logits of each note for each two pitches before it.

    Args:
        logits: (L, V + 1, V + 1, V); the last pitch but one, then the last, 0 for none.
    """

    view = "melody"
    conditions_on = Sees.NOTES_BEFORE

    def __init__(self, logits: Tensor) -> None:
        super().__init__({}, ("pitch",))
        self.logits = nn.Parameter(logits)

    def forward(self, batch: Batch) -> Predictions:
        raise NotImplementedError

    def begin(self, given: Notes, length: Tensor) -> State:
        return {"t": 0, "earlier": torch.full_like(length, START)}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        logits = self.logits[state["t"], state["earlier"] + 1, before["pitch"] + 1]
        return {"pitch": Categorical(logits)}, {"t": state["t"] + 1, "earlier": before["pitch"]}

    def log_probability(self, line: tuple[int, ...]) -> float:
        """Of a whole line."""
        earlier, before, total = 0, 0, 0.0
        for t, pitch in enumerate(line):
            total += self.logits[t, earlier, before].log_softmax(-1)[pitch].item()
            earlier, before = before, pitch + 1
        return total


def random_table(notes: int = 4, pitches: int = 3, seed: int = 0) -> Table:
    numbers = torch.Generator().manual_seed(seed)
    n = pitches + 1
    return Table(2 * torch.randn(notes, n, n, pitches, generator=numbers))


def search(
    model: Model,
    beam: int,
    most: int = 1,
    lengths: tuple[int, ...] = (4,),
    fixed: Tensor | None = None,
    given: Notes | None = None,
    **changes: int,
) -> tuple[Lines, Tensor]:
    """The lines that are found, and the nats of their notes."""
    values: dict[str, Any] = {"beam": beam, "lowest": 0, "highest": 127, **changes}
    chosen = settings(MELODY[0], **{f"generate__{name}": value for name, value in values.items()})
    request = Request(model, Path(), TOKENIZER, chosen.generate)
    fixed = torch.full((len(lengths), max(lengths)), START) if fixed is None else fixed
    found, nats = best_pitches(request, given or {}, torch.tensor(lengths), fixed, most)
    sizes = [length for length in lengths for _ in range(most)]
    return [tuple(row[:n]) for row, n in zip(found.tolist(), sizes, strict=True)], nats


def ranked(model: Table, lines: Lines) -> Lines:
    return sorted(lines, key=model.log_probability, reverse=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_search_that_keeps_all_finds_the_most_probable_lines_in_order(seed: int) -> None:
    model = random_table(seed=seed)
    best = ranked(model, list(itertools.product(range(3), repeat=4)))
    found, nats = search(model, beam=3**3, most=20)
    assert found == best[:20]
    sums = torch.tensor([-model.log_probability(line) for line in found])
    torch.testing.assert_close(nats.sum(1), sums)


@pytest.mark.parametrize("seed", range(5))
def test_one_beginning_is_the_greedy_line(seed: int) -> None:
    model = random_table(seed=seed)
    greedy: tuple[int, ...] = ()
    for _ in range(4):
        greedy += (max(range(3), key=lambda pitch: model.log_probability((*greedy, pitch))),)
    assert search(model, beam=1)[0] == [greedy]


def test_two_beginnings_find_what_the_greedy_line_misses() -> None:
    logits = torch.zeros(2, 3, 3, 2)
    logits[0, ..., 0] = 0.5  # first 0 is likelier, but what follows it is open,
    logits[1, :, 2, 1] = 9.0  # while after 1 comes 1
    assert search(Table(logits), beam=1, lengths=(2,))[0][0][0] == 0
    assert search(Table(logits), beam=2, lengths=(2,))[0] == [(1, 1)]


def test_lines_of_any_length_are_found_side_by_side_as_alone() -> None:
    model = random_table(notes=5)
    alone = [search(model, beam=3, most=2, lengths=(n,))[0] for n in (2, 5, 1, 4)]
    together, _ = search(model, beam=3, most=2, lengths=(2, 5, 1, 4))
    assert together == [line for lines in alone for line in lines]


@pytest.mark.parametrize("seed", range(5))
def test_a_range_and_fixed_pitches_leave_the_most_probable_of_the_rest(seed: int) -> None:
    model = random_table(pitches=4, seed=seed)
    fixed = torch.tensor([[0, START, START, 3]])
    lines = [(0, *middle, 3) for middle in itertools.product((1, 2), repeat=2)]
    found, nats = search(model, beam=4, most=4, fixed=fixed, lowest=1, highest=2)
    assert found == ranked(model, lines)
    sums = torch.tensor([-model.log_probability(line) for line in found])
    torch.testing.assert_close(nats.sum(1), sums)


@pytest.mark.parametrize("name", MELODY)
def test_every_model_is_searched_like_the_table(name: str) -> None:
    model = model_of(settings(name)).eval()
    batch = whole(pieces_for(model, (4,)))
    lines = list(itertools.product((60, 61, 62), repeat=4))
    pitch, n = torch.tensor(lines), len(lines)
    before = {"pitch": torch.cat([torch.full((n, 1), START), pitch[:, :-1]], 1)}
    given = {key: values.expand(n, *values.shape[1:]) for key, values in batch.given.items()}
    told = Batch({}, before, given, batch.length.expand(n), batch.scored.expand(n, -1))
    with torch.no_grad():
        heard = model(told)["pitch"].nll(pitch)
    best = heard.sum(1).argsort()[:3]
    found, nats = search(model, beam=27, most=3, given=batch.given, lowest=60, highest=62)
    assert found == [lines[i] for i in best.tolist()]
    torch.testing.assert_close(nats, heard[best], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", MELODY)
def test_lines_that_are_known_need_what_a_search_that_is_told_all_of_them_says(name: str) -> None:
    model = model_of(settings(name)).eval()
    batch = whole(pieces_for(model, (6, 4)))
    fixed = torch.where(batch.scored, batch.now["pitch"], START)
    found, nats = search(model, beam=1, lengths=(6, 4), fixed=fixed, given=batch.given)
    pitch, at_once = nats_of(model, batch.given, batch.length, fixed)
    assert found == [tuple(row[row != START].tolist()) for row in pitch]
    real = batch.scored
    torch.testing.assert_close(at_once[real], nats[real], rtol=1e-4, atol=1e-4)
