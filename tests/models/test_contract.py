"""What every architecture promises, on every section of params.yaml (at small sizes)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tonerow import params
from tonerow.models import ARCHITECTURES, build
from tonerow.models.base import START, Batch, Model
from tonerow.models.predictions import Categorical
from tonerow.models.vocabulary import Field
from tonerow.windows import Pieces, Window, make_batch

SETTINGS = params.load()
SIZES = {"pitch_embedding": 8, "embedding": 8, "hidden_size": 16, "encoder_size": 6, "copy_size": 4}
SIZES |= {"field_size": 8, "window": 12}


def valued(size: int) -> Field:
    norms = np.linspace(-2, 2, size)
    edges = (norms[1:] + norms[:-1]) / 2
    values = tuple(float(i) / 4 for i in range(size))
    return Field(size, tuple(edges.tolist()), values, tuple(norms.tolist()), 4.0)


VOCABULARIES = {
    "pitch": Field(128),
    "offset": valued(9),
    "duration": valued(7),
    "velocity": valued(11),
    "instrument": Field(3),
    "char": Field(30),
}
N_PARAMETERS = {
    "rnn_vanilla": 244_518,
    "lstm_local": 7_223_424,
    "lstm_full": 15_917_697,
    "lstm_window": 2_237_379,
    # The write-ups of the rest leave sizes open; these are the sections' own, with the vocabularies
    # above: they guard against a change that nobody meant.
    "rnn_heads": 124_033,
    "lstm_fields": 2_583_379,
    "lstm_char": 5_289_502,
}


VARIANTS: dict[str, dict[str, Any]] = {
    "lstm_local: encoder of another size": {"encoder_size": 6},
    "lstm_local: copies": {"copy_size": 4},
    "lstm_window: gaussian": {"density": "gaussian"},
    "rnn_heads: all fields": {
        "predicts": ["pitch", "offset", "duration", "velocity", "instrument"]
    },
    "rnn_heads: lstm": {"cell": "lstm", "layers": 2},
    "rnn_heads: gru": {"cell": "gru"},
    "lstm_fields: regress": {"time_head": "regress", "density": "squared_error"},
    "lstm_fields: mixture": {"time_head": "regress", "density": "mixture", "components": 3},
    "lstm_fields: poisson": {"time_head": "poisson"},
}
"""Options that no section has switched on."""


def section_of(name: str) -> dict[str, Any]:
    section: dict[str, Any] = SETTINGS.models[name.partition(":")[0]].model_dump()
    return section | VARIANTS.get(name, {})


def small(name: str, **changes: Any) -> Model:
    section = section_of(name)
    sizes = {key: SIZES[key] for key in SIZES if section.get(key)}
    torch.manual_seed(0)
    return build({**section, **sizes, **changes}, VOCABULARIES)


def batch_for(model: Model, lengths: tuple[int, ...] = (12, 5, 12, 1, 9), seed: int = 0) -> Batch:
    """Random pieces of these lengths, with all that a model's view holds."""
    generator, n = torch.Generator().manual_seed(seed), sum(lengths)

    def ids(name: str) -> Tensor:
        return torch.randint(0, VOCABULARIES[name].size, (n,), generator=generator)

    if model.view == "melody":
        values = {"pitch": ids("pitch"), "rhythm": torch.randn(n, 2, generator=generator)}
    elif model.view == "chars":
        values = {"char": ids("char")}
    else:
        values = {
            key: ids(key) for key in ("pitch", "offset", "duration", "velocity", "instrument")
        }
        for key in ("offset", "duration", "velocity"):
            values[f"{key}_norm"] = torch.tensor(VOCABULARIES[key].norms)[values[key]]
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    pieces = Pieces([str(i) for i in range(len(lengths))], first, values)
    windows = [Window(a, b) for a, b in zip(first[:-1].tolist(), lengths, strict=True)]
    return make_batch(pieces, windows)


def nats(model: Model, batch: Batch) -> Tensor:
    predictions = model(batch)
    nll = torch.stack([predictions[f].nll(batch[f]) for f in model.fields]).sum(0)
    return torch.where(batch["scored"], nll, torch.zeros_like(nll))


every_model = pytest.mark.parametrize("name", [*SETTINGS.models, *VARIANTS])


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_written_up_size(architecture: str) -> None:
    section = SETTINGS.models[architecture].model_dump()
    assert build(section, VOCABULARIES).n_parameters() == N_PARAMETERS[architecture]


