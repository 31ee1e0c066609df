"""What every architecture promises, on every model and size of params.yaml (made small).

A new architecture adds one line to `N_PARAMETERS`; everything else finds it by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tiny import SHIPPED, names, pieces_for, rows, whole
from tonerow.models import build, find
from tonerow.models.base import START, Batch, Model, Sees
from tonerow.models.predictions import Categorical
from tonerow.models.vocabulary import Vocabulary
from tonerow.windows import Window, make_batch, whole_pieces

SIZES = {"pitch_embedding": 8, "embedding": 8, "hidden_size": 16, "encoder_size": 6}
SIZES |= {"field_size": 8, "window": 12, "copy_size": 4, "copy_matches": 3, "place_size": 2}
SIZES |= {"relative_size": 3, "ngram_length": 2}


def valued(size: int) -> Vocabulary:
    norms = np.linspace(-2, 2, size)
    edges = (norms[1:] + norms[:-1]) / 2
    values = tuple(float(i) / 4 for i in range(size))
    return Vocabulary(size, tuple(edges.tolist()), values, tuple(norms.tolist()), 4.0)


VOCABULARIES = {
    "pitch": Vocabulary(128),
    "offset": valued(9),
    "duration": valued(7),
    "velocity": valued(11),
    "instrument": Vocabulary(3),
    "char": Vocabulary(30),
}
N_PARAMETERS = {
    "rnn_vanilla": 244_518,
    "lstm_local": 7_223_424,
    "lstm_full": 15_917_697,
    "lstm_window": 2_237_379,
    "transformer": 930_867,
    # The write-ups of the rest leave sizes open; these are the sections' own, with the vocabularies
    # above: they guard against a change that nobody meant.
    "rnn_heads": 33_537,
    "lstm_fields": 2_583_379,
    "lstm_char": 5_289_502,
}
"""Of the size `published`, or of the first size of a model that was never written up."""

VARIANTS: dict[str, dict[str, Any]] = {
    "lstm_local published: encoder of another size": {"encoder_size": 6},
    "lstm_local published: copies": {"copy_size": 4},
    "lstm_local published: hides pitches": {"pitch_dropout": 0.5},
    "rnn_vanilla published: copies": {"copy_size": 4},
    "lstm_full published: encoder of another size": {"encoder_size": 6},
    "lstm_full published: copies": {"copy_size": 4},
    "lstm_local published: places": {"place_size": 2},
    "lstm_local published: relative": {"relative_size": 3},
    "lstm_local published: n-grams": {"ngram_length": 2},
    "rnn_heads published: n-grams": {"ngram_length": 2},
    "lstm_local small: two networks": {"networks": 2},
    "lstm_window published: two networks": {"networks": 2},
    "rnn_heads few: two networks": {"networks": 2},
    "lstm_char small: two networks": {"networks": 2},
    "lstm_window published: gaussian": {"density": "gaussian"},
    "rnn_heads published: all fields": {
        "predicts": ["pitch", "offset", "duration", "velocity", "instrument"]
    },
    "rnn_heads published: lstm": {"cell": "lstm", "layers": 2},
    "rnn_heads published: gru": {"cell": "gru"},
    "lstm_fields published: regress": {"time_head": "regress", "density": "squared_error"},
    "lstm_fields published: mixture": {
        "time_head": "regress",
        "density": "mixture",
        "components": 3,
    },
    "lstm_fields published: poisson": {"time_head": "poisson"},
}
"""Options that no section has switched on."""


def section_of(name: str) -> dict[str, Any]:
    model, size = name.partition(":")[0].split()
    return SHIPPED.models[model][size].model_dump(exclude={"training"}) | VARIANTS.get(name, {})


def small(name: str, **changes: Any) -> Model:
    section = section_of(name)
    sizes = {key: SIZES[key] for key in SIZES if section.get(key)}
    torch.manual_seed(0)
    model = build(name.split(maxsplit=1)[0], {**section, **sizes, **changes}, VOCABULARIES)
    model.prepare(partial(whole_pieces, pieces_for(model, (9, 12, 5), seed=1)))
    return model


def batch_for(model: Model, lengths: tuple[int, ...] = (12, 5, 12, 1, 9), seed: int = 0) -> Batch:
    return whole(pieces_for(model, lengths, seed))


def nats(model: Model, batch: Batch) -> Tensor:
    """Nats of each note, summed over the fields, (B, L); 0 at padding."""
    predictions = model(batch)
    nll = torch.stack([predictions[name].nll(batch.now[name]) for name in model.predicts]).sum(0)
    return torch.where(batch.scored, nll, torch.zeros_like(nll))


every_model = pytest.mark.parametrize("name", [*names(), *VARIANTS])


@pytest.mark.parametrize("model", list(SHIPPED.models))
def test_written_up_size(model: str) -> None:
    size = (
        "published" if "published" in SHIPPED.models[model] else next(iter(SHIPPED.models[model]))
    )
    built = build(model, section_of(f"{model} {size}"), VOCABULARIES)
    line = f'"{model}": {built.n_parameters():_},'
    assert built.n_parameters() == N_PARAMETERS.get(model), f"in N_PARAMETERS should stand {line}"


@every_model
def test_predicts_a_distribution_for_each_field_of_each_note(name: str) -> None:
    model = small(name).eval()
    predictions = model(batch_for(model))
    assert set(predictions) == set(model.predicts)
    for field, prediction in predictions.items():
        probabilities = prediction.log_probabilities().exp()
        assert probabilities.shape == (5, 12, VOCABULARIES[field].size)
        torch.testing.assert_close(probabilities.sum(-1), torch.ones(5, 12))


@every_model
def test_a_later_note_changes_nothing_before_it(name: str) -> None:
    model = small(name).eval()
    batch = batch_for(model, (12,))
    now = {key: value.clone() for key, value in batch.now.items()}
    before = {key: value.clone() for key, value in batch.before.items()}
    for field in model.predicts:
        now[field][0, 7] = (now[field][0, 7] + 1) % VOCABULARIES[field].size
        for key in (field, f"{field}_norm"):
            if key in before:
                before[key][0, 8] += -1 if before[key][0, 8] > 0 else 1
    as_it_was, after = nats(model, batch), nats(model, replace(batch, now=now, before=before))
    assert torch.equal(as_it_was[0, :7], after[0, :7])
    assert not torch.allclose(as_it_was[0, 7], after[0, 7])
    assert not torch.allclose(as_it_was[0, 8:], after[0, 8:])


SEES_OF_RHYTHM: dict[Sees, Callable[[int], int]] = {
    Sees.WHOLE_RHYTHM: lambda t: 0,
    Sees.RHYTHM_SO_FAR: lambda t: t,
    Sees.NOTES_BEFORE: lambda t: t + 1,
    Sees.WINDOW_BEFORE: lambda t: t + 1,
    Sees.CHARACTERS_BEFORE: lambda t: t + 1,
}
"""The first note whose prediction may change with the rhythm of note t, by what a model sees."""


@every_model
@pytest.mark.parametrize("t", [0, 7, 11])
def test_a_model_sees_no_more_than_it_says(name: str, t: int) -> None:
    model = small(name).eval()
    batch = batch_for(model, (12,))
    given = {key: value.clone() for key, value in batch.given.items()}
    for key, value in given.items():
        # to the end remains more for all notes before, too
        value[0, slice(0, t + 1) if key == "remaining" else t] += 1
    unseen = slice(0, SEES_OF_RHYTHM[model.conditions_on](t))
    changed = nats(model, replace(batch, given=given))
    assert torch.equal(changed[0, unseen], nats(model, batch)[0, unseen])


@pytest.mark.parametrize("name", [n for n in names() if small(n).reach is not None])
def test_a_window_is_all_that_is_seen(name: str) -> None:
    model = small(name, **({"window": 4} if "window" in section_of(name) else {})).eval()
    notes = (model.reach or 0) + 8
    predictions, batch = [], batch_for(model, (notes,))
    for start in (0, 3, 8):  # what came before the last `reach` notes is not seen
        state = model.begin(batch.given, batch.length)
        for t in range(start, notes):
            step, state = model.step({k: v[:, t] for k, v in batch.before.items()}, state)
        predictions.append(step["pitch"].log_probabilities())
    torch.testing.assert_close(predictions[0], predictions[1])
    torch.testing.assert_close(predictions[0], predictions[2])


@every_model
def test_steps_equal_the_whole_sequence(name: str) -> None:
    model = small(name).eval()
    notes = model.reach or 80  # many, for a model that would forget what is long ago
    batch = batch_for(model, (notes, 5, 12, 1, 9))
    predictions, state = model(batch), model.begin(batch.given, batch.length)
    for t in range(notes):
        step, state = model.step({key: ids[:, t] for key, ids in batch.before.items()}, state)
        real = batch.scored[:, t]
        for field in model.predicts:
            torch.testing.assert_close(
                step[field].log_probabilities()[real],
                predictions[field].log_probabilities()[real, t],
            )


@every_model
def test_steps_may_begin_in_the_middle_of_a_piece(name: str) -> None:
    model = small(name).eval()
    pieces = pieces_for(model, (20,))
    batch = make_batch(pieces, [Window(8, 9)])
    predictions, state = model(batch), model.begin(batch.given, batch.length)
    for t in range(9):
        before = {key: ids[:, t] for key, ids in batch.before.items()}
        again, _ = model.step(before, state)  # a state is not changed by a step
        step, state = model.step(before, state)
        for field in model.predicts:
            logs = step[field].log_probabilities()
            torch.testing.assert_close(logs, predictions[field].log_probabilities()[:, t])
            assert torch.equal(logs, again[field].log_probabilities())


@every_model
def test_padding_and_batch_size_change_no_loss(name: str) -> None:
    model = small(name).eval()
    batch = batch_for(model)
    together = nats(model, batch)
    for i, n in enumerate(batch.length.tolist()):
        alone = rows(batch, i, slice(n))
        torch.testing.assert_close(nats(model, alone)[0], together[i, :n])


@every_model
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = small(name)
    batch = batch_for(model, (12, 12, 12, 12))
    model.loss(model(batch), batch).backward()  # type: ignore[no-untyped-call]
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


DROPOUTS = "pitch_dropout", "dropout", "embedding_dropout", "output_dropout"


def has_learned(model: Model, batch: Batch) -> list[str]:
    """The fields that the model does not know by heart yet."""
    missing = []
    for field, prediction in model(batch).items():
        target = batch.now[field]
        if isinstance(prediction, Categorical):
            learned = bool(prediction.hits(target).float().mean() > 0.9)
        else:  # is trained to be near, not to hit; the middle of all values is off by a quarter
            error = (prediction.best() - target).abs().float().mean()
            learned = bool(error < VOCABULARIES[field].size / 8)
        missing += [] if learned else [field]
    return missing


OTHER_HEADS = {"predicts", "cell", "density", "time_head"}
"""What decides how a model learns; the other options only tell it more."""
LEARNERS = [*names(), *(name for name, changes in VARIANTS.items() if OTHER_HEADS & set(changes))]


@pytest.mark.parametrize("name", LEARNERS)
def test_learns_four_windows_by_heart(name: str) -> None:
    """Sooner or later: how soon differs between processors and decides nothing."""
    wanted = {"hidden_size": 64, **dict.fromkeys(DROPOUTS, 0.0)}
    model = small(name, **{key: wanted[key] for key in wanted if key in section_of(name)})
    batch = batch_for(model, (12, 12, 12, 12))
    optimizer = torch.optim.Adam(model.parameters(), 0.01, fused=True)
    missing = ["all"]
    for step in range(5000):
        optimizer.zero_grad()
        model.loss(model(batch), batch).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 9 and not (missing := has_learned(model, batch)):
            break
    assert not missing, step


@every_model
def test_same_seed_same_weights(name: str) -> None:
    first, second = small(name).state_dict(), small(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_model
def test_cpu_and_cuda_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # as `runtime.prepare` does
    model = small(name).eval()
    pieces = pieces_for(model, (12, 5, 12, 1, 9))
    on_cpu = nats(model, whole(pieces))
    on_cuda = nats(model.cuda(), whole(pieces.to(torch.device("cuda"))))
    torch.testing.assert_close(on_cuda.cpu(), on_cpu, atol=1e-4, rtol=1e-4)


def test_batches_start_with_the_start_symbol() -> None:
    batch = batch_for(small("rnn_vanilla published"))
    assert (batch.before["pitch"][:, 0] == START).all()


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match=r"no src/tonerow/models/lstm\.py for the model 'lstm'"):
        find("lstm")


def test_a_file_without_its_class_is_named() -> None:
    with pytest.raises(LookupError, match=r"models/layers\.py has no class Layers"):
        find("layers")
