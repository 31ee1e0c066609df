"""Splits a corpus by work: piece -> work (composition) -> train | val | test, and audits it.

Two pieces are one work when they bear the same title (`title_keys`, `spellings`), are the same
file, or share long runs of melodic intervals (`shared_runs`) or many on the beats (`beats.alike`): the
same tune under another title, in another key, by another hand. Every step streams or is vectorised;
memory grows with some 25 bytes a melody note or beat.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tonerow.notes.runs import Ints
from tonerow.notes.schema import SPLIT_TABLE
from tonerow.notes.splits import SPLITS
from tonerow.params import Split
from tonerow.progress import progress
from tonerow.splitting.beats import alike, near_variants, on_beats
from tonerow.splitting.melodic_runs import (
    NOTES_AT_ONCE,
    Lines,
    distinct_lines,
    shared_runs,
    sorted_runs,
    spread,
)
from tonerow.splitting.titles import one_letter_apart, spellings, title_keys

LONG_LINE = 640  # different telling runs; two hands alter so much that, beyond, a share says little
TITLE_HOLDERS = 50  # a title without composer that more pieces bear is taken for a placeholder


class SplitError(ValueError):
    """The corpus cannot be split as asked; the message says what to do."""


class Pieces(NamedTuple):
    """What is known about the kept pieces, in the order of their ids."""

    ids: list[str]
    keys: list[set[str]]
    """Whatever pieces of one work have in common: titles, catalogue numbers, the file's hash."""
    official: list[str | None]
    metres: list[tuple[str | None, float | None]]
    """The metre ("6/8") and when a bar begins, in quarter notes."""


def works(
    keys: Sequence[set[str]],
    lines: Lines,
    run: int,
    fraction: float,
    same: Ints | None = None,
) -> Ints:
    """Groups pieces into works: the connected components of "is the same composition as".

    Args:
        keys: of each piece, see `Pieces.keys`.
        lines: the melody lines.
        run: intervals in a run; a shorter line is grouped by its keys alone.
        fraction: two lines that share more than this share of the different telling runs of the
            one that has fewer, or of `LONG_LINE` runs if it has more, are one work.
        same: (p, 2) pairs of pieces that are one work for another reason.

    Returns:
        The index of the first piece of each piece's work.
    """
    n = len(keys)
    edges = [np.stack([np.arange(n), n + lines.of_piece], axis=1)]
    edges[0] = edges[0][np.diff(lines.starts)[lines.of_piece] > run]
    pairs, shared, total = shared_runs(lines, run)
    of_shorter = np.minimum(total[pairs].min(axis=1), LONG_LINE)
    edges.append(n + pairs[shared > fraction * of_shorter])
    edges.append(_edges_of_keys(keys))
    if same is not None:
        edges.append(same)
    ends = np.concatenate(edges)
    size = n + len(total)
    graph = coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), (size, size))
    labels = connected_components(graph, directed=False)[1][:n]
    _, first, of_piece = np.unique(labels, return_index=True, return_inverse=True)
    return first[of_piece].astype(np.int64)


def _edges_of_keys(keys: Sequence[set[str]]) -> Ints:
    """Pairs of pieces that have a key in common, or spellings of a title that are a letter apart."""
    holders: dict[str, list[int]] = defaultdict(list)
    bearers: Counter[str] = Counter()  # of a title, whatever the metre
    for piece, own in enumerate(keys):
        for key in own:
            holders[key].append(piece)
        bearers.update({_title(key) for key in own})
    for key in [key for key in holders if bearers[_title(key)] > TITLE_HOLDERS]:
        if key.startswith(("title:", "spelling:")):
            del holders[key]
    near = one_letter_apart(key for key in holders if key.startswith("spelling:"))
    pairs = [pair for held in holders.values() for pair in pairwise(held)]
    pairs += [(holders[one][0], holders[other][0]) for one, other in near]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _title(key: str) -> str:
    return key.rpartition(" ")[2] if key.startswith("spelling:") else key


def assign(
    work_ids: Sequence[str], n_notes: Ints, val_fraction: float, test_fraction: float, seed: int
) -> NDArray[np.str_]:
    """Gives every work a side, so that val and test hold their share of the notes.

    Works are ordered by a hash of seed and id: test is filled from one end and val from the other,
    each with the works that still fit, so that another piece in the corpus moves few works. Works
    larger than a quarter of a side come last: they land in train unless the corpus is tiny.

    Args:
        work_ids: of each piece.
        n_notes: of each piece.
        val_fraction: share of all notes, between 0 and 1.
        test_fraction: share of all notes, between 0 and 1.
        seed: another seed gives another split.

    Returns:
        "train", "val" or "test" for each piece.

    Raises:
        SplitError: there are fewer than three works.
    """
    names, work = np.unique(np.array(work_ids, dtype=object), return_inverse=True)
    if len(names) < 3:
        raise SplitError(
            f"train, val and test need a work each, but the corpus has only {len(names)}; "
            "add pieces to the corpus, or raise split.shared_fraction if unrelated ones were joined"
        )
    sizes = np.bincount(work, n_notes)
    rank = [hashlib.blake2b(f"{seed}\n{name}".encode(), digest_size=8).digest() for name in names]
    order = sorted(range(len(names)), key=rank.__getitem__)
    side = np.full(len(names), "train", dtype="<U5")
    test = _fill(order, sizes, test_fraction * sizes.sum(), leave=2)
    rest = [index for index in reversed(order) if index not in test]
    side[list(test)] = "test"
    side[list(_fill(rest, sizes, val_fraction * sizes.sum(), leave=1))] = "val"
    return side[work]


