"""A packed batch is the same as one sequence at a time."""

from __future__ import annotations

import pytest
import torch

from tests.models.test_contract import VOCABULARIES, batch_for, small
from tonerow.models import build


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_packed_batch_and_single_sequences_have_equal_loss_and_gradients(cell: str) -> None:
    model = small("rnn_heads", cell=cell)
    batch = batch_for(model)

    def summed(rows: dict[str, torch.Tensor]) -> torch.Tensor:
        predictions = model(rows)
        losses = [
            predictions[f].loss(rows[f], rows.get(f"{f}_norm"))[rows["scored"]].sum()
            for f in model.fields
        ]
        return torch.stack(losses).sum()

    together = summed(batch)
    together.backward()  # type: ignore[no-untyped-call]
    gradients = {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    one_by_one = torch.zeros(())
    for i, n in enumerate(batch["length"].tolist()):
        alone = {k: v[i : i + 1] if k == "length" else v[i : i + 1, :n] for k, v in batch.items()}
        loss = summed(alone)
        loss.backward()  # type: ignore[no-untyped-call]
        one_by_one = one_by_one + loss.detach()
    torch.testing.assert_close(one_by_one, together.detach(), atol=1e-5, rtol=1e-5)
    for key, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[key], atol=1e-5, rtol=1e-5)


def test_heads_follow_the_parameter() -> None:
    model = small("rnn_heads", predicts=["pitch", "duration", "velocity", "instrument"])
    predictions = model(batch_for(model))
    assert set(predictions) == {"pitch", "duration", "velocity", "instrument"}


def test_time_heads_of_lstm_fields() -> None:
    for head in ("classify", "regress", "poisson"):
        model = small("lstm_fields", time_head=head)
        batch = batch_for(model)
        predictions = model(batch)
        assert torch.isfinite(model.loss(predictions, batch))
        for name in ("offset", "duration"):
            total = predictions[name].log_probabilities().exp().sum(-1)
            torch.testing.assert_close(total, torch.ones_like(total))
            assert predictions[name].best().max() < VOCABULARIES[name].size


def test_an_unknown_architecture_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        build({"architecture": "lstm"}, VOCABULARIES)
