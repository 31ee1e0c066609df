"""The settings in ``params.yaml``: one frozen, validated model per section.

`load` reads the file as DVC does (YAML 1.2) and refuses an unknown key, a wrong type, a value out of
range or a contradiction with an error that names the key, what was found and what is allowed. This
module imports no other of the package, and nothing slow, so that a typo shows within a second.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(ge=0, lt=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Threads = Annotated[int, Field(ge=1, le=1024)]


class ParamsError(ValueError):
    """``params.yaml`` says something it cannot mean; the message names every such key."""


class Section(BaseModel):
    """A section of ``params.yaml``: immutable, without unknown keys, without silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class FolkCorpus(Section):
    """ABC tunes inside the installed music21 package."""

    collections: Annotated[
        list[Literal["ryansMammoth", "oneills1850", "airdsAirs", "essenFolksong"]],
        Field(min_length=1),
    ]


class FolderCorpus(Section):
    """A folder of MIDI and ABC files at any depth."""

    path: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _is_written_out(self) -> FolderCorpus:
        if self.path.startswith("~"):
            raise ValueError(f"path is {self.path!r}; DVC does not know ~, write the path out")
        return self


class MaestroCorpus(Section):
    """MAESTRO v3.0.0; `path` is a local copy of the zip or of the unpacked folder."""

    path: Annotated[str, Field(min_length=1)] | None = None


class Corpora(Section):
    """Where raw files come from, one entry per corpus."""

    folk: FolkCorpus
    folder: FolderCorpus
    maestro: MaestroCorpus


class Ingest(Section):
    """Who reads files, and the limits within which a file is read."""

    workers: int
    backend: Literal["loky", "dask"] = "loky"
    scheduler: Annotated[str, Field(min_length=1)] | None = None
    max_minutes: PositiveFloat
    max_notes: PositiveInt
    max_megabytes: PositiveFloat
    timeout_sec: PositiveFloat
    max_memory_mb: Annotated[int, Field(ge=64)] = 1024
    max_rejected_fraction: Fraction = 1.0
    cache_mb: NonNegativeInt = 4096

    @model_validator(mode="after")
    def _workers(self) -> Ingest:
        if self.workers == 0 or self.workers < -1:
            raise ValueError(f"workers is {self.workers}; allowed: -1 (one a core) or 1, 2, ...")
        if (self.backend == "dask") != (self.scheduler is not None):
            raise ValueError(
                f"backend is {self.backend} and scheduler is {self.scheduler}; dask needs the "
                "address of a scheduler, loky has none (null)"
            )
        return self


class Split(Section):
    """How pieces are shared out among train, val and test."""

    method: Literal["work", "file", "official"]
    val_fraction: Annotated[float, Field(gt=0, lt=1)]
    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    shared_run: Annotated[int, Field(ge=4, le=256)]
    shared_fraction: Annotated[float, Field(gt=0, le=1)]

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Split:
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError("val_fraction + test_fraction must stay below 1, train gets the rest")
        return self


class Tokenize(Section):
    """How notes and ABC text become model fields."""

    ticks_per_beat: Annotated[int, Field(ge=1, le=960)]
    max_beats: PositiveInt
    abc_fields: list[Annotated[str, Field(pattern="^[A-Z]$")]]


class Training(Section):
    """How one model is trained: optimiser, schedule, windows and augmentation."""

    optimizer: Literal["adam", "adamw"]
    learning_rate: PositiveFloat
    schedule: Literal["constant", "one_cycle"]
    weight_decay: Annotated[float, Field(ge=0)]
    clip_norm: PositiveFloat
    batch_size: PositiveInt
    window: PositiveInt
    windows: Literal["all", "one"]
    predict: Literal["all", "last"] = "all"
    max_windows: NonNegativeInt = 0
    transpose: Annotated[int, Field(ge=0, le=12)]
    epochs: PositiveInt


