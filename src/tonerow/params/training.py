"""How one model is trained; the same keys for every architecture and size."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from tonerow.params.section import NonNegativeInt, PositiveFloat, Section


class Training(Section):
    """How one model is trained: optimiser, schedule, windows and augmentation."""

    optimizer: Literal["adam", "adamw"]
    """adam, or adamw, which applies weight_decay to the weights themselves and not through the
    gradient"""

    beta2: Annotated[float, Field(ge=0, lt=1)]
    """of both: squared gradients are averaged over about 1 / (1 - beta2) updates"""

    learning_rate: PositiveFloat
    """size of an update of the optimiser, above 0; with one_cycle, the highest of the run"""

    schedule: Literal["constant", "one_cycle"]
    """of the learning rate: constant, or one_cycle, which rises first and then falls to final_rate"""

    final_rate: Annotated[float, Field(ge=0, le=1)]
    """with one_cycle: the share of the highest learning rate that is left at the end, 0-1"""

    weight_decay: Annotated[float, Field(ge=0)]
    """how strongly weights are pulled towards 0; 0 is not at all"""

    clip_norm: Annotated[float, Field(ge=0)]
    """a gradient whose norm is above this is scaled down to it; 0 is not at all"""

    clip_value: Annotated[float, Field(ge=0)]
    """each number of a gradient is cut at plus and minus this; 0 is not at all"""

    batch_size: PositiveInt
    """windows in an update"""

    window: PositiveInt
    """notes in a training window; characters for an architecture that reads characters"""

    windows: Literal["all", "one"]
    """windows of a piece that an epoch sees: all, or one at a random place"""

    predict: Literal["all", "last"]
    """notes of a window that the model learns to predict: all, or the last alone"""

    max_windows: NonNegativeInt
    """windows in an epoch, chosen at random from all; 0 is no limit"""

    transpose: Annotated[int, Field(ge=0, le=12)]
    """semitones by which a window is shifted up or down at most, at random; 0-12, 0 is not at
    all"""

    skip_repeats: Annotated[float, Field(ge=0, le=1)]
    """share of the pieces, chosen anew for each epoch, that are learned from without the notes of runs
    that they have played before; 0 is none"""

    average: NonNegativeInt
    """the model that is scored and kept has the mean of the weights over about so many updates; 0 is
    no mean"""

    epochs: PositiveInt
    """passes over the training pieces at most; patience may end it sooner"""

    patience: NonNegativeInt
    """the training stops after so many epochs without a better val NLL; 0 is never"""