@every_model
def test_predicts_a_distribution_for_each_field_of_each_note(name: str) -> None:
    model = small(name).eval()
    predictions = model(batch_for(model))
    assert set(predictions) == set(model.fields)
    for field, prediction in predictions.items():
        probabilities = prediction.log_probabilities().exp()
        assert probabilities.shape == (5, 12, VOCABULARIES[field].size)
        torch.testing.assert_close(probabilities.sum(-1), torch.ones(5, 12))


@every_model
def test_a_later_note_changes_nothing_before_it(name: str) -> None:
    model = small(name).eval()
    batch = batch_for(model, (12,))
    before = nats(model, batch)
    changed = {key: value.clone() for key, value in batch.items()}
    for field in model.fields:
        changed[field][0, 7] = (changed[field][0, 7] + 1) % VOCABULARIES[field].size
        for key in (f"previous_{field}", f"previous_{field}_norm"):
            if key in changed:
                changed[key][0, 8] += -1 if changed[key][0, 8] > 0 else 1
    after = nats(model, changed)
    assert torch.equal(before[0, :7], after[0, :7])
    assert not torch.allclose(before[0, 7], after[0, 7])
    assert not torch.allclose(before[0, 8:], after[0, 8:])


@pytest.mark.parametrize("name", [n for n in SETTINGS.models if small(n).view == "melody"])
def test_rhythm_is_seen_as_far_as_the_model_says(name: str) -> None:
    model = small(name).eval()
    batch = batch_for(model, (12,))
    changed = {**batch, "rhythm": batch["rhythm"].clone()}
    changed["rhythm"][0, 7] += 1
    same = torch.equal(nats(model, batch)[0, :7], nats(model, changed)[0, :7])
    assert same == (model.conditions_on == "the rhythm of the line up to and including the note")


@every_model
def test_steps_equal_the_whole_sequence(name: str) -> None:
    model = small(name).eval()
    batch = batch_for(model)
    whole, state = model(batch), model.begin(batch)
    for t in range(12):
        previous = {k: v[:, t] for k, v in batch.items() if k.startswith("previous_")}
        out, state = model.step(previous, state)
        real = batch["scored"][:, t]
        for field in model.fields:
            torch.testing.assert_close(
                out[field].log_probabilities()[real], whole[field].log_probabilities()[real, t]
            )


@every_model
def test_padding_and_batch_size_change_no_loss(name: str) -> None:
    model = small(name).eval()
    batch = batch_for(model)
    together = nats(model, batch)
    for i, n in enumerate(batch["length"].tolist()):
        alone = {k: v[i : i + 1] if k == "length" else v[i : i + 1, :n] for k, v in batch.items()}
        torch.testing.assert_close(nats(model, alone)[0], together[i, :n])


@every_model
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = small(name)
    batch = batch_for(model, (12, 12, 12, 12))
    model.loss(model(batch), batch).backward()  # type: ignore[no-untyped-call]
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@every_model
def test_overfits_four_windows(name: str) -> None:
    section = section_of(name)
    changes = {key: 0.0 for key in ("dropout", "embedding_dropout") if key in section}
    model = small(name, hidden_size=64, **changes)
    batch = batch_for(model, (12, 12, 12, 12))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(300):
        optimizer.zero_grad()
        model.loss(model(batch), batch).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    for field, prediction in model(batch).items():
        hits = prediction.hits(batch[field]).float().mean()
        if isinstance(prediction, Categorical):
            assert hits > 0.9, field
        else:  # is trained to be near, not to hit
            error = (prediction.best() - batch[field]).abs().float().mean()
            assert error < VOCABULARIES[field].size / 8, field


@every_model
def test_same_seed_same_weights(name: str) -> None:
    first, second = small(name).state_dict(), small(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_model
def test_cpu_and_cuda_agree(name: str) -> None:
    model = small(name).eval()
    batch = batch_for(model)
    on_cpu = nats(model, batch)
    on_cuda = nats(model.cuda(), {key: value.cuda() for key, value in batch.items()})
    torch.testing.assert_close(on_cuda.cpu(), on_cpu, atol=1e-4, rtol=1e-4)


def test_batches_start_with_the_start_symbol() -> None:
    batch = batch_for(small("rnn_vanilla"))
    assert (batch["previous_pitch"][:, 0] == START).all()
