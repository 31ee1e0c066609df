"""Splits a corpus by work: piece -> work (composition) -> train | val | test, and audits it.

Two pieces are one work when they bear the same title (`title_keys`), are the same file, or share
long runs of melodic intervals (`shared_runs`): the same tune under another title, in another key,
by another hand. Every step streams or is vectorised; memory grows with one byte a melody note.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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

from tonerow.params import Split
from tonerow.progress import progress
from tonerow.schema import SPLITS

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

SIDES = ("train", "val", "test")
NOTES_AT_ONCE = 1 << 18  # read or hashed in one go
RUNS_AT_ONCE = 1 << 21  # sorted in one go
NEIGHBOURS = 16  # pieces that a run's every holder is compared with; more are linked in a chain
TELLING_INTERVALS = 5  # a run with fewer different ones is a trill, a scale or a repeated note
LONG_LINE = 640  # different telling runs; two hands alter so much that, beyond, a share says little
TITLE_HOLDERS = 50  # a title without composer that more pieces bear is taken for a placeholder

_WORD = re.compile(r"[^\W_]+")
ARTICLES = frozenset(_WORD.findall("the a an der die das le la les el il"))
PLACEHOLDERS = frozenset(
    _WORD.findall(
        """untitled unknown unnamed title none gan ainm piano track midi song tune melody
        sequence"""
    )
)
FORMS = frozenset(
    _WORD.findall(
        """air allegro andante ballade bourree clog concerto courante dance etude etudes fantasia
        fantasie fantasy favorite favourite fling fugue gavotte gigue highland hornpipe hornpipes
        impromptu intermezzo invention jig jigs lied march mazurka menuet minuet movement nocturne
        partita piece polka polonaise prelude preludes quadrille quickstep reel reels rhapsody
        romance rondo sarabande scherzo schottische slide slip sonata sonatas sonatina strathspey
        study suite symphony theme toccata variation variations varsovienne waltz waltzes of and"""
    )
)
KEY_WORDS = frozenset(_WORD.findall("a b c d e f g flat sharp major minor no number in op book"))
WHOLE_NUMBERED = ("sonat", "concert", "symphon", "quartet", "trio", "suite", "partita")

_CATALOGUE = re.compile(
    r"\b(?:(op|opus|bwv|kv|rv|hwv|woo|wtc)\.?\s*|hob\.?\s*([ivx]+)\s*[:/.]\s*|([kdsl])\.?\s*)"
    r"(\d+[a-z]?)(?:/(\d+))?"
)
_NUMBER = re.compile(r"\b(?:nos?|number|nr)\.?\s*(\d+)")
_SPELLINGS = (
    (r"\b([a-g])b\b", r"\1 flat"),
    (r"\b([a-g]) ?[#♯]", r"\1 sharp"),
    (r"\bmin\b", "minor"),
    (r"\bmaj\b", "major"),
)
_EDITION = re.compile(r"\([^)]*\b(?:complete|edition|version|arr|live)\b[^)]*\)")


class SplitError(ValueError):
    """The corpus cannot be split as asked; the message says what to do."""


class Lines(NamedTuple):
    """The melody lines of a corpus, each kept once up to transposition."""

    pitches: NDArray[np.uint8]
    """Pitches (0-127) of all different lines, one after the other."""
    starts: Ints
    """Where each line starts; one more entry than lines, the last is the number of pitches."""
    of_piece: Ints
    """The line of each piece."""
    n_notes: Ints
    """Notes of each piece, those off the melody line too."""


class Runs(NamedTuple):
    """Runs of intervals, sorted by hash, then position."""

    hashes: Hashes
    line: Ints
    position: Ints
    """Index of the run's first note in `Lines.pitches`."""
    telling: NDArray[np.bool_]
    """Whether the run has `TELLING_INTERVALS` different intervals, so that sharing it says much."""


