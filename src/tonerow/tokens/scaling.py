"""Continuous fields to zero mean and unit variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Transform = Literal["identity", "log1p(24x)"]

TRANSFORMS: dict[str, Transform] = {
    "step": "log1p(24x)",
    "duration": "log1p(24x)",
    "velocity": "identity",
    "melody_rest": "log1p(24x)",
    "melody_duration": "log1p(24x)",
}
"""What happens to each field before it is standardised.

Times are heavy-tailed: played on the piano, the longest step lies 71 standard deviations above the
mean as it is, 16 after log(1 + x) and 6 after log(1 + 24 x), which is linear below 1/24 of a
beat, where times are as good as simultaneous, and logarithmic above.
"""

RESOLUTION = 24.0


@dataclass(frozen=True)
class Scaler:
    """A transform, then ``(x - mean) / scale``.

    Attributes:
        transform: "identity", or "log1p(24x)" for a time x >= 0.
        mean: of the transformed train values.
        scale: their standard deviation, > 0; 1 for a field that never varies.
    """

    transform: Transform
    mean: float
    scale: float

    def __post_init__(self) -> None:
        if self.transform not in ("identity", "log1p(24x)"):
            raise ValueError(
                f"transform is {self.transform!r}; allowed: 'identity', 'log1p(24x)'; "
                "run the tokenize stage again"
            )
        if not self.scale > 0:
            raise ValueError(f"scale is {self.scale}; allowed: > 0; run the tokenize stage again")

    def apply(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Normalises values.

        Args:
            values: any shape, in the field's own unit.

        Returns:
            float64 of the same shape, without unit.
        """
        return (transformed(self.transform, values) - self.mean) / self.scale


def transformed(transform: Transform, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """What is standardised: the values themselves, or log(1 + 24 x)."""
    times = np.asarray(values, dtype=np.float64)
    return times if transform == "identity" else np.log1p(RESOLUTION * times)
