"""Several processes that train one model do what one does, and say so when one of them ends."""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from tests.tiny import fields, model_of, pieces_for, settings
from tonerow.models.vocabulary import Vocabularies
from tonerow.params import Params
from tonerow.training import EpochRow, Progress, Team, TeamError, TrainingError, fit, team_of

SIZE = 3
TRAIN, VAL = (30, 20, 25, 9, 1), (15, 12)
GOES_ON = ("lstm_local small", "rnn_heads published 3")
NO_DROPOUT: dict[str, dict[str, float]] = {  # what is drawn in it depends on the process
    "rnn_vanilla published": {},
    "lstm_local small": {"dropout": 0.0, "output_dropout": 0.0, "pitch_dropout": 0.0},
    "rnn_heads published": {},  # keeps the size of its errors beside the weights
    "rnn_heads published 3": {},  # networks: one for each process
    "rnn_vanilla published 2": {},  # not as many for each
    "lstm_window published": {"dropout": 0.0, "embedding_dropout": 0.0},  # the last notes count
}


@dataclass
class Kept:
    """What one process learns.

    Attributes:
        done: by the model's name.
        snapshots: by the model's name, after its first epoch.
    """

    done: dict[str, Progress] = field(default_factory=dict)
    snapshots: dict[str, Any] = field(default_factory=dict)


def chosen(name: str, **changes: Any) -> Params:
    """Batches of 4 windows, of which the last has fewer than there are processes."""
    model, size, *networks = name.split()
    training = {"epochs": 3, "batch_size": 4, "window": 12, "average": 5, **changes}
    if size == "small":
        training |= {"schedule": "one_cycle", "transpose": 3}
    own = {f"models__{model}__{size}__{key}": value for key, value in NO_DROPOUT[name].items()}
    if networks:
        own[f"models__{model}__{size}__networks"] = int(networks[0])
    return settings(
        f"{model} {size}", **own, **{f"training__{key}": value for key, value in training.items()}
    )


def trained(
    params: Params,
    team: Team,
    of: Vocabularies,
    on_epoch: Callable[[EpochRow, dict[str, Any]], None] = lambda row, snapshot: None,
    resume: dict[str, Any] | None = None,
) -> Progress:
    model = model_of(params, of)
    train, val = pieces_for(model, TRAIN), pieces_for(model, VAL, seed=1)
    return fit(model, train, val, params, on_epoch, resume, team)


def all_trained(team: Team, of: Vocabularies) -> Kept:
    """Every model, one after the other."""
    kept = Kept()
    for name in NO_DROPOUT:

        def keep(row: EpochRow, snapshot: dict[str, Any], name: str = name) -> None:
            if row["epoch"] == 1:
                kept.snapshots[name] = copy.deepcopy(snapshot)

        kept.done[name] = trained(chosen(name), team, of, keep)
    return kept


def all_going_on(team: Team, of: Vocabularies, snapshots: dict[str, Any]) -> dict[str, Progress]:
    return {name: trained(chosen(name), team, of, resume=snapshots[name]) for name in GOES_ON}


def take_part(team: Team, of: Vocabularies) -> None:
    all_trained(team, of)
    all_going_on(team, of, {name: {"only": "that of the first counts"} for name in GOES_ON})


@pytest.fixture(scope="module")
def alone() -> Kept:
    return all_trained(Team(), fields())


@pytest.fixture(scope="module")
def together(alone: Kept) -> tuple[Kept, dict[str, Progress]]:
    of = fields()
    with team_of(SIZE, "cpu", take_part, of) as team:
        return all_trained(team, of), all_going_on(team, of, alone.snapshots)


def assert_same(one: Progress, other: Progress) -> None:
    """Up to rounding, which training spreads."""
    assert len(one.curves) == len(other.curves) == 3
    for row, own in zip(one.curves, other.curves, strict=True):
        assert row == pytest.approx(own, rel=1e-4)
    for name, weights in one.best_weights.items():
        torch.testing.assert_close(other.best_weights[name], weights, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("name", NO_DROPOUT)
def test_several_processes_learn_what_one_learns(
    alone: Kept, together: tuple[Kept, dict[str, Progress]], name: str
) -> None:
    assert_same(alone.done[name], together[0].done[name])


def test_networks_of_their_own_learn_the_same_to_the_bit(
    alone: Kept, together: tuple[Kept, dict[str, Progress]]
) -> None:
    one, three = (of.done["rnn_heads published 3"].best_weights for of in (alone, together[0]))
    assert all(torch.equal(one[name], three[name]) for name in one)


@pytest.mark.parametrize("name", GOES_ON)
def test_they_go_on_from_the_snapshot_of_the_first(
    alone: Kept, together: tuple[Kept, dict[str, Progress]], name: str
) -> None:
    assert_same(alone.done[name], together[1][name])


def test_each_draws_its_own_numbers_in_dropout() -> None:
    params = settings(GOES_ON[0], training__epochs=1, training__batch_size=4)
    first, second = (trained(params, Team(place, 1), fields()).best_weights for place in (0, 1))
    assert any(not torch.equal(first[name], second[name]) for name in first)


LOST = chosen("rnn_vanilla published", learning_rate=1e37, epochs=5, clip_value=0.0)


def lose(team: Team, of: Vocabularies) -> None:
    trained(LOST, team, of)


def fail(team: Team, of: Vocabularies) -> None:
    raise ValueError(f"process {team.place} has no disk left")


def vanish(team: Team, of: Vocabularies) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_loss_that_is_no_number_is_said_as_by_one_process() -> None:
    of = fields()
    wrong = pytest.raises(TrainingError, match="no longer a number")
    with wrong, team_of(2, "cpu", lose, of) as team:
        trained(LOST, team, of)


@pytest.mark.parametrize(
    ("member", "reason"), [(fail, "process 1 has no disk left"), (vanish, "SIGKILL")]
)
def test_a_process_that_ends_is_missed_at_once(
    member: Callable[[Team, Vocabularies], None], reason: str
) -> None:
    params, of = chosen("rnn_vanilla published"), fields()
    with pytest.raises(TeamError, match=reason), team_of(2, "cpu", member, of) as team:
        trained(params, team, of)