class RnnVanilla(Section):
    """Decoder-only tanh RNN over [rhythm; previous pitch]."""

    architecture: Literal["rnn_vanilla"]
    pitch_embedding: PositiveInt
    hidden_size: PositiveInt
    layers: PositiveInt
    training: Training


class LstmLocal(Section):
    """BiLSTM rhythm encoder; the decoder sees the encoder's output at its own note."""

    architecture: Literal["lstm_local"]
    pitch_embedding: PositiveInt
    hidden_size: PositiveInt
    dropout: OpenFraction
    encoder_size: NonNegativeInt
    copy_size: NonNegativeInt
    training: Training


class LstmFull(Section):
    """BiLSTM rhythm encoder; the decoder attends to all encoder outputs."""

    architecture: Literal["lstm_full"]
    pitch_embedding: PositiveInt
    hidden_size: Annotated[int, Field(gt=0, multiple_of=2)]
    dropout: OpenFraction
    training: Training


Density = Literal["squared_error", "gaussian", "mixture"]


class LstmWindow(Section):
    """A window of notes predicts pitch and (step, duration, velocity) of the next."""

    architecture: Literal["lstm_window"]
    pitch_embedding: PositiveInt
    hidden_size: PositiveInt
    layers: PositiveInt
    embedding_dropout: OpenFraction
    dropout: OpenFraction
    window: PositiveInt
    density: Density
    components: PositiveInt
    training: Training

    @model_validator(mode="after")
    def _trains_on_what_it_sees(self) -> LstmWindow:
        if self.window != self.training.window:
            raise ValueError(
                f"window is {self.window} and training.window {self.training.window}; "
                "they must be equal"
            )
        return self


class RnnHeads(Section):
    """One RNN over events of any length, one head a field."""

    architecture: Literal["rnn_heads"]
    predicts: list[Literal["pitch", "duration", "offset", "velocity", "instrument"]]
    cell: Literal["rnn", "lstm", "gru"]
    embedding: PositiveInt
    hidden_size: PositiveInt
    layers: PositiveInt
    dropout: OpenFraction
    density: Density
    components: PositiveInt
    training: Training

    @model_validator(mode="after")
    def _predicts_pitches(self) -> RnnHeads:
        if "pitch" not in self.predicts or len(set(self.predicts)) < len(self.predicts):
            raise ValueError(
                f"predicts is {self.predicts}; it must hold pitch, and each field once"
            )
        return self


class LstmFields(Section):
    """Four fields, each with its own embedding and LSTM, joined by a large one."""

    architecture: Literal["lstm_fields"]
    embedding: PositiveInt
    field_size: PositiveInt
    hidden_size: PositiveInt
    dropout: OpenFraction
    time_head: Literal["classify", "regress", "poisson"]
    density: Density
    components: PositiveInt
    training: Training


class LstmChar(Section):
    """Characters of ABC notation."""

    architecture: Literal["lstm_char"]
    embedding: PositiveInt
    hidden_size: PositiveInt
    layers: PositiveInt
    dropout: OpenFraction
    training: Training

    @model_validator(mode="after")
    def _has_no_pitches(self) -> LstmChar:
        if self.training.transpose:
            raise ValueError("training.transpose must be 0: characters cannot be transposed")
        return self


ModelSettings = Annotated[
    RnnVanilla | LstmLocal | LstmFull | LstmWindow | RnnHeads | LstmFields | LstmChar,
    Field(discriminator="architecture"),
]


class Train(Section):
    """What all trainings share: device, threads and early stopping."""

    device: Literal["auto", "cpu", "cuda"]
    threads: Threads
    patience: PositiveInt


