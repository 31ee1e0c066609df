"""What every architecture promises, on every section of params.yaml (at small sizes)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tonerow import params
from tonerow.models import ARCHITECTURES, build
from tonerow.models.base import START, Batch, Model

SETTINGS = params.load()
SIZES = {"pitch_embedding": 8, "hidden_size": 16, "encoder_size": 6, "copy_size": 4}

N_PARAMETERS = {
    "rnn_vanilla": 244_518,
    "lstm_local": 7_223_424,
    "lstm_full": 15_917_697,
}
"""Of the written-up designs."""


def small(name: str, **changes: Any) -> Model:
    section = SETTINGS.models[name].model_dump()
    sizes = {key: SIZES[key] for key in SIZES if section.get(key)}
    torch.manual_seed(0)
    return build({**section, **sizes, **changes})


def without_dropout(name: str) -> Model:
    return small(name).eval()


def melody_batch(lengths: tuple[int, ...] = (12, 5, 12, 1, 9), seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    size, longest = len(lengths), max(lengths)
    length = torch.tensor(lengths)
    pitch = torch.randint(40, 90, (size, longest), generator=generator)
    start = torch.full((size, 1), START)
    return {
        "pitch": pitch,
        "previous": torch.cat([start, pitch[:, :-1]], 1),
        "rhythm": torch.randn(size, longest, 2, generator=generator),
        "length": length,
        "scored": torch.arange(longest) < length[:, None],
    }


def nats(model: Model, batch: Batch) -> Tensor:
    predictions = model(batch)
    nll = torch.stack([predictions[f].nll(batch[f]) for f in model.fields]).sum(0)
    return torch.where(batch["scored"], nll, torch.zeros_like(nll))


every_model = pytest.mark.parametrize("name", list(SETTINGS.models))


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_written_up_size(architecture: str) -> None:
    section = SETTINGS.models[architecture].model_dump()
    assert build(section).n_parameters() == N_PARAMETERS[architecture]


@every_model
def test_predicts_a_distribution_for_each_note(name: str) -> None:
    model, batch = without_dropout(name), melody_batch()
    predictions = model(batch)
    assert set(predictions) == set(model.fields)
    for prediction in predictions.values():
        assert prediction.logits.shape == (5, 12, 128)
        assert torch.isfinite(prediction.logits).all()


@every_model
def test_a_later_note_changes_nothing_before_it(name: str) -> None:
    model, batch = without_dropout(name), melody_batch((12,))
    before = nats(model, batch)
    changed = {**batch, "pitch": batch["pitch"].clone(), "previous": batch["previous"].clone()}
    changed["pitch"][0, 7] += 1
    changed["previous"][0, 8] += 1
    after = nats(model, changed)
    assert torch.equal(before[0, :7], after[0, :7])
    assert not torch.allclose(before[0, 7:], after[0, 7:])


@every_model
def test_rhythm_is_seen_as_far_as_the_model_says(name: str) -> None:
    model, batch = without_dropout(name), melody_batch((12,))
    changed = {**batch, "rhythm": batch["rhythm"].clone()}
    changed["rhythm"][0, 7] += 1
    same = torch.equal(nats(model, batch)[0, :7], nats(model, changed)[0, :7])
    assert same == (model.conditions_on == "the rhythm of the line up to and including the note")


@every_model
def test_steps_equal_the_whole_sequence(name: str) -> None:
    model, batch = without_dropout(name), melody_batch()
    whole, state = model(batch)["pitch"].logits, model.begin(batch)
    for t in range(12):
        out, state = model.step({"pitch": batch["previous"][:, t]}, state)
        real = batch["scored"][:, t]
        torch.testing.assert_close(out["pitch"].logits[real], whole[real, t])


@every_model
def test_padding_and_batch_size_change_no_loss(name: str) -> None:
    model, batch = without_dropout(name), melody_batch()
    together = nats(model, batch)
    for i, n in enumerate(batch["length"].tolist()):
        alone = {k: v[i : i + 1] if k == "length" else v[i : i + 1, :n] for k, v in batch.items()}
        torch.testing.assert_close(nats(model, alone)[0], together[i, :n])


@every_model
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model, batch = small(name), melody_batch((12, 12, 12, 12))
    nats(model, batch).sum().backward()  # type: ignore[no-untyped-call]
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@every_model
def test_overfits_four_windows(name: str) -> None:
    section = SETTINGS.models[name].model_dump()
    changes = {"hidden_size": 48} | ({"dropout": 0.0} if "dropout" in section else {})
    model, batch = small(name, **changes), melody_batch((12, 12, 12, 12))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        nll = nats(model, batch).mean()
        nll.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert nll < 0.1
    assert model(batch)["pitch"].hits(batch["pitch"]).float().mean() > 0.95


@every_model
def test_same_seed_same_weights(name: str) -> None:
    first, second = small(name).state_dict(), small(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_model
def test_cpu_and_cuda_agree(name: str) -> None:
    model, batch = without_dropout(name), melody_batch()
    on_cpu = nats(model, batch)
    on_cuda = nats(model.cuda(), {key: value.cuda() for key, value in batch.items()})
    torch.testing.assert_close(on_cuda.cpu(), on_cpu, atol=1e-4, rtol=1e-4)