def _fill(order: list[int], sizes: NDArray[Any], target: float, leave: int) -> set[int]:
    """The works of one side: at least one, and at least `leave` are left over."""
    chosen: set[int] = set()
    total = 0.0
    for index in sorted(order, key=lambda index: bool(sizes[index] > target / 4)):
        if total + sizes[index] <= target and len(order) - len(chosen) > leave:
            chosen.add(index)
            total += float(sizes[index])
    rest = [index for index in order if index not in chosen]
    nearest = min(rest, key=lambda index: abs(total + sizes[index] - target))
    nearer = abs(total + sizes[nearest] - target) < abs(total - target)
    if not chosen or (nearer and len(rest) > leave):
        chosen.add(nearest)
    return chosen


def audit(lines: Lines, sides: Sequence[NDArray[np.str_]], run: int) -> list[dict[str, float]]:
    """How much of val and test is also in train, note for note, whatever the works say.

    All runs count here, scales and trills too, and a run may come from any train piece.

    Args:
        lines: the melody lines.
        sides: up to eight splits, each "train", "val" or "test" for each piece.
        run: intervals in a run.

    Returns:
        For each split, the share (0-1) of val's and of test's melody notes that lie in a run which
        train holds too; 0 for a side without notes.
    """
    in_train = np.zeros(len(lines.starts) - 1, np.uint8)
    for bit, side in enumerate(sides):
        in_train[lines.of_piece[side == "train"]] |= np.uint8(1 << bit)
    flags = np.zeros(len(lines.pitches), np.uint8)
    for runs in sorted_runs(lines, run):
        if len(runs.hashes):
            group = np.flatnonzero(np.append(True, runs.hashes[1:] != runs.hashes[:-1]))
            held = np.bitwise_or.reduceat(in_train[runs.line], group)
            flags[runs.position] = np.repeat(held, np.diff(group, append=len(runs.hashes)))
    flags = spread(flags, run + 1)
    length = np.diff(lines.starts)
    results = []
    for bit, side in enumerate(sides):
        shared = np.zeros(len(length), np.int64)
        if len(flags):
            starts = lines.starts[:-1][length > 0]
            shared[length > 0] = np.add.reduceat(flags >> bit & 1, starts, dtype=np.int64)
        held_out = {name: lines.of_piece[side == name] for name in SPLITS[1:]}
        results.append(
            {
                f"{name}_notes_shared_with_train": round(
                    float(shared[own].sum() / max(1, length[own].sum())), 6
                )
                for name, own in held_out.items()
            }
        )
    return results


def read_pieces(path: Path) -> Pieces:
    """Reads the kept pieces of ``pieces.parquet``."""
    columns = ["piece_id", "source_format", "sha256", "composer", "title"]
    columns += ["time_signature", "downbeat_beat", "official_split"]
    rows = pq.read_table(path, columns=columns, filters=pc.field("rejected_because").is_null())
    rows = rows.sort_by("piece_id")
    ids, keys, metres = [], [], []
    for row in rows.select(columns[:-1]).to_pylist():
        ids.append(row["piece_id"])
        metres.append((row["time_signature"], row["downbeat_beat"]))
        own = title_keys(row["composer"], row["title"], folk=row["source_format"] == "abc")
        if any(key.startswith("title:") for key in own):
            own |= spellings(row["title"], row["time_signature"])
        keys.append(own | ({f"file: {row['sha256']}"} if row["sha256"] else set()))
    return Pieces(ids, keys, rows["official_split"].to_pylist(), metres)


def read_lines(path: Path, ids: Sequence[str]) -> Lines:
    """Reads the melody lines of ``notes.parquet`` in one pass, a batch of notes at a time.

    Args:
        path: the note table, sorted by piece_id, then onset.
        ids: of the kept pieces, sorted; a piece without notes gets an empty line.

    Raises:
        SplitError: the notes are not in the order of `ids`, or belong to a piece that is not there.
    """
    pieces = _pieces_in(path, ids)
    return distinct_lines(progress(pieces, total=len(ids), desc="split", unit="pieces"))


