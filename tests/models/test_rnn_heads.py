"""A batch, packed or not, is the same as one sequence at a time."""

from __future__ import annotations

import pytest
import torch

from tests.models.test_contract import VOCABULARIES, batch_for, small
from tests.tiny import rows
from tonerow.models.base import Batch


@pytest.mark.parametrize("lengths", [(12, 5, 12, 1, 9), (12, 1, 3, 2)])  # the second is packed
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_batch_and_single_sequences_have_equal_loss_and_gradients(
    cell: str, lengths: tuple[int, ...]
) -> None:
    model = small("rnn_heads published", cell=cell)
    batch = batch_for(model, lengths)

    def summed(batch: Batch) -> torch.Tensor:
        predictions = model(batch)
        losses = [
            predictions[f].loss(batch.now[f], batch.now.get(f"{f}_norm"))[batch.scored].sum()
            for f in model.predicts
        ]
        return torch.stack(losses).sum()

    together = summed(batch)
    together.backward()  # type: ignore[no-untyped-call]
    gradients = {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    one_by_one = torch.zeros(())
    for i, n in enumerate(batch.length.tolist()):
        loss = summed(rows(batch, i, slice(n)))
        loss.backward()  # type: ignore[no-untyped-call]
        one_by_one = one_by_one + loss.detach()
    torch.testing.assert_close(one_by_one, together.detach(), atol=1e-5, rtol=1e-5)
    for key, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[key], atol=1e-5, rtol=1e-5)


def test_heads_follow_the_parameter() -> None:
    predicts = ["pitch", "duration", "velocity", "instrument"]
    model = small("rnn_heads published", predicts=predicts)
    assert set(model(batch_for(model))) == set(predicts)


def test_time_heads_of_lstm_fields() -> None:
    for head in ("classify", "regress", "poisson"):
        model = small("lstm_fields published", time_head=head)
        batch = batch_for(model)
        predictions = model(batch)
        assert torch.isfinite(model.loss(predictions, batch))
        for name in ("offset", "duration"):
            total = predictions[name].log_probabilities().exp().sum(-1)
            torch.testing.assert_close(total, torch.ones_like(total))
            assert predictions[name].best().max() < VOCABULARIES[name].size
