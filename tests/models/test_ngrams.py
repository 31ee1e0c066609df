"""N-grams inside a network: the counts are those of the rivals, and a piece is not told of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tiny import melodies, model_of, pieces_for, settings, whole
from tonerow.evaluation.lines import TICKS_PER_BEAT as FINE
from tonerow.evaluation.lines import Lines
from tonerow.evaluation.viewpoints import VIEWPOINTS, ViewpointModel
from tonerow.models.base import START, Batch
from tonerow.models.context import columns_of_rhythm
from tonerow.models.ngrams import GIVEN_RHYTHM, OWN_RHYTHM, NgramExperts, extended
from tonerow.models.vocabulary import TICKS_PER_BEAT
from tonerow.views import Pieces
from tonerow.windows import Window, make_batch, whole_pieces

LONGEST = 3
SIZES = [12, 1, 30, 2, 9]
TRAIN = melodies(SIZES, low=60, high=64)
TEST = melodies([14, 3, 8], seed=1, low=58, high=64)
RIVALS = ("pitch", "interval", "place", "place_of_3", "place_interval", "rhythm")
"""What `GIVEN_RHYTHM` is called there."""


def counted(pieces: Pieces) -> NgramExperts:
    torch.manual_seed(0)
    experts = NgramExperts(4, 128, LONGEST, GIVEN_RHYTHM)
    experts.fill((columns(piece), piece.now["pitch"]) for piece in whole_pieces(pieces))
    return experts.eval()


def columns(batch: Batch) -> dict[str, Tensor]:
    return {**columns_of_rhythm(batch.given), "pitch": batch.before["pitch"]}


def foretold(experts: NgramExperts, batch: Batch) -> Tensor:
    """Log-probabilities (B, L, E, V)."""
    return experts.foretell(columns(batch), experts.begin(batch.length))[0].log_p.detach()


def lines(pieces: Pieces) -> Lines:
    ticks = pieces.given["ticks"].numpy()
    assert FINE % TICKS_PER_BEAT == 0
    rest, duration = (ticks / TICKS_PER_BEAT).T
    return Lines(pieces.notes["pitch"].numpy(), pieces.first, rest, duration)


def without(pieces: Pieces, gone: int) -> Pieces:
    kept = np.ones(pieces.n_notes, bool)
    kept[pieces.first[gone] : pieces.first[gone + 1]] = False
    sizes = np.delete(np.diff(pieces.first), gone)
    notes = {key: value[kept] for key, value in pieces.notes.items()}
    given = {key: value[kept] for key, value in pieces.given.items()}
    ids = [str(i) for i in range(len(sizes))]
    return Pieces(ids, np.concatenate([[0], sizes.cumsum()]), notes, given)


@pytest.mark.parametrize("name", RIVALS)
def test_they_foretell_what_the_rivals_n_grams_do(name: str) -> None:
    place = RIVALS.index(name)
    rival = ViewpointModel(replace(VIEWPOINTS[name], longest=LONGEST), lines(TRAIN))
    weights = np.ones(len(rival.counts))  # log weights, as before any training
    wanted = torch.from_numpy(rival.distributions(lines(TEST), weights)).float()
    batch = whole(TEST)
    own = foretold(counted(TRAIN), batch)[batch.scored][:, place]
    torch.testing.assert_close(own.exp(), wanted, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("piece", range(len(SIZES)))
def test_a_piece_is_not_told_of_itself(piece: int) -> None:
    """But for the pitch of its last note, where another note has the same context."""
    experts, rest, n = counted(TRAIN), counted(without(TRAIN, piece)), SIZES[piece]
    batch = make_batch(TRAIN, [Window(int(TRAIN.first[piece]), n)])
    keys = experts._keys(columns(batch), experts.begin(batch.length))[0]
    pitch = batch.before["pitch"]
    counts = experts._without_own(experts._counts(keys), keys, pitch, batch.length)[0]
    assert not counts[n - 1].any()  # nothing is known of the last
    last = experts._symbols(batch.now["pitch"], pitch)[0, n - 1]  # (K,)
    for t in range(n - 1):
        more = counts[t] - rest._counts(keys[0, t])
        shared = keys[0, t] == keys[0, n - 1]
        assert set(more[shared, last[shared]].tolist()) <= {0.0, 1.0}
        more[shared, last[shared]] = 0
        assert not more.any()
    if n > 1:
        assert counts[:-1, 0].any()  # what no note before is looked at for is known, too


def test_rows_of_a_batch_do_not_touch_each_other() -> None:
    experts, batch = counted(TRAIN).train(), whole(TRAIN)
    together = foretold(experts, batch)
    for i, n in enumerate(SIZES):
        alone = make_batch(TRAIN, [Window(int(TRAIN.first[i]), n)])
        torch.testing.assert_close(foretold(experts, alone)[0], together[i, :n])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    experts, batch = counted(TRAIN), whole(TEST)
    at_once = foretold(experts, batch)
    monkeypatch.setattr("tonerow.models.ngrams.BLOCK", 1)
    torch.testing.assert_close(foretold(experts, batch), at_once)


@pytest.mark.parametrize("parts", [[1] * 14, [5, 9], [13, 1]])
def test_notes_may_come_in_parts(parts: Sequence[int]) -> None:
    experts = counted(TRAIN)
    batch = make_batch(TEST, [Window(0, 14)])
    past, start, found = experts.begin(batch.length), 0, []
    for n in parts:
        at = slice(start, start + n)
        these = {name: column[:, at] for name, column in columns(batch).items()}
        own, past = experts.foretell(these, past)
        found.append(own.log_p)
        start += n
    torch.testing.assert_close(torch.cat(found, 1).detach(), foretold(experts, batch))


def test_what_lies_before_a_window_is_not_taken_for_a_beginning() -> None:
    experts = counted(TRAIN)
    start = int(TRAIN.first[2])
    batch = make_batch(TRAIN, [Window(start + 5, 10)])
    keys = experts._keys(columns(batch), experts.begin(batch.length))[0]
    whole_line = make_batch(TRAIN, [Window(start, 30)])
    known = experts._keys(columns(whole_line), experts.begin(whole_line.length))[0]
    of_pitch = slice(0, 1 + LONGEST)  # nothing, and 1 to 3 pitches
    met = torch.isin(keys[0, :, of_pitch], known[0, :, of_pitch])
    assert met[0].tolist() == [True, True, False, False]
    assert met[2:].all()


def test_a_pitch_is_counted_once_a_piece() -> None:
    again = Pieces(
        ["a", "b"],
        np.array([0, 4, 6]),
        {"pitch": torch.tensor([60, 60, 60, 62, 60, 64])},
        {key: value[:6] for key, value in TRAIN.given.items()},
    )
    experts = counted(again)
    batch = whole(again)
    keys = experts._keys(columns(batch), experts.begin(batch.length))[0]
    counts = experts._counts(keys[0, 0, 0])  # of nothing, the first viewpoint's
    assert counts.nonzero().flatten().tolist() == [60, 62, 64]
    assert counts[[60, 62, 64]].tolist() == [2, 1, 1]


def test_hashes_differ_where_contexts_do() -> None:
    values = torch.arange(-300, 300)
    one = extended(torch.zeros_like(values), values)
    two = extended(one[:, None], values).flatten()
    assert len(set(two.tolist())) == len(values) ** 2


def test_viewpoints_do_not_share_contexts() -> None:
    batch = whole(TEST)
    experts = counted(TRAIN)
    keys = experts._keys(columns(batch), experts.begin(batch.length))[0][batch.scored]
    of = [set(part.flatten().tolist()) for part in torch.split(keys, experts.lengths, -1)]
    assert len(set().union(*of)) == sum(len(own) for own in of)


def test_a_model_that_has_counted_nothing_foretells_nothing() -> None:
    experts = NgramExperts(4, 128, LONGEST, OWN_RHYTHM).eval()
    of = {"pitch": torch.tensor([[START, 60]]), "rhythm": torch.tensor([[0, 1]])}
    of["end_in_4"] = of["rhythm"]
    log_p = experts.foretell(of, experts.begin(torch.tensor([2])))[0].log_p
    torch.testing.assert_close(log_p.exp(), torch.full((1, 2, 5, 128), 1 / 128))


@pytest.mark.parametrize("name", ["lstm_local few", "rnn_heads small"])
def test_a_model_counts_its_training_pieces_and_keeps_them(name: str) -> None:
    chosen = settings(name, **{f"models__{name.replace(' ', '__')}__ngram_length": LONGEST})
    model = model_of(chosen).eval()
    pieces = pieces_for(model, (12, 20, 9))
    before = model(whole(pieces))["pitch"].log_probabilities()
    model.prepare(partial(whole_pieces, pieces))
    batch = whole(pieces)
    after = model(batch)["pitch"].log_probabilities()
    assert not torch.allclose(after[batch.scored], before[batch.scored])
    again = model_of(chosen).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(batch)["pitch"].log_probabilities(), after)