def read_beats(path: Path, pieces: Pieces) -> Lines:
    """Reads what sounds on the beats of the melody lines (`on_beats`); see `read_lines`."""
    read = _pieces_in(path, pieces.ids, "onset_beat")
    return distinct_lines(
        (count, on_beats(pitch, onset, metre, downbeat))
        for (count, pitch, onset), (metre, downbeat) in zip(read, pieces.metres, strict=True)
    )


def _pieces_in(path: Path, ids: Sequence[str], *columns: str) -> Iterator[tuple[Any, ...]]:
    """The number of notes of each piece, and the pitches and columns of those on its melody line."""
    order = {piece_id: index for index, piece_id in enumerate(ids)}
    names = ["pitch", *columns]
    nothing = [np.zeros(0, np.uint8), *(np.zeros(0) for _ in columns)]
    current, count, held = 0, 0, [nothing]
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(NOTES_AT_ONCE, columns=["piece_id", "is_melody", *names]):
            coded = batch["piece_id"].dictionary_encode()
            known = [order.get(name, -1) for name in coded.dictionary.to_pylist()]
            piece = np.array(known)[coded.indices.to_numpy()]
            melody = batch["is_melody"].to_numpy(False)
            read = [batch[name].to_numpy() for name in names]
            for own in np.split(np.arange(len(piece)), np.flatnonzero(np.diff(piece)) + 1):
                index = int(piece[own[0]])
                if index < current:
                    raise SplitError(f"{path} does not fit pieces.parquet; run ingest again")
                while current < index:
                    yield count, *map(np.concatenate, zip(*held, strict=True))
                    current, count, held = current + 1, 0, [nothing]
                count += len(own)
                held.append([values[own][melody[own]] for values in read])
    while current < len(ids):
        yield count, *map(np.concatenate, zip(*held, strict=True))
        current, count, held = current + 1, 0, [nothing]


def official_sides(official: Sequence[str | None]) -> NDArray[np.str_]:
    """The corpus's own split.

    Args:
        official: "train", "val", "test" or None for each piece.

    Raises:
        SplitError: pieces have no official side, or one of the three has no piece.
    """
    without = sum(side is None for side in official)
    if without:
        raise SplitError(
            f"{without} of {len(official)} pieces have no official split; set split.method to work "
            "(maestro is the corpus that has one)"
        )
    missing = [side for side in SPLITS if side not in official]
    if missing:
        raise SplitError(
            f"the official split has no piece in {', '.join(missing)}; set split.method to work"
        )
    return np.array(official, dtype="<U5")


def split(interim: Path, settings: Split) -> tuple[pa.Table, dict[str, Any]]:
    """Splits a corpus.

    Args:
        interim: folder with ``pieces.parquet`` and ``notes.parquet``.
        settings: the section `split` of ``params.yaml``.

    Returns:
        The table `SPLIT_TABLE`, and metrics: pieces, notes and works of each side; how many works stand
        on two sides; `audit` of this split, of a split by file and of the official one; and
        `near_variants` of this split.

    Raises:
        SplitError: the corpus is too small, or has no official split where that was asked for.
    """
    pieces = read_pieces(interim / "pieces.parquet")
    lines = read_lines(interim / "notes.parquet", pieces.ids)
    beats = read_beats(interim / "notes.parquet", pieces)
    same = alike(beats, settings.beat_run, settings.beat_fraction, LONG_LINE)
    work = works(pieces.keys, lines, settings.shared_run, settings.shared_fraction, same)
    work_ids = [pieces.ids[index] for index in work]
    fractions = settings.val_fraction, settings.test_fraction
    by_file = assign(pieces.ids, lines.n_notes, *fractions, settings.seed)
    if settings.method == "official":
        side = official_sides(pieces.official)
    elif settings.method == "file":
        side = by_file
    else:
        side = assign(work_ids, lines.n_notes, *fractions, settings.seed)
    audited = {"audit": side, "audit_by_file": by_file}
    if None not in pieces.official:
        audited["audit_official"] = official_sides(pieces.official)
    audits = audit(lines, list(audited.values()), settings.shared_run)
    table = pa.table([pieces.ids, work_ids, side.tolist()], schema=SPLIT_TABLE)
    metrics = _summary(work, side, lines.n_notes) | dict(zip(audited, audits, strict=True))
    return table, metrics | {"near_variants": near_variants(beats, side)}


def _summary(work: Ints, side: NDArray[np.str_], n_notes: Ints) -> dict[str, Any]:
    per_side = {
        name: {
            "pieces": int((side == name).sum()),
            "notes": int(n_notes[side == name].sum()),
            "works": len(np.unique(work[side == name])),
        }
        for name in SPLITS
    }
    n_works = len(np.unique(work))
    return {
        "n_works": n_works,
        "largest_work_pieces": int(np.bincount(work).max()),
        "works_on_two_sides": sum(own["works"] for own in per_side.values()) - n_works,
    } | per_side
