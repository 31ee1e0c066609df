"""The contract's own small parts."""

from __future__ import annotations

import torch
from torch import nn

from tonerow.models.base import START, Sees, embed


def test_start_embeds_as_zero() -> None:
    embedding = nn.Embedding(128, 4)
    found = embed(embedding, torch.tensor([START, 0, 60]))
    assert torch.equal(found[0], torch.zeros(4))
    assert torch.equal(found[1:], embedding.weight[[0, 60]])


def test_what_a_model_sees_has_a_tag_and_a_label() -> None:
    assert Sees.WHOLE_RHYTHM.tag == "whole_rhythm"
    assert "rhythm of the whole line" in Sees.WHOLE_RHYTHM.value
    assert len({sees.value for sees in Sees}) == len(Sees)


def test_an_embedding_in_training_hides_a_share_of_its_ids() -> None:
    torch.manual_seed(0)
    embedding, ids = nn.Embedding(128, 4), torch.full((4000,), 60)
    hidden = (embed(embedding, ids, 0.3) == 0).all(-1)
    assert 0.25 < hidden.float().mean() < 0.35
    assert torch.equal(embed(embedding.eval(), ids, 0.3), embed(embedding, ids))