class Pieces(NamedTuple):
    """What is known about the kept pieces, in the order of their ids."""

    ids: list[str]
    keys: list[set[str]]
    """Whatever pieces of one work have in common: titles, catalogue numbers, the file's hash."""
    official: list[str | None]


def title_keys(composer: str | None, title: str | None, folk: bool = False) -> set[str]:
    """What a piece's title says about its work: pieces with a key in common are one work.

    Case, accents, punctuation and articles do not count. With a composer (by surname; each name of
    "Schubert / Liszt"), the title is one key and every catalogue number another, with its "No. 2",
    and so is what comes before that number or before a comma, unless it names but a form and a key.
    Without one, or for folk tunes, where `C:` names a collector as often, the title alone counts.

    Args:
        composer: as written; None, "Trad." and the like mean that nobody is named.
        title: as written; None when there is none.
        folk: whether the title alone counts even if somebody is named.

    Returns:
        The keys; none for a title that many unrelated pieces bear ("Untitled", "Reel", or, with a
        composer, "Prelude"), which leaves it to the notes.
    """
    plain = _EDITION.sub(" ", _plain(title or ""))
    for pattern, replacement in _SPELLINGS:
        plain = re.sub(pattern, replacement, plain)
    head, dashes, tail = plain.partition("--")
    if dashes and set(_words(head)) - FORMS and not set(_words(tail)) - FORMS:
        plain = head  # "Kiley's -- Reel"
    words = _words(plain)
    if all(word in PLACEHOLDERS or word.isdigit() for word in words):
        return set()
    names = [] if folk else _surnames(composer)
    if not names:
        generic = all(word in FORMS | KEY_WORDS | PLACEHOLDERS or word.isdigit() for word in words)
        return set() if generic else {" ".join(["title:", *words])}
    keys = set(_catalogue_numbers(plain))
    if set(words) - FORMS:
        keys.add(" ".join(words))
    catalogued = _CATALOGUE.search(plain)
    front = _words(re.split(r"[,(:;]", plain[: catalogued.start() if catalogued else None])[0])
    if any(word not in FORMS | KEY_WORDS and not word.isdigit() for word in front):
        keys.add(" ".join(front))  # "Symphonic Etudes, Op. 13", but not "Sonata in A, D. 959"
    return {f"{name}: {key}" for name in names for key in keys}


