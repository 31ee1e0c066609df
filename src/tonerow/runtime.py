"""Device, threads, seeds and determinism of a stage that runs a model."""

from __future__ import annotations

import os
import random

import numpy as np
import torch

from tonerow.params import ParamsError


def prepare(device: str, threads: int, seed: int) -> torch.device:
    """Seeds every generator, fixes the number of threads and picks the device.

    Args:
        device: "auto" (CUDA if there is one, else CPU), "cpu" or "cuda".
        threads: CPU threads of torch. Sums are taken in another order with another number, so the
            weights differ too.
        seed: of `random`, numpy and torch.

    Returns:
        The device to run on.

    Raises:
        ParamsError: CUDA is asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ParamsError("train.device is cuda, but torch finds no CUDA device; use auto or cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before CUDA starts
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False  # a GPU shall give what a CPU gives
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (libraries draw from the global generator)
    torch.manual_seed(seed)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" or threads > 1:  # one thread sums in one order anyhow; this imports for 2 s
        torch.use_deterministic_algorithms(True)
        # nothing reads what it has not written; to fill it takes up to a tenth of a training
        torch.utils.deterministic.fill_uninitialized_memory = False
    return torch.device(device)


def processes(device: torch.device, wanted: int) -> int:
    """How many processes train a model together: as many as wanted, but on GPUs one each."""
    return wanted if device.type == "cpu" else min(wanted, torch.cuda.device_count())
