"""Arrow schemas of every table the pipeline writes: column names, dtypes, units and sort orders.

Column names carry their unit: ``_tick`` (the file's own resolution), ``_beat`` (quarter notes) or
``_sec`` (seconds). Nullable columns are the ones whose absence means something.
"""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa


class Rejection(StrEnum):
    """Why a source piece is not in the note table: the closed vocabulary of ``rejected_because``."""

    UNREADABLE_HEADER = "unreadable header"
    """The file begins as no MIDI file or ABC tune does, or its header makes no sense."""
    TRUNCATED = "truncated"
    """The file ends before the data that it announces."""
    CORRUPT = "corrupt"
    """The events or the notation break the format's rules, so that the notes cannot be trusted."""
    UNSUPPORTED_FORMAT = "unsupported format"
    """Legal, but of a kind whose notes do not form one piece or cannot be read (percussion, macros)."""
    UNSUPPORTED_DIVISION = "unsupported division"
    """MIDI time division that is not in ticks per quarter note."""
    IMPOSSIBLE_TIMING = "impossible timing"
    """Tempo, metre or note lengths that no performance can have."""
    NO_NOTES = "no notes"
    """Readable, but without a single note."""
    TOO_LONG = "too long"
    """Lasts longer than `ingest.max_minutes`."""
    TOO_MANY_NOTES = "too many notes"
    """Holds more than `ingest.max_notes` notes."""
    TOO_LARGE = "too large"
    """The file is larger than `ingest.max_megabytes`, or would be when unpacked (a zip bomb)."""
    NOT_TEXT = "not text"
    """Named .abc, but not text."""
    NO_KEY = "no key"
    """An ABC tune without its `K:` field, which ends the header: nothing says where the body starts."""
    UNREADABLE_FILE = "unreadable file"
    """The file, folder or archive may not be opened, is damaged or changed while it was read, or
    the archive's member is encrypted, a link, or named so as to lead elsewhere."""
    MISSING_FILE = "missing file"
    """Listed by the corpus, absent on disk."""
    READER_TIMED_OUT = "reader timed out"
    """Reading took longer than `ingest.timeout_sec`."""
    READER_CRASHED = "reader crashed"
    """The reading process died."""


PIECES = pa.schema(
    [
        pa.field("piece_id", pa.string(), nullable=False),
        pa.field("source_path", pa.string(), nullable=False),  # below data/raw, "/" as separator
        pa.field("source_format", pa.string(), nullable=False),  # "midi" | "abc"
        pa.field("sha256", pa.string()),  # of the file (MIDI) or of the tune's text (ABC)
        pa.field("composer", pa.string()),
        pa.field("title", pa.string()),
        pa.field("official_split", pa.string()),  # train | val | test, where the corpus has one
        pa.field("ticks_per_beat", pa.int32()),
        pa.field("tempo_bpm", pa.float64()),  # quarter notes a minute, at the first note
        pa.field("time_signature", pa.string()),  # "6/8", at the first note
        pa.field("downbeat_beat", pa.float64()),  # when a bar of that metre begins; null without
        pa.field("key", pa.string()),  # "G", "Em", "D mix"
        pa.field("n_notes", pa.int32()),  # as played, the rows of `NOTES`
        pa.field("n_notes_written", pa.int32()),  # repeats not played, ties not joined; null: MIDI
        pa.field("duration_sec", pa.float64()),  # end of the last note
        pa.field("abc_text", pa.string()),  # the tune as written; null for MIDI
        pa.field("rejected_because", pa.string()),  # a `Rejection`; null when kept
        pa.field("rejected_detail", pa.string()),  # one sentence for a person; null when kept
    ]
)
"""One row a source piece, refused ones too, sorted by piece_id."""

NOTES = pa.schema(
    [
        pa.field("piece_id", pa.string(), nullable=False),
        pa.field("track", pa.int16(), nullable=False),  # 0, 1, ... in file order (ABC: voice)
        pa.field("program", pa.uint8(), nullable=False),  # General MIDI 0-127
        pa.field("is_drum", pa.bool_(), nullable=False),
        pa.field("is_melody", pa.bool_(), nullable=False),  # on the piece's monophonic line
        pa.field("pitch", pa.uint8(), nullable=False),  # 0-127, 60 = middle C
        pa.field("velocity", pa.uint8(), nullable=False),  # 1-127
        pa.field("onset_tick", pa.int64(), nullable=False),
        pa.field("duration_tick", pa.int64(), nullable=False),  # > 0
        pa.field("onset_beat", pa.float64(), nullable=False),
        pa.field("duration_beat", pa.float64(), nullable=False),
        pa.field("onset_sec", pa.float64(), nullable=False),
        pa.field("duration_sec", pa.float64(), nullable=False),
    ]
)
"""One row a note, sorted by (piece_id, onset_tick, pitch, track, duration_tick)."""

SPLIT_TABLE = pa.schema(
    [
        pa.field("piece_id", pa.string(), nullable=False),
        pa.field("work_id", pa.string(), nullable=False),  # piece_id of the work's first piece
        pa.field("split", pa.string(), nullable=False),  # of `SPLITS`
    ]
)
"""One row a kept piece, sorted by piece_id."""

TOKEN_NOTES = pa.schema(
    [
        pa.field("piece_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("is_melody", pa.bool_(), nullable=False),
        pa.field("pitch", pa.uint8(), nullable=False),  # pitch index, 0-127
        pa.field("velocity", pa.float32(), nullable=False),  # 1-127
        pa.field("step_norm", pa.float32(), nullable=False),  # beats since the previous onset and
        pa.field("duration_norm", pa.float32(), nullable=False),  # beats it lasts, and velocity,
        pa.field("velocity_norm", pa.float32(), nullable=False),  # normalised on train
        pa.field("offset_id", pa.int16(), nullable=False),  # quantised beats since previous onset
        pa.field("duration_id", pa.int16(), nullable=False),  # quantised beats
        pa.field("instrument_id", pa.int16(), nullable=False),
        pa.field("melody_rest", pa.float32()),  # beats of silence before; null off the melody
        pa.field("melody_duration", pa.float32()),  # beats; null off the melody
        pa.field("melody_rest_norm", pa.float32()),
        pa.field("melody_duration_norm", pa.float32()),
    ]
)
"""One row a note with every field that a model reads, in the order of `NOTES`."""

TOKEN_CHARS = pa.schema(
    [
        pa.field("piece_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("char_ids", pa.list_(pa.int16()), nullable=False),  # characters, then the end id
        pa.field("header_length", pa.int32(), nullable=False),  # characters up to the body; 0: none
        pa.field("n_notes_written", pa.int32(), nullable=False),  # as in `PIECES`
    ]
)
"""One row an ABC tune, sorted by piece_id."""

SAMPLES = pa.schema(
    [
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("source_piece_id", pa.string()),  # whose rhythm or primer was taken
        pa.field("pitch", pa.uint8(), nullable=False),
        pa.field("velocity", pa.uint8(), nullable=False),
        pa.field("program", pa.uint8(), nullable=False),
        pa.field("is_drum", pa.bool_(), nullable=False),
        pa.field("onset_beat", pa.float64(), nullable=False),
        pa.field("duration_beat", pa.float64(), nullable=False),
        pa.field("is_given", pa.bool_(), nullable=False),  # as a primer or a hint; not generated
        pa.field("nats", pa.float32()),  # that the model needs for it; null: it has none by note
    ]
)
"""One row a generated note, sorted by (sample, onset_beat, pitch)."""