def _plain(text: str) -> str:
    """Lower case without accents and apostrophes."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"['’`´]", "", "".join(c for c in letters if not unicodedata.combining(c)))


def _words(plain: str) -> list[str]:
    words = _WORD.findall(plain)
    tonic = {i + 1 for i, word in enumerate(words) if word == "in"}  # the A of "in A minor"
    kept = [word for i, word in enumerate(words) if word not in ARTICLES or i in tonic]
    return ["op" if word == "opus" else word for word in kept]


def _surnames(composer: str | None) -> list[str]:
    if not composer or re.match(r"\W*(trad|anon|unknown|various|folk)", composer.casefold()):
        return []
    names = [name.split(",")[0] for name in re.split(r"[/;&]", _plain(composer))]
    words = [re.findall(r"[^\W\d_]+", name) for name in names]
    return [found[-1] for found in words if found]


def _catalogue_numbers(plain: str) -> Iterator[str]:
    """Catalogue numbers, with the number within an opus: "op10.4", "bwv846", "hobxvi48"."""
    found = list(_CATALOGUE.finditer(plain))
    if not found:
        return
    number = _NUMBER.search(plain, found[0].end())
    if number is None and not plain.strip(' "“').startswith(WHOLE_NUMBERED):
        number = _NUMBER.search(plain)  # "Hungarian Rhapsody No. 6, S. 244"
    for match in found:
        name, hoboken, letter, first, second = match.groups()
        within = second or (number and number[1])
        prefix = {"opus": "op", "kv": "k"}.get(name, name) or letter or f"hob{hoboken}"
        yield f"{prefix}{first}" + (f".{within}" if within else "")


def distinct_lines(pieces: Iterable[tuple[int, NDArray[np.uint8]]]) -> Lines:
    """Collects melody lines and keeps each once, so that copies and transpositions cost nothing.

    Args:
        pieces: number of notes and melody pitches (0-127, in order of onset) of each piece.
    """
    seen: dict[bytes, int] = {}
    kept: list[NDArray[np.uint8]] = []
    of_piece: list[int] = []
    n_notes: list[int] = []
    for count, line in pieces:
        intervals = np.diff(line.astype(np.int8)).tobytes()
        key = hashlib.blake2b(intervals, digest_size=16).digest() + bytes([line.size > 0])
        if key not in seen:
            seen[key] = len(kept)
            kept.append(line)
        of_piece.append(seen[key])
        n_notes.append(count)
    starts = np.cumsum([0, *(len(line) for line in kept)], dtype=np.int64)
    pitches = np.concatenate(kept) if kept else np.zeros(0, np.uint8)
    return Lines(pitches, starts, np.array(of_piece, np.int64), np.array(n_notes, np.int64))


def interval_runs(pitches: NDArray[np.uint8], run: int) -> Hashes:
    """Hashes every run of consecutive intervals; equal runs, transposed or not, have equal hashes.

    Args:
        pitches: (n,) pitches of one line, 0-127.
        run: intervals in a run, >= 1.

    Returns:
        (max(0, n - run),) hashes: polynomials modulo 2**64 over random numbers that stand for the
        intervals, with the bits mixed (Steele et al. 2014, SplitMix64).
    """
    n = len(pitches) - run
    if n <= 0:
        return np.zeros(0, np.uint64)
    table = np.random.Generator(np.random.PCG64(16)).integers(2**64, size=256, dtype=np.uint64)
    codes = table[np.diff(pitches.astype(np.int16)) + 128]
    hashes = np.zeros(n, np.uint64)
    for i in range(run):
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes += codes[i : i + n]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(31))


def sorted_runs(lines: Lines, run: int) -> Iterator[Runs]:
    """Every run of every line, in parts of about `RUNS_AT_ONCE`; equal runs are in one part."""
    parts = -(-len(lines.pitches) // RUNS_AT_ONCE)
    for part in range(parts):
        chunks = [
            _runs_from(lines, run, low, part, parts)
            for low in range(0, len(lines.pitches), NOTES_AT_ONCE)
        ]
        runs = Runs(
            np.concatenate([chunk.hashes for chunk in chunks]),
            np.concatenate([chunk.line for chunk in chunks]),
            np.concatenate([chunk.position for chunk in chunks]),
            np.concatenate([chunk.telling for chunk in chunks]),
        )
        order = np.argsort(runs.hashes, kind="stable")
        yield Runs(runs.hashes[order], runs.line[order], runs.position[order], runs.telling[order])


def _runs_from(lines: Lines, run: int, low: int, part: int, parts: int) -> Runs:
    """The runs of one part that start in one chunk of the notes."""
    pitches = lines.pitches[low : low + NOTES_AT_ONCE + run]
    hashes = interval_runs(pitches, run)
    position = np.arange(low, low + len(hashes))
    line = np.searchsorted(lines.starts, position, side="right") - 1
    keep = position + run < lines.starts[line + 1]
    if parts > 1:
        keep &= hashes % np.uint64(parts) == part
    steps = np.clip(np.diff(pitches.astype(np.int64)), -31, 31) + 31
    kinds = _spread(np.left_shift(np.uint64(1), steps.astype(np.uint64))[::-1], run)[::-1]
    telling = np.bitwise_count(kinds[: len(hashes)]) >= TELLING_INTERVALS
    return Runs(hashes[keep], line[keep], position[keep], telling[keep])


def _spread(bits: NDArray[Any], width: int) -> NDArray[Any]:
    """Each entry or-ed with the `width` - 1 entries before it."""
    bits, done = bits.copy(), 1
    while done < width:
        step = min(done, width - done)
        bits[step:] |= bits[:-step].copy()
        done += step
    return bits


def shared_runs(lines: Lines, run: int) -> tuple[Ints, Ints, Ints]:
    """Counts the different telling runs that lines have in common.

    A run that up to `NEIGHBOURS` + 1 lines hold counts for each pair of them. Of one in more lines
    each holder is paired with the next `NEIGHBOURS` only: copies of a tune, which hold the same
    runs, still form a chain, and a commonplace costs no quadratic number of pairs.

    Args:
        lines: the melody lines.
        run: intervals in a run.

    Returns:
        (p, 2) pairs of lines, smaller index first; (p,) runs shared by each; (n lines,) different
        telling runs of each line.
    """
    keys, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    total = np.zeros(len(lines.starts) - 1, np.int64)
    for runs in sorted_runs(lines, run):
        hashes, line = runs.hashes[runs.telling], runs.line[runs.telling]
        new = np.ones(len(line), np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (line[1:] != line[:-1])
        hashes, line = hashes[new], line[new]
        total += np.bincount(line, minlength=len(total))
        for distance in range(1, NEIGHBOURS + 1):
            same = np.flatnonzero(hashes[distance:] == hashes[:-distance])
            if not len(same):
                break
            found = np.unique(line[same] << 32 | line[same + distance], return_counts=True)
            keys, place = np.unique(np.concatenate([keys, found[0]]), return_inverse=True)
            counts = np.bincount(place, np.concatenate([counts, found[1]])).astype(np.int64)
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1), counts, total


def works(keys: Sequence[set[str]], lines: Lines, run: int, fraction: float) -> Ints:
    """Groups pieces into works: the connected components of "is the same composition as".

    Args:
        keys: of each piece, see `Pieces.keys`.
        lines: the melody lines.
        run: intervals in a run; a shorter line is grouped by its keys alone.
        fraction: two lines that share more than this share of the different telling runs of the
            one that has fewer, or of `LONG_LINE` runs if it has more, are one work.

    Returns:
        The index of the first piece of each piece's work.
    """
    n = len(keys)
    edges = [np.stack([np.arange(n), n + lines.of_piece], axis=1)]
    edges[0] = edges[0][np.diff(lines.starts)[lines.of_piece] > run]
    pairs, shared, total = shared_runs(lines, run)
    of_shorter = np.minimum(total[pairs].min(axis=1), LONG_LINE)
    edges.append(n + pairs[shared > fraction * of_shorter])
    holders: dict[str, list[int]] = defaultdict(list)
    for piece, own in enumerate(keys):
        for key in own:
            holders[key].append(piece)
    for key, held in holders.items():
        if len(held) <= TITLE_HOLDERS or not key.startswith("title:"):
            edges.append(np.array(list(pairwise(held)), np.int64).reshape(-1, 2))
    ends = np.concatenate(edges)
    size = n + len(total)
    graph = coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), (size, size))
    labels = connected_components(graph, directed=False)[1][:n]
    _, first, of_piece = np.unique(labels, return_index=True, return_inverse=True)
    return first[of_piece].astype(np.int64)


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
    flags = _spread(flags, run + 1)
    length = np.diff(lines.starts)
    results = []
    for bit, side in enumerate(sides):
        shared = np.zeros(len(length), np.int64)
        if len(flags):
            starts = lines.starts[:-1][length > 0]
            shared[length > 0] = np.add.reduceat(flags >> bit & 1, starts, dtype=np.int64)
        held_out = {name: lines.of_piece[side == name] for name in SIDES[1:]}
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
    columns = ["piece_id", "source_format", "sha256", "composer", "title", "official_split"]
    rows = pq.read_table(path, columns=columns, filters=pc.field("rejected_because").is_null())
    ids, keys = [], []
    for row in rows.select(columns[:-1]).sort_by("piece_id").to_pylist():
        ids.append(row["piece_id"])
        own = title_keys(row["composer"], row["title"], folk=row["source_format"] == "abc")
        keys.append(own | ({f"file: {row['sha256']}"} if row["sha256"] else set()))
    return Pieces(ids, keys, rows.sort_by("piece_id")["official_split"].to_pylist())


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


def _pieces_in(path: Path, ids: Sequence[str]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    order = {piece_id: index for index, piece_id in enumerate(ids)}
    current, count, held = 0, 0, [np.zeros(0, np.uint8)]
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(NOTES_AT_ONCE, columns=["piece_id", "is_melody", "pitch"]):
            names = batch["piece_id"].dictionary_encode()
            known = [order.get(name, -1) for name in names.dictionary.to_pylist()]
            piece = np.array(known)[names.indices.to_numpy()]
            melody, pitch = batch["is_melody"].to_numpy(False), batch["pitch"].to_numpy()
            for own in np.split(np.arange(len(piece)), np.flatnonzero(np.diff(piece)) + 1):
                index = int(piece[own[0]])
                if index < current:
                    raise SplitError(f"{path} does not fit pieces.parquet; run ingest again")
                while current < index:
                    yield count, np.concatenate(held)
                    current, count, held = current + 1, 0, [np.zeros(0, np.uint8)]
                count += len(own)
                held.append(pitch[own][melody[own]])
    while current < len(ids):
        yield count, np.concatenate(held)
        current, count, held = current + 1, 0, [np.zeros(0, np.uint8)]


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
    missing = [side for side in SIDES if side not in official]
    if missing:
        raise SplitError(
            f"the official split has no piece in {', '.join(missing)}; set split.method to work"
        )
    return np.array(official, dtype="<U5")


def split(interim: Path, settings: Split, seed: int) -> tuple[pa.Table, dict[str, Any]]:
    """Splits a corpus.

    Args:
        interim: folder with ``pieces.parquet`` and ``notes.parquet``.
        settings: the section `split` of ``params.yaml``.
        seed: of the assignment.

    Returns:
        The table `SPLITS`, and metrics: pieces, notes and works of each side; how many works stand
        on two sides; and `audit` of this split, of a split by file and of the official one.

    Raises:
        SplitError: the corpus is too small, or has no official split where that was asked for.
    """
    pieces = read_pieces(interim / "pieces.parquet")
    lines = read_lines(interim / "notes.parquet", pieces.ids)
    work = works(pieces.keys, lines, settings.shared_run, settings.shared_fraction)
    work_ids = [pieces.ids[index] for index in work]
    fractions = settings.val_fraction, settings.test_fraction
    by_file = assign(pieces.ids, lines.n_notes, *fractions, seed)
    if settings.method == "official":
        side = official_sides(pieces.official)
    elif settings.method == "file":
        side = by_file
    else:
        side = assign(work_ids, lines.n_notes, *fractions, seed)
    audited = {"audit": side, "audit_by_file": by_file}
    if None not in pieces.official:
        audited["audit_official"] = official_sides(pieces.official)
    audits = audit(lines, list(audited.values()), settings.shared_run)
    table = pa.table([pieces.ids, work_ids, side.tolist()], schema=SPLITS)
    return table, _summary(work, side, lines.n_notes) | dict(zip(audited, audits, strict=True))


def _summary(work: Ints, side: NDArray[np.str_], n_notes: Ints) -> dict[str, Any]:
    per_side = {
        name: {
            "pieces": int((side == name).sum()),
            "notes": int(n_notes[side == name].sum()),
            "works": len(np.unique(work[side == name])),
        }
        for name in SIDES
    }
    n_works = len(np.unique(work))
    return {
        "n_works": n_works,
        "largest_work_pieces": int(np.bincount(work).max()),
        "works_on_two_sides": sum(own["works"] for own in per_side.values()) - n_works,
    } | per_side
