"""MLflow runs: one for each training, and none that costs a training.

A store that is slow, dead, locked or misconfigured, be it a server, a database or a full disk, must
cost seconds and one warning. So a thread of its own talks to it, in order; what the store does not
take is tried again until the training ends, then given up. `start` follows a training live;
`record` adds evaluation and samples, and makes up the run of a model that DVC restored.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Self

from ruamel.yaml import YAML
from tqdm import tqdm

from tonerow.params import Params
from tonerow.tracking.overview import overview
from tonerow.tracking.store import (
    KEY_CHARACTERS,
    SEARCH,
    TOKENS,
    VALUE_CHARACTERS,
    Point,
    Save,
    Store,
    recipe,
    set_environment,
)

START_SECONDS, FAIL_SECONDS = 10.0, 10.0  # how long a training waits for a store that is slow,
FINISH_SECONDS, RECORD_SECONDS = 30.0, 300.0  # and how long for what it has not taken yet
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 120.0  # between two tries, doubling

_Job = Callable[[Store], None]


class Run:
    """A run, or what becomes one as soon as the store answers; nothing here raises for the store.

    As a context manager: leaving it by Ctrl-C ends the run as KILLED, by another exception, or
    without `finish`, as FAILED.
    """

    def __init__(self, settings: Params) -> None:
        self._settings = settings
        self._store = Store(settings.track.experiment)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._settled = threading.Event()  # the first job has been done, or has failed once
        self._closing = threading.Event()
        self._lost = self._warned = False
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        try:
            set_environment()
            # Not in the thread: two threads that import at a time can trip each other up.
            import mlflow.tracking  # noqa: F401, PLC0415 - takes seconds

            self._thread.start()
        except Exception as error:
            self._closing.set()
            self._warn(error)

    def create(self, name: str, tags: Mapping[str, str], values: Mapping[str, str]) -> Self:
        """Creates the run, or turns to the one with this `training_id`; waits up to 10 s."""
        self._put(lambda store: store.create(name, tags, values))
        try:
            self._settled.wait(START_SECONDS)
        except BaseException:
            self.fail("KILLED")
            raise
        return self

    def log_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Logs one point of each curve, such as ``val_nll`` in nats; returns at once."""
        points = as_points(values, epoch)
        self._put(lambda store: store.log(points))

    def log_summary(self, values: Mapping[str, float]) -> None:
        """Logs numbers about the training as a whole, such as ``training_seconds``."""
        self.log_epoch(0, values)

    def finish(self, model: str | Path) -> None:
        """Ends the run as FINISHED, tagged with the model file's md5, the one in ``dvc.lock``."""
        md5 = _md5(Path(model))
        name = _name(self._settings, md5)
        self._put(lambda store: store.finish(md5, name))
        self._close(FINISH_SECONDS)

    def fail(self, status: Literal["FAILED", "KILLED"] = "FAILED") -> None:
        """Ends the run of a training that did not get through."""
        self._put(lambda store: store.client.set_terminated(store.run_id, status))
        self._close(FAIL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not self._closing.is_set():
            self.fail("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")

    def _put(self, job: _Job) -> None:
        if not self._closing.is_set():
            self._jobs.put(job)

    def _close(self, seconds: float) -> bool:
        """Waits for the jobs to be done; True if the store took them all."""
        if not self._closing.is_set():
            self._jobs.put(None)
            self._closing.set()
            self._thread.join(seconds)
            if self._thread.is_alive():
                self._warn(TimeoutError(f"no answer within {seconds:.0f} s"))
        return not self._lost

    def _work(self) -> None:
        """Does the jobs in order, each until it succeeds or is refused; twice more when closing."""
        pause, last_tries = FIRST_PAUSE, 2
        while (job := self._jobs.get()) is not None:
            while not self._try(job):
                if not self._closing.is_set():
                    self._closing.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                elif (last_tries := last_tries - 1) > 0:
                    time.sleep(1)
                else:
                    self._lost = True
                    return
            self._settled.set()

    def _try(self, job: _Job) -> bool:
        """Whether the job is over and done with."""
        try:
            job(self._store)
        except Exception as error:
            refused = _is_refusal(error)
            self._warn(error, lost=refused)
            return refused
        return True

    def _warn(self, error: Exception, lost: bool = True) -> None:
        """One line a run, on stderr, between the progress bars."""
        self._lost |= lost
        self._settled.set()
        if not self._warned:
            self._warned = True
            reason = next(iter(str(error).strip().splitlines()), "")[:300]
            text = f"MLflow ({self._store.uri}) is not logging: {type(error).__name__}: {reason}"
            text = re.sub(r"//[^/@\s]*@", "//", text)  # no user and password
            tqdm.write(f"warning: {text}", file=sys.stderr)


def start(settings: Params) -> Run:
    """Starts the run of a training; waits up to 10 s for a store that is slow to take it.

    If it does not, one warning is printed, and what is logged is kept until it does or the training
    ends.
    """
    tags = _tags(settings) | {"training_id": uuid.uuid4().hex} | _context()
    run = Run(settings).create(_name(settings), tags, training_params(settings))
    if settings.track.system_metrics:
        run._put(lambda store: store.watch_machine())
    return run


def record(
    settings: Params,
    model: Path,
    scores: Path,
    samples: Path,
    metrics: Path,
    lock: Path,
    save: Save,
) -> bool:
    """Puts the model, its evaluation and samples into its run, in place of earlier ones.

    The run is the latest with the md5 of `model`. There is none if DVC restored the model from its
    cache, or the store is new: then the run is made up from the curves, and tagged ``restored``.

    Args:
        settings: the whole of ``params.yaml``, of which what concerns the training is logged.
        model: the model file.
        scores: folder that becomes the artifacts under ``scores``.
        samples: folder that becomes those under ``samples``.
        metrics: folder with ``curves.csv`` (one row per epoch) and JSON files, whose numbers become
            metrics named ``<file>/<dotted key>``; becomes the artifacts under ``metrics``.
        lock: ``dvc.lock``, which says what the tokens were; without it no data are named. It becomes
            an artifact, and its md5 the tag ``dvc_lock_md5``: it is the lock before this stage's entry.
        save: writes the model as MLflow reads it; registered if `track` names what under.

    Returns:
        Whether the store took everything; if not, a warning has been printed.
    """
    md5 = _md5(model)
    name, values = _name(settings, md5), training_params(settings)
    tags = _tags(settings) | {"training_id": f"restored-{md5}", "restored": "true"}
    curves = _curves(metrics / "curves.csv")
    numbers = [point for path in sorted(metrics.glob("*.json")) for point in _numbers(path)]

    def find_or_restore(store: Store) -> None:
        with store.lock:
            status = store.find("model_md5", md5, but=SEARCH)  # a trial is of train and val alone
            if status != "FINISHED":
                if status is None:
                    store.create(name, tags, values)
                store.log(curves)
                store.finish(md5, name)

    run = Run(settings)
    run._put(find_or_restore)
    if tokens := _tokens(lock):
        counts, lock_md5 = _counts(metrics), _md5(lock)
        run._put(lambda store: store.log_data(settings.corpus, tokens, lock_md5, counts))
        run._put(lambda store: store.client.log_artifact(store.run_id, str(lock)))
        run._put(lambda store: store.client.set_tag(store.run_id, "dvc_lock_md5", lock_md5))
    run._put(lambda store: store.log(numbers))
    if rival := _rival(metrics / "evaluate.json"):
        run._put(lambda store: store.client.set_tag(store.run_id, "rival", rival))
    run._put(lambda store: store.log_model(save, settings.name, values))
    summary = [point for point in numbers if point[0].startswith("summary/")]
    run._put(lambda store: store.log(summary, model=True))
    if register_as := settings.track.register_as:
        run._put(lambda store: store.register(register_as))
    run._put(lambda store: store.describe(partial(overview, metrics)))
    run._put(lambda store: store.replace_folder(metrics, "metrics"))
    run._put(lambda store: store.replace_folder(scores, "scores"))
    run._put(lambda store: store.replace_folder(samples, "samples"))
    return run._close(RECORD_SECONDS)


def training_params(settings: Params) -> dict[str, str]:
    """The settings a training depends on, under dotted names.

    The selected model's section stands at the top (``hidden_size``, ``training.learning_rate``), so
    that models compare column by column.
    """
    dump = settings.model_dump(mode="json")
    tree = {key: dump[key] for key in ("corpus", "split", "tokenize", "model", "size", "train")}
    tree["corpora"] = {settings.corpus: settings.corpus_settings.model_dump(mode="json")}
    tree |= settings.selected.model_dump(mode="json")
    return {key: as_text(value) for key, value in flatten(tree)}


def recipe_of(settings: Params) -> frozenset[tuple[str, str]]:
    """The settings of a training, but for seed, device and threads; as `finished` gives it of a run."""
    return recipe(training_params(settings))


def _is_refusal(error: Exception) -> bool:
    """Whether trying again is pointless: a ValueError, or an HTTP 4xx that is not 'busy'."""
    status = getattr(error, "get_http_status_code", None)
    code = status() if callable(status) else 0
    return isinstance(error, ValueError) or (400 <= code < 500 and code not in (408, 429))


def _name(settings: Params, md5: str = "") -> str:
    """The model's name, then the DVC experiment's or the start of the model file's md5."""
    return f"{settings.name} {os.environ.get('DVC_EXP_NAME') or md5[:7]}".strip()


def _tags(settings: Params) -> dict[str, str]:
    tags = {"model": settings.model, "size": settings.size, "corpus": settings.corpus}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
        tags["git_commit"] = done.stdout.strip()
    return tags


def _context() -> dict[str, str]:
    """The tags in ``MLFLOW_RUN_CONTEXT``, which MLflow gives to every run that it starts itself."""
    with contextlib.suppress(ValueError):
        tags = json.loads(os.environ.get("MLFLOW_RUN_CONTEXT", ""))
        return tags if isinstance(tags, dict) else {}
    return {}


def _tokens(lock: Path) -> str:
    """The md5 of the tokens by ``dvc.lock``; empty if it has none."""
    if not lock.is_file():
        return ""
    stage = YAML(typ="safe").load(lock)["stages"].get("tokenize", {})
    found = {out["path"]: out["md5"] for out in stage.get("outs", [])}
    return str(found.get(TOKENS, "")).removesuffix(".dir")


def _counts(metrics: Path) -> dict[str, Any]:
    """Pieces and notes of the corpus and of each split, as far as the metrics say."""
    found: dict[str, Any] = {}
    for name in ("ingest", "split"):
        if (file := metrics / f"{name}.json").is_file():
            found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings, each with its dotted name."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def as_text(value: object) -> str:
    """A setting as MLflow keeps it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 3] + "..."


def as_points(values: Mapping[str, float], step: int) -> list[Point]:
    """Metrics as MLflow takes them; infinity, which it would store as 1.8e308, becomes NaN."""
    now = time.time_ns() // 1_000_000
    finite = {name: value if math.isfinite(value) else math.nan for name, value in values.items()}
    return [(_legal(name), float(value), now, step) for name, value in finite.items()]


def _legal(name: str) -> str:
    """The name without what MLflow refuses; the first slash, which groups charts, stays."""
    parts = [re.sub(r"[^\w.\- ]", "_", part).strip(".") or "_" for part in name.split("/", 1)]
    return "/".join(parts)[:KEY_CHARACTERS]


def _curves(path: Path) -> list[Point]:
    """Every cell of the curves that holds a number, at its epoch."""
    points = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            epoch = int(row.pop("epoch"))
            points += as_points({key: float(cell) for key, cell in row.items() if cell}, epoch)
    return points


def _rival(path: Path) -> str:
    """The name of the rival that the model stands beside; empty if there is none."""
    test = json.loads(path.read_text(encoding="utf-8"))["test"]
    return str(test.get("rival", {}).get("name", "")).removeprefix("rival_")


def _numbers(path: Path) -> list[Point]:
    """Every number in a JSON file; texts and lists are in the file itself, which is logged too."""
    items = flatten(json.loads(path.read_text(encoding="utf-8")), f"{path.stem}/")
    return as_points({key: value for key, value in items if isinstance(value, (int, float))}, 0)
