"""Cross-validation: pieces dealt to folds of equal size, each of which is test once and val once.

Source: Kohavi, A Study of Cross-Validation and Bootstrap for Accuracy Estimation and Model
Selection, IJCAI 1995.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonerow.splitting.works import SplitError


def deal(units: Sequence[str], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Deals pieces to folds; the pieces of one unit stay together.

    Units are taken from large to small, those of one size in the order of a hash of seed and unit.
    Each goes to the fold that has fewest pieces by then. Where every piece is a unit of its own,
    that is a random partition whose folds differ by one piece at most.

    Args:
        units: of each piece: its own id (folds over pieces) or its work's (folds over works).
        n_folds: at least 3, as train, val and test need one each.
        seed: another seed is another partition.

    Returns:
        The fold of each piece, 0 to n_folds - 1; none is empty.

    Raises:
        SplitError: there are fewer than 3 folds, or fewer units than folds.
    """
    names, unit, sizes = np.unique(
        np.array(units, dtype=object), return_inverse=True, return_counts=True
    )
    if n_folds < 3:
        raise SplitError(f"{n_folds} folds are too few: train, val and test need one each")
    if len(names) < n_folds:
        raise SplitError(
            f"{len(names)} units cannot be dealt to {n_folds} folds; ask for at most {len(names)}"
        )
    rank = [hashlib.blake2b(f"{seed}\n{name}".encode(), digest_size=8).digest() for name in names]
    fold = np.zeros(len(names), np.int64)
    pieces = np.zeros(n_folds, np.int64)
    for index in sorted(range(len(names)), key=lambda index: (-sizes[index], rank[index])):
        fold[index] = int(pieces.argmin())  # of equals the first
        pieces[fold[index]] += sizes[index]
    return fold[unit]


def sides(fold: NDArray[np.int64], test: int) -> NDArray[np.str_]:
    """The sides when one fold is test: the next fold is val, and all others are train.

    Args:
        fold: of each piece, as `deal` gives it.
        test: the fold to test on.

    Returns:
        "train", "val" or "test" for each piece.
    """
    n_folds = int(fold.max()) + 1
    side = np.full(len(fold), "train", dtype="<U5")
    side[fold == (test + 1) % n_folds] = "val"
    side[fold == test] = "test"
    return side
