"""All sections of ``params.yaml`` but those of architectures and corpora, and `Params`, the whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tonerow.params import architectures, corpora
from tonerow.params.architectures import Architecture
from tonerow.params.by_name import one_key_each, subclasses_in
from tonerow.params.corpora import Corpus
from tonerow.params.section import (
    Fraction,
    NonNegativeInt,
    Pitch,
    PositiveFloat,
    Section,
    Seed,
    Text,
)


class Ingest(Section):
    """Who reads files, and the limits within which a file is read."""

    workers: int
    """processes that read files: -1 (one for each core), or 1 or more"""

    backend: Literal["loky", "dask"]
    """where they run: loky (on this machine) or dask (on a cluster)"""

    scheduler: Text | None
    """address of Dask's scheduler, like tcp://10.0.0.1:8786; null with loky"""

    max_minutes: PositiveFloat
    """a piece that lasts longer is refused"""

    max_notes: PositiveInt
    """a piece with more notes is refused"""

    max_megabytes: PositiveFloat
    """a larger file is refused, an unpacked one too; a megabyte is 1,000,000 bytes"""

    timeout_sec: PositiveFloat
    """seconds of processor time that the reading of one file, or of one tune of an ABC file, may
    take"""

    max_memory_mb: Annotated[int, Field(ge=64)]
    """megabytes of memory that it may take, 64 or more"""

    max_rejected_fraction: Fraction
    """share of the pieces, 0-1, that may be refused before the stage fails"""

    cache_mb: NonNegativeInt
    """megabytes of what was read that are kept in .ingest-cache for the next run; 0 keeps nothing"""

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

    seed: Seed
    """of the random order in which works are dealt out; another seed is another test set"""

    method: Literal["work", "file", "official"]
    """what stays together on one side: work (all pieces that are one composition), file (what
    comes from one file), or the official split of the corpus (MAESTRO has one)"""

    val_fraction: Annotated[float, Field(gt=0, lt=1)]
    """share of the notes that goes to val, above 0 and below 1"""

    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    """share of the notes that goes to test, above 0 and below 1"""

    shared_run: Annotated[int, Field(ge=4, le=256)]
    """pitch intervals in a row, 4-256, that pieces share if they are one work"""

    shared_fraction: Annotated[float, Field(gt=0, le=1)]
    """two pieces are one work if such runs cover more than this share of the shorter, above 0, up
    to 1"""

    beat_run: Annotated[int, Field(ge=0, le=64)]
    """intervals in a row between the pitches on the beats, up to 64, by which tunes are compared
    whatever their ornaments; 0: not"""

    beat_fraction: Annotated[float, Field(gt=0, le=1)]
    """two pieces are one work if they share more than this share of the shorter one's different
    runs on the beats, above 0, up to 1"""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Split:
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError("val_fraction + test_fraction must stay below 1, train gets the rest")
        return self


class Tokenize(Section):
    """How notes and ABC text become what models read."""

    abc_fields: list[Annotated[str, Field(pattern="^[A-Z]$")]]
    """letters of the ABC header fields that models of characters read and write"""

    ticks_per_beat: Annotated[int, Field(ge=1, le=960)]
    """finest grid of the offset and duration vocabularies, in ticks a quarter note, 1-960"""

    max_beats: PositiveInt
    """longer offsets and durations count as this many quarter notes"""


class Train(Section):
    """What all trainings share: seed, device, threads and processes."""

    seed: Seed
    """of the first weights, the order of windows, dropout and transposition"""

    device: Literal["auto", "cpu", "cuda"]
    """where torch computes: auto (CUDA if there is one, else CPU), cpu or cuda"""

    threads: Annotated[int, Field(ge=1, le=1024)]
    """CPU threads of torch in each process, 1-1024; another number gives slightly other weights"""

    processes: Annotated[int, Field(ge=1, le=64)]
    """that share the networks of a model, else each batch, 1-64; on GPUs as many as there are, at
    most; another number gives slightly other weights"""


class Evaluate(Section):
    """Context in which held-out notes are scored, and the baselines' range."""

    ngram_orders: Annotated[list[Annotated[int, Field(ge=1, le=32)]], Field(min_length=1)]
    """orders of the n-gram baselines, each 1-32; the best on val is the baseline to beat"""

    window: PositiveInt
    """notes in a window; every held-out note is scored once, with the notes before it in one"""

    stride: PositiveInt
    """notes by which the window moves on, window or less"""

    @model_validator(mode="after")
    def _scores_every_note(self) -> Evaluate:
        if self.stride > self.window:
            raise ValueError(
                f"stride ({self.stride}) must not exceed window ({self.window}): "
                "notes in between would not be scored"
            )
        return self


HELD_OUT = "data/splits"
"""As a source of samples: the held-out pieces that the stage `split` has chosen."""


