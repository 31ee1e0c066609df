"""Train and compare sequence models on MIDI and ABC, reproducibly."""

import atexit
import gc
import os

# Python ends with a search for garbage among all that torch, pandas and MLflow have made: more than a
# second, to give memory back that the process gives back anyway.
atexit.register(gc.freeze)

# OpenMP's threads wait at barriers by spinning; beside other busy processes a training of two
# threads then slows up to twentyfold. After so short a spin they sleep instead. libgomp reads this
# when torch loads it, so it stands where every entry point passes before torch.
if "OMP_WAIT_POLICY" not in os.environ:  # the user's own choice
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
