"""What a melody decoder is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.tiny import random_rhythm
from tonerow.models.base import START
from tonerow.models.context import Context, Heard


def test_without_options_nothing_is_told_and_nothing_mixed_in() -> None:
    context, before = Context(4, 128, whole_rhythm=True), torch.tensor([[START, 60, 62]])
    told, heard = context.told(before, context.begin({}, torch.tensor([3])))
    assert (told.shape, context.size, list(context.parameters())) == ((1, 3, 0), 0, [])
    logits = torch.randn(1, 3, 128)
    assert context.mix(logits, torch.randn(1, 3, 4), before, heard)[0] is logits


def everything(whole_rhythm: bool = True) -> Context:
    torch.manual_seed(0)
    sizes = {"copy_size": 3, "copy_matches": 4, "place_size": 2, "relative_size": 3}
    return Context(4, 128, whole_rhythm, **sizes).eval()


N = 30
BEFORE = torch.randint(58, 64, (1, N), generator=torch.Generator().manual_seed(0))
OUT = torch.randn(1, N, 4, generator=torch.Generator().manual_seed(1))
LENGTH = torch.tensor([N])


def given() -> dict[str, torch.Tensor]:
    rhythm = random_rhythm(np.random.default_rng(0), np.array([0, N]))
    return {name: values[None] for name, values in rhythm.items()}


def decoded(context: Context, parts: list[int], rhythm: dict[str, torch.Tensor]) -> torch.Tensor:
    """What is told and mixed when the notes come in parts of these sizes, side by side."""
    heard: Heard = context.begin(rhythm, LENGTH)
    columns, start = [], 0
    for n in parts:
        at = slice(start, start + n)
        told, heard = context.told(BEFORE[:, at], heard)
        logits, heard = context.mix(torch.zeros(1, n, 128), OUT[:, at], BEFORE[:, at], heard)
        columns.append(torch.cat([told, logits], -1))
        start += n
    return torch.cat(columns, 1)[0].detach()


@pytest.mark.parametrize("whole_rhythm", [True, False])
@pytest.mark.parametrize("parts", [[1] * N, [5, 7, 1, 17], [29, 1]])
def test_notes_may_come_in_parts(whole_rhythm: bool, parts: list[int]) -> None:
    context = everything(whole_rhythm)
    torch.testing.assert_close(decoded(context, parts, given()), decoded(context, [N], given()))


def test_a_context_that_may_not_know_later_rhythm_does_not() -> None:
    changed = given()
    changed["ticks"][0, 20:] += 1
    changed["onset"][0, 21:] += 2
    changed["remaining"] += 9
    for whole_rhythm in (True, False):
        context = everything(whole_rhythm)
        same = torch.equal(decoded(context, [N], given())[:20], decoded(context, [N], changed)[:20])
        assert same != whole_rhythm


def test_what_is_mixed_is_a_distribution() -> None:
    probabilities = decoded(everything(), [N], given())[:, -128:].exp().sum(-1)
    torch.testing.assert_close(probabilities, torch.ones(N))