class Generate(Section):
    """How samples are drawn."""

    seed: Seed
    """of the choice of pieces and of every draw"""

    source: Text
    """path of a MIDI or ABC file that all samples start from; data/splits stands for held-out pieces"""

    samples: PositiveInt
    """how many samples are made"""

    split: Literal["val", "test"]
    """whose pieces samples start from or stand beside"""

    max_notes: PositiveInt
    """notes in a sample at most"""

    bars: PositiveInt | None
    """bars in a sample at most, an upbeat not counted; null sets no limit"""

    seconds: PositiveFloat | None
    """seconds of a sample at most, by the tempo that it is played at; null sets no limit"""

    beam: NonNegativeInt
    """beginnings followed side by side in search of a melody's most probable pitches; 0 draws"""

    primer: PositiveInt
    """notes of a piece that a model of whole notes goes on from"""

    max_characters: PositiveInt
    """characters of an ABC tune that does not end by itself"""

    temperature: PositiveFloat
    """above 0; below 1 draws what is likely more often, above 1 less often"""

    top_k: NonNegativeInt
    """how many of the likeliest classes are kept; 0 keeps all"""

    top_p: Annotated[float, Field(gt=0, le=1)]
    """the likeliest classes up to this probability in all are kept, above 0; 1 keeps all"""

    min_p: Fraction
    """classes at least so many times as likely as the likeliest are kept, 0-1; 0 keeps all"""

    repeat_decay: Fraction
    """how far the odds of a pitch fall each time it has just sounded, 0-1; 0 is not at all"""

    hints: list[Pitch]
    """MIDI pitches that each melody begins with, 0-127 (60 is middle C); [] gives none"""

    lowest: Pitch
    """lowest pitch that is drawn, 0-127"""

    highest: Pitch
    """highest pitch that is drawn, 0-127"""

    instrument: Annotated[int, Field(ge=0, le=127)]
    """General MIDI program that melodies are played on, 0-127 (0 piano, 40 violin, 73 flute)"""

    tempo_bpm: Annotated[float, Field(ge=4, le=960)] | None
    """quarter notes a minute in the MIDI files, 4-960 (MIDI knows none slower); null takes the
    source piece's own"""

    @model_validator(mode="after")
    def _has_a_range(self) -> Generate:
        if self.lowest > self.highest:
            raise ValueError(f"lowest is {self.lowest}, above highest, which is {self.highest}")
        return self

    @model_validator(mode="after")
    def _has_one_end(self) -> Generate:
        if self.bars is not None and self.seconds is not None:
            raise ValueError(f"bars is {self.bars} and seconds {self.seconds}; one must be null")
        return self


class Track(Section):
    """Where runs and models are logged."""

    experiment: Text
    """name of the MLflow experiment"""

    register_as: Annotated[str, Field(pattern=r"^[\w.\- ]+$")] | None
    """name in MLflow's model registry under which each model becomes a version; null registers none"""

    system_metrics: bool
    """whether a training logs how busy the machine is (CPU, memory, disk, network, GPU)"""


ARCHITECTURES = subclasses_in(vars(architectures), Architecture)
CORPORA = subclasses_in(vars(corpora), Corpus)

SizeName = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]*$")]  # -S and ${...} take such keys


def _sizes_of(architecture: Any) -> Any:
    """The type of an entry of `models`: one or more sizes of an architecture, by name."""
    return Annotated[dict[SizeName, architecture], Field(min_length=1)]


SIZES = {key: _sizes_of(architecture) for key, architecture in ARCHITECTURES.items()}


class Params(Section):
    """All of ``params.yaml``. What a choice is made from stands before it, for its validator."""

    corpora: Annotated[dict[str, Corpus], one_key_each(CORPORA, required=True)]
    """where raw files come from, one section for each corpus"""

    corpus: str
    """the corpus to take, a key of corpora"""

    ingest: Ingest
    """who reads files, and the limits within which a file is read"""

    split: Split
    """how pieces are shared out among train, val and test"""

    tokenize: Tokenize
    """how notes and ABC text become what models read"""

    models: Annotated[dict[str, dict[str, Architecture]], one_key_each(SIZES, required=False)]
    """settings of each architecture, and of each size of it"""

    model: str
    """the architecture to train, a key of models"""

    size: str
    """the size to train it in, a key below it in models"""

    train: Train
    """what all trainings share"""

    evaluate: Evaluate
    """context in which held-out notes are scored"""

    generate: Generate
    """how samples are drawn"""

    track: Track
    """where runs are logged"""

    @field_validator("corpus", "model", "size")
    @classmethod
    def _is_there(cls, value: str, info: ValidationInfo) -> str:
        before = info.data  # without what has errors of its own
        model = before.get("model")
        allowed = {
            "corpus": before.get("corpora"),
            "model": before.get("models"),
            "size": before.get("models", {}).get(model),
        }[str(info.field_name)]
        if allowed is not None and value not in allowed:
            owner = f" for {model}" if info.field_name == "size" else ""
            context = {"allowed": list(allowed), "owner": owner}
            raise PydanticCustomError("unknown_name", "is not there", context)
        return value

    @property
    def name(self) -> str:
        """The selected architecture and size, like "lstm_local small"."""
        return f"{self.model} {self.size}"

    @property
    def selected(self) -> Architecture:
        """The settings of the selected architecture in the selected size."""
        return self.models[self.model][self.size]

    @property
    def corpus_settings(self) -> Corpus:
        """The settings of the selected corpus."""
        return self.corpora[self.corpus]
