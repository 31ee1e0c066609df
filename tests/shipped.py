"""The shipped ``params.yaml`` for tests: its keys, models and sizes; its choices as set here.

A test shall not depend on what a user has set, and ``dvc exp run -S`` writes into ``params.yaml``.
A second copy of the file would drift; the committed one is not to be had outside git and may hold
a user's values too. So the file is read where it lies, and every value that tests may lean on is set
to the one in `CHOICES`. Models and sizes are those of the file: what is asked of every model is asked
of a user's too.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tonerow import params

PATH = Path(__file__).resolve().parent.parent / "params.yaml"
"""The file itself, with whatever the user has set in it."""

_AS_IT_LIES: dict[str, Any] = YAML(typ="safe").load(PATH)

CHOICES: dict[str, Any] = {
    "model": "lstm_local",
    "size": "small",
    "corpus": "folk",
    "corpora.folk.collections": ["ryansMammoth", "oneills1850"],
    "corpora.folder.path": "tests/corpus",
    "corpora.maestro.path": None,
    "ingest.workers": -1,
    "ingest.backend": "loky",
    "ingest.scheduler": None,
    "ingest.max_minutes": 240,
    "ingest.max_notes": 200000,
    "ingest.max_megabytes": 16,
    "ingest.timeout_sec": 20,
    "ingest.max_memory_mb": 1024,
    "ingest.max_rejected_fraction": 0.9,
    "ingest.cache_mb": 4096,
    "split.seed": 1,
    "split.method": "work",
    "split.val_fraction": 0.1,
    "split.test_fraction": 0.1,
    "split.shared_run": 16,
    "split.shared_fraction": 0.05,
    "split.beat_run": 6,
    "split.beat_fraction": 0.2,
    "tokenize.ticks_per_beat": 24,
    "tokenize.max_beats": 16,
    "tokenize.abc_fields": ["R", "M", "L", "K"],
    "train.seed": 1,
    "train.device": "auto",
    "train.threads": 1,
    "train.processes": 2,
    "evaluate.window": 512,
    "evaluate.stride": 256,
    "evaluate.ngram_orders": [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16],
    "generate.seed": 1,
    "generate.source": "data/splits",
    "generate.samples": 8,
    "generate.split": "test",
    "generate.max_notes": 400,
    "generate.bars": None,
    "generate.seconds": None,
    "generate.beam": 0,
    "generate.primer": 32,
    "generate.max_characters": 2000,
    "generate.temperature": 0.9,
    "generate.top_k": 0,
    "generate.top_p": 0.95,
    "generate.min_p": 0.0,
    "generate.repeat_decay": 0.0,
    "generate.hints": [],
    "generate.lowest": 0,
    "generate.highest": 127,
    "generate.instrument": 0,
    "generate.tempo_bpm": None,
    "track.experiment": "tonerow",
    "track.register_as": None,
    "track.system_metrics": False,
}
"""Values by dotted name: all of the file but the settings of models."""


def section(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """The section of a dotted name; the whole tree's is empty."""
    for part in filter(None, name.split(".")):
        tree = tree[part]
    return tree


def put(tree: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Sets values by dotted name; their sections must be there."""
    for name, value in values.items():
        parent, _, key = name.rpartition(".")
        section(tree, parent)[key] = value


def leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted name of every value."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def text(values: Mapping[str, Any] | None = None) -> str:
    """The file with `CHOICES`, then with `values` by dotted name; comments are kept."""
    yaml = YAML()
    tree = yaml.load(PATH)
    put(tree, CHOICES)
    put(tree, values or {})
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


def tree(values: Mapping[str, Any] | None = None, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The same as plain dicts, a fresh one each time, and without some keys."""
    plain = copy.deepcopy(_AS_IT_LIES)
    put(plain, copy.deepcopy(CHOICES))
    put(plain, values or {})
    for name in without:
        parent, _, key = name.rpartition(".")
        del section(plain, parent)[key]
    return plain


def settings(values: Mapping[str, Any] | None = None) -> params.Params:
    """The same, validated."""
    return params.Params.model_validate(tree(values))