class Evaluate(Section):
    """Context in which held-out notes are scored, and the baselines' range."""

    window: PositiveInt
    stride: PositiveInt
    ngram_orders: Annotated[list[Annotated[int, Field(ge=1, le=32)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _scores_every_note(self) -> Evaluate:
        if self.stride > self.window:
            raise ValueError(
                f"stride ({self.stride}) must not exceed window ({self.window}): "
                "notes in between would not be scored"
            )
        return self


class Generate(Section):
    """How samples are drawn."""

    samples: PositiveInt
    split: Literal["val", "test"]
    max_notes: PositiveInt
    primer: PositiveInt
    max_characters: PositiveInt
    temperature: PositiveFloat
    top_k: NonNegativeInt
    top_p: Annotated[float, Field(gt=0, le=1)]
    repeat_decay: Fraction
    tempo_bpm: Annotated[float, Field(ge=4, le=960)] | None = None  # MIDI knows none slower


class Track(Section):
    """Where runs are logged."""

    experiment: Annotated[str, Field(min_length=1)]


class Params(Section):
    """All of ``params.yaml``."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    corpus: Literal["folk", "folder", "maestro"]
    corpora: Corpora
    ingest: Ingest
    split: Split
    tokenize: Tokenize
    model: str
    models: dict[str, ModelSettings]
    train: Train
    evaluate: Evaluate
    generate: Generate
    track: Track

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        if self.model not in self.models:
            raise ValueError(_unknown("model", self.model, list(self.models)))
        return self

    @property
    def selected(self) -> ModelSettings:
        """The settings of the selected model."""
        return self.models[self.model]


def load(path: str | Path = "params.yaml") -> Params:
    """Reads and validates the settings.

    Args:
        path: the YAML file.

    Returns:
        The validated settings.

    Raises:
        ParamsError: the file is missing, is not YAML, or holds keys or values that are not allowed;
            the message has one line per problem.
    """
    try:
        raw = YAML(typ="safe", pure=True).load(Path(path))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root") from None
    except YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ParamsError(f"{path} holds no settings")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(item, raw) for item in error.errors()]
        raise ParamsError("\n".join(f"{path}: {line}" for line in lines)) from None


def _unknown(key: str, found: object, allowed: list[str]) -> str:
    close = difflib.get_close_matches(str(found), allowed, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{key} is {found!r}{hint}; allowed: {', '.join(allowed)}"


def _explain(error: Any, raw: dict[str, Any]) -> str:
    """One sentence about one validation error: the key, what was found, what is allowed."""
    loc = _yaml_path(error["loc"], raw)
    key, kind, found = ".".join(loc), error["type"], error["input"]
    if kind == "extra_forbidden":
        allowed = _keys_at(error["loc"][:-1])
        close = difflib.get_close_matches(loc[-1], allowed, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        return f"unknown key {key}{hint}; allowed here: {', '.join(allowed)}"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "literal_error":
        allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return _unknown(key, found, allowed)
    if kind == "union_tag_invalid":
        allowed = error["ctx"]["expected_tags"].replace("'", "").split(", ")
        return _unknown(f"{key}.architecture", error["ctx"]["tag"], allowed)
    if kind == "union_tag_not_found":
        return f"{key}.architecture is missing"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return f"{key}: {message}" if key else message
    message = message[0].lower() + message[1:]
    return f"{key} is {found!r}; {message}"


def _yaml_path(loc: tuple[Any, ...], raw: Any) -> list[str]:
    """The error's location without the union tags that pydantic puts between the file's keys."""
    path: list[str] = []
    node = raw
    for i, part in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and isinstance(part, int):
            node = node[part] if part < len(node) else None
        elif not last:
            continue
        path.append(str(part))
    return path


def _keys_at(loc: tuple[Any, ...]) -> list[str]:
    """The keys that the section at this location may have."""
    section: type[BaseModel] = Params
    for part in loc:
        if section is Params and part == "models":
            continue
        tagged = {get_args(m.model_fields["architecture"].annotation)[0]: m for m in _families()}
        if part in tagged:
            section = tagged[part]
        elif part in section.model_fields:
            annotation = section.model_fields[part].annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                section = annotation
    return list(section.model_fields)


def _families() -> tuple[type[BaseModel], ...]:
    union = get_args(ModelSettings)[0]
    return get_args(union)
