"""The split: what makes two pieces one work, where works go, and what the audit sees."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import split as stage
from tests import shipped
from tonerow.notes.schema import NOTES, PIECES, SPLIT_TABLE
from tonerow.notes.splits import SPLITS
from tonerow.splitting import melodic_runs
from tonerow.splitting import works as splitting

RUN = 16
Melody = np.ndarray[tuple[int], np.dtype[np.uint8]]


def melody(seed: int, n: int = 120) -> Melody:
    """A random line that stays within 24 semitones, so that it can be transposed."""
    return np.random.default_rng(seed).integers(50, 74, n, dtype=np.uint8)


def lines_of(melodies: list[Melody]) -> melodic_runs.Lines:
    return melodic_runs.distinct_lines((len(line), line) for line in melodies)


def works_of(
    melodies: list[Melody], keys: list[set[str]] | None = None, fraction: float = 0.05
) -> list[int]:
    keys = keys or [set() for _ in melodies]
    return [int(work) for work in splitting.works(keys, lines_of(melodies), RUN, fraction)]


def with_middle(line: Melody, ornaments: Melody) -> Melody:
    """The line with its middle third replaced."""
    third = len(line) // 3
    return np.concatenate([line[:third], ornaments, line[2 * third :]])


class TestRuns:
    def test_no_run_crosses_from_one_line_into_the_next(self) -> None:
        lines = lines_of([melody(1, 20), melody(2, 5), melody(3, 0), melody(4, 18)])
        found = [run for part in melodic_runs.sorted_runs(lines, RUN) for run in part.position]
        assert sorted(found) == [0, 1, 2, 3, 25, 26]

    def test_trills_and_scales_are_not_telling(self) -> None:
        trill = np.array([60, 62] * 20, np.uint8)
        scale = np.arange(30, 70, dtype=np.uint8)
        repeated = np.full(40, 60, np.uint8)
        for line in (trill, scale, repeated):
            (runs,) = melodic_runs.sorted_runs(lines_of([line]), RUN)
            assert not runs.telling.any()
        (runs,) = melodic_runs.sorted_runs(lines_of([melody(1)]), RUN)
        assert runs.telling.all()

    def test_telling_counts_different_intervals(self) -> None:
        steps = np.random.default_rng(0).integers(-3, 4, 300)
        line = (60 + np.cumsum(steps) % 40).astype(np.uint8)
        (runs,) = melodic_runs.sorted_runs(lines_of([line]), RUN)
        intervals = np.diff(line.astype(int))
        for start, telling in zip(runs.position, runs.telling, strict=True):
            different = len(set(intervals[start : start + RUN].tolist()))
            assert telling == (different >= melodic_runs.TELLING_INTERVALS)

    def test_parts_change_no_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        melodies = [melody(i % 9, 60 + 7 * i) for i in range(30)]
        melodies += [with_middle(line, melody(i)) for i, line in enumerate(melodies)]
        lines = lines_of(melodies)
        sides = np.array(["train", "val", "test"] * 20)
        whole = melodic_runs.shared_runs(lines, RUN)
        audit = splitting.audit(lines, [sides], RUN)
        monkeypatch.setattr(melodic_runs, "RUNS_AT_ONCE", 500)
        monkeypatch.setattr(melodic_runs, "NOTES_AT_ONCE", 137)
        assert splitting.audit(lines, [sides], RUN) == audit
        for one, other in zip(whole, melodic_runs.shared_runs(lines, RUN), strict=True):
            assert np.array_equal(one, other)


class TestWorks:
    @given(st.integers(0, 10**6), st.integers(-40, 40))
    def test_a_transposed_copy_is_the_same_work(self, seed: int, shift: int) -> None:
        line = melody(seed)
        moved = (line.astype(int) + shift).astype(np.uint8)
        assert works_of([line, melody(seed + 1), moved]) == [0, 1, 0]

    @given(st.integers(0, 10**6), st.integers(10, 200))
    def test_an_ornamented_middle_hides_nothing(self, seed: int, n: int) -> None:
        line = melody(seed)
        assert works_of([line, with_middle(line, melody(seed + 1, n))]) == [0, 0]

    @given(st.lists(st.integers(0, 10**6), min_size=2, max_size=12, unique=True))
    def test_unrelated_lines_stay_apart(self, seeds: list[int]) -> None:
        assert works_of([melody(seed) for seed in seeds]) == list(range(len(seeds)))

    def test_sharing_is_transitive(self) -> None:
        a, b = melody(1), melody(2)
        assert works_of([a, b, np.concatenate([a[:60], b[60:]])]) == [0, 0, 0]

    def test_a_chance_run_in_long_pieces_joins_nothing_but_many_runs_do(self) -> None:
        a, b = melody(1, 4000), melody(2, 4000)
        for notes, expected in ((RUN + 10, [0, 1]), (RUN + 60, [0, 0])):
            b[100 : 100 + notes] = a[500 : 500 + notes]
            assert works_of([a, b]) == expected

    def test_scales_join_nothing(self) -> None:
        scale = np.concatenate([np.arange(40, 80), np.arange(80, 40, -1)] * 3).astype(np.uint8)
        assert works_of([np.append(scale, melody(i)).astype(np.uint8) for i in range(3)]) == [
            0, 1, 2,
        ]  # fmt: skip

    def test_a_run_in_every_piece_neither_explodes_nor_joins(self) -> None:
        common = melody(0, RUN + 1)
        melodies = [
            np.concatenate([melody(i, 60), common, melody(-i % 997, 60)]) for i in range(1, 300)
        ]
        pairs, _, _ = melodic_runs.shared_runs(lines_of(melodies), RUN)
        assert len(pairs) < 299 * 298 / 2 / 4
        assert works_of(melodies) == list(range(299))

    def test_many_copies_of_one_tune_are_one_work(self) -> None:
        tune = melody(0)
        assert set(works_of([with_middle(tune, melody(i, 30)) for i in range(100)])) == {0}

    def test_the_share_is_of_the_shorter_piece(self) -> None:
        short, long = melody(1, 60), melody(2, 3000)
        long[1000:1020] = short[20:40]
        assert works_of([long, short]) == [0, 0]
        assert works_of([long, short], fraction=0.2) == [0, 1]

    def test_lines_shorter_than_a_run_need_a_key(self) -> None:
        tiny = melody(1, RUN)
        assert works_of([tiny, tiny, tiny], [{"x"}, set(), {"x"}]) == [0, 1, 0]

    @given(st.permutations(range(9)))
    def test_the_order_of_pieces_does_not_matter(self, order: list[int]) -> None:
        melodies = [melody(i % 4) if i < 6 else melody(i) for i in range(9)]
        keys = [{"x"} if i in (7, 2) else set() for i in range(9)]
        works = works_of([melodies[i] for i in order], [keys[i] for i in order])
        groups = {frozenset(order[k] for k in range(9) if works[k] == w) for w in works}
        assert groups == {frozenset(g) for g in ((0, 4), (1, 5), (2, 7), (3,), (6,), (8,))}

    def test_a_title_that_many_bear_is_a_placeholder(self) -> None:
        n = splitting.TITLE_HOLDERS + 1
        melodies = [melody(i) for i in range(n)]
        assert set(works_of(melodies, [{"title: theme 7"}] * n)) == set(range(n))
        assert set(works_of(melodies[:-1], [{"title: theme 7"}] * (n - 1))) == {0}

    def test_a_placeholder_has_no_other_spelling(self) -> None:
        n = splitting.TITLE_HOLDERS + 1
        keys = [
            {"title: theme 7", f"spelling: {('duple', 'triple')[i % 2]} theme7"} for i in range(n)
        ]
        assert set(works_of([melody(i) for i in range(n)], keys)) == set(range(n))

    def test_pairs_that_are_alike_are_one_work(self) -> None:
        melodies = [melody(i) for i in range(4)]
        alike = np.array([[1, 3]])
        found = splitting.works([set()] * 4, lines_of(melodies), RUN, 0.05, alike)
        assert found.tolist() == [0, 1, 2, 1]

    def test_titles_one_letter_apart_are_one_work(self) -> None:
        names = ["barneybralagan", "barneybralaghan", "barneybralakan"]
        keys = [{f"spelling: compound {name}"} for name in names]
        assert works_of([melody(i) for i in range(3)], keys) == [0, 0, 2]


sizes = st.lists(st.integers(1, 500), min_size=3, max_size=40)


class TestAssign:
    @given(sizes, st.integers(0, 99), st.floats(0.05, 0.45), st.floats(0.05, 0.45))
    def test_every_side_has_a_work_and_no_work_two_sides(
        self, notes: list[int], seed: int, val: float, test: float
    ) -> None:
        ids = [f"w{i % max(3, len(notes) // 2)}" for i in range(len(notes))]
        side = splitting.assign(ids, np.array(notes), val, test, seed)
        assert set(side) == set(SPLITS)
        assert len(set(zip(ids, side, strict=True))) == len(set(ids))

    @given(st.permutations(range(30)), st.integers(0, 99))
    def test_order_does_not_matter_and_the_seed_decides(self, order: list[int], seed: int) -> None:
        notes = np.arange(1, 31) * 7 % 31
        ids = [f"w{i}" for i in range(30)]
        side = splitting.assign(ids, notes, 0.2, 0.2, seed)
        again = splitting.assign([ids[i] for i in order], notes[order], 0.2, 0.2, seed)
        assert np.array_equal(side[order], again)
        assert not np.array_equal(side, splitting.assign(ids, notes, 0.2, 0.2, seed + 1))

    def test_fractions_are_met_in_notes(self) -> None:
        notes = np.random.default_rng(0).geometric(0.01, 500)
        side = splitting.assign([str(i) for i in range(500)], notes, 0.1, 0.2, 1)
        for name, fraction in (("val", 0.1), ("test", 0.2)):
            assert notes[side == name].sum() / notes.sum() == pytest.approx(fraction, abs=1e-3)

    def test_a_huge_work_goes_to_train(self) -> None:
        ids = ["big"] * 50 + [f"w{i}" for i in range(100)]
        for seed in range(20):
            side = splitting.assign(ids, np.full(150, 10), 0.3, 0.3, seed)
            assert side[0] == "train"

    def test_another_piece_moves_few(self) -> None:
        notes = np.random.default_rng(0).integers(50, 300, 1000)
        ids = [f"w{i}" for i in range(1000)]
        before = splitting.assign(ids, notes, 0.1, 0.1, 1)
        for extra in range(20):
            after = splitting.assign([f"new{extra}", *ids], np.append(100, notes), 0.1, 0.1, 1)
            assert (before != after[1:]).sum() <= 20

    def test_too_few_works(self) -> None:
        with pytest.raises(splitting.SplitError, match="only 2; add pieces"):
            splitting.assign(["a", "b", "b"], np.array([1, 2, 3]), 0.1, 0.1, 1)


class TestOfficial:
    def test_no_official_split(self) -> None:
        with pytest.raises(splitting.SplitError, match=r"1 of 2 pieces.*split\.method to work"):
            splitting.official_sides(["train", None])

    def test_a_side_without_piece(self) -> None:
        with pytest.raises(splitting.SplitError, match=r"no piece in val; set split\.method"):
            splitting.official_sides(["train", "test"])


class TestAudit:
    def test_counted_by_hand(self) -> None:
        # Runs of 3 intervals. Train holds +1 +2 +3 (and +2 +3 -6). Val has +1 +2 +3 once, over
        # notes 2 to 5 of 8; test holds nothing of it.
        train = np.array([60, 61, 63, 66, 60], np.uint8)
        val = np.array([70, 50, 80, 81, 83, 86, 87, 60], np.uint8)
        test = np.array([60, 59, 58, 57, 50], np.uint8)
        sides = np.array(["train", "val", "test"])
        (got,) = splitting.audit(lines_of([train, val, test]), [sides], 3)
        assert got == {
            "val_notes_shared_with_train": 4 / 8,
            "test_notes_shared_with_train": 0.0,
        }

    def test_overlapping_runs_count_each_note_once(self) -> None:
        line = melody(1, 50)
        sides = np.array(["train", "val", "test"])
        part = np.concatenate([line[10:40], melody(2, 30)])
        (got,) = splitting.audit(lines_of([line, part, line]), [sides], RUN)
        assert got["val_notes_shared_with_train"] == 0.5
        assert got["test_notes_shared_with_train"] == 1.0

    def test_several_splits_at_once(self) -> None:
        melodies = [melody(1), melody(2), melody(1), melody(3)]
        leaks = np.array(["train", "val", "test", "train"])
        clean = np.array(["train", "val", "train", "test"])
        one, other = splitting.audit(lines_of(melodies), [leaks, clean], RUN)
        assert one["test_notes_shared_with_train"] == 1.0
        assert set(other.values()) == {0.0}

    def test_sides_without_melody(self) -> None:
        sides = np.array(["train", "val", "test"])
        (got,) = splitting.audit(lines_of([melody(0, 0)] * 3), [sides], RUN)
        assert set(got.values()) == {0.0}


def test_twenty_thousand_pieces() -> None:
    rng = np.random.default_rng(0)
    tunes = rng.integers(50, 74, (10_000, 60), dtype=np.uint8)
    tunes = np.concatenate([tunes, tunes])
    tunes[10_000:, 25:35] = rng.integers(50, 74, (10_000, 10), dtype=np.uint8)
    lines = melodic_runs.distinct_lines((60, tune) for tune in tunes)
    works = splitting.works([set()] * 20_000, lines, RUN, 0.05)
    assert np.array_equal(works, np.tile(np.arange(10_000), 2))
    side = splitting.assign([f"{w}" for w in works], lines.n_notes, 0.1, 0.1, 1)
    (leak,) = splitting.audit(lines, [side], RUN)
    assert max(leak.values()) < 0.001


def write_corpus(folder: Path, official: bool = False) -> None:
    """40 tunes in two keys, one refused file, one piece without a title, accompaniment below."""
    pieces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for i in range(80):
        piece_id = f"p{i:02d}"
        row = {"piece_id": piece_id, "source_path": piece_id, "source_format": "abc"}
        if i == 11:
            pieces.append(row | {"rejected_because": "no key"})
            continue
        side = SPLITS[i % 3] if official else None
        pieces.append(row | {"title": f"Tune of {i}", "official_split": side})
        for tick, pitch in enumerate(melody(i % 40, 60) + i // 40):
            for is_melody in (False, True):
                note = dict.fromkeys(NOTES.names, 1) | {"piece_id": piece_id, "onset_tick": tick}
                note["onset_beat"] = float(tick)
                note |= {"is_drum": False, "is_melody": is_melody}
                notes.append(note | {"pitch": int(pitch) if is_melody else 36})
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(pieces, schema=PIECES), folder / "pieces.parquet")
    table = pa.Table.from_pylist(notes, schema=NOTES)
    pq.write_table(table, folder / "notes.parquet", row_group_size=700)


class TestStage:
    @pytest.fixture(autouse=True)
    def _project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        self.settings("work")

    def run(self, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], pa.Table]:
        argv = ["split", "data/interim", "data/splits", "metrics/split.json"]
        monkeypatch.setattr(sys, "argv", argv)
        stage.main()
        metrics = json.loads(Path("metrics/split.json").read_text(encoding="utf-8"))
        return metrics, pq.read_table("data/splits/splits.parquet")

    def settings(self, method: str) -> None:
        text = shipped.text({"split.method": method})
        Path("params.yaml").write_text(text, encoding="utf-8")

    def test_by_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        write_corpus(Path("data/interim"))
        monkeypatch.setattr(splitting, "NOTES_AT_ONCE", 999)
        metrics, table = self.run(monkeypatch)
        assert table.schema == SPLIT_TABLE
        rows = table.to_pylist()
        ids = [row["piece_id"] for row in rows]
        assert ids == sorted(ids) and len(ids) == 79 and "p11" not in ids
        sides = {row["work_id"]: row["split"] for row in rows}
        assert all(sides[row["work_id"]] == row["split"] for row in rows)
        assert rows[1]["work_id"] == "p01" and rows[40]["work_id"] == "p01"
        assert metrics["n_works"] == 40 and metrics["largest_work_pieces"] == 2
        assert metrics["works_on_two_sides"] == 0
        assert metrics["audit"] == {
            "val_notes_shared_with_train": 0.0,
            "test_notes_shared_with_train": 0.0,
        }
        assert metrics["audit_by_file"]["test_notes_shared_with_train"] > 0.3
        assert set(metrics["near_variants"].values()) == {0.0}  # no metre, no beats
        assert "audit_official" not in metrics
        assert sum(metrics[side]["notes"] for side in SPLITS) == 79 * 120
        counts = Counter(row["split"] for row in rows)
        assert {side: metrics[side]["pieces"] for side in SPLITS} == counts

    def test_twice_the_same_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        write_corpus(Path("data/interim"))
        files = [Path("data/splits/splits.parquet"), Path("metrics/split.json")]
        self.run(monkeypatch)
        first = [path.read_bytes() for path in files]
        self.run(monkeypatch)
        assert [path.read_bytes() for path in files] == first

    @pytest.mark.parametrize("method", ["file", "official"])
    def test_other_methods_leak_and_say_so(
        self, method: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_corpus(Path("data/interim"), official=True)
        self.settings(method)
        metrics, _ = self.run(monkeypatch)
        assert metrics["works_on_two_sides"] > 0
        assert metrics["audit"] == metrics[f"audit_{'by_file' if method == 'file' else method}"]
        assert metrics["audit"]["test_notes_shared_with_train"] > 0.3

    def test_official_where_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        write_corpus(Path("data/interim"))
        self.settings("official")
        with pytest.raises(splitting.SplitError, match="79 of 79 pieces have no official split"):
            self.run(monkeypatch)

    def test_tables_that_do_not_fit(self, tmp_path: Path) -> None:
        write_corpus(tmp_path / "interim")
        with pytest.raises(splitting.SplitError, match="run ingest again"):
            splitting.read_lines(tmp_path / "interim" / "notes.parquet", ["p00", "p02"])

    def test_beats_are_read_by_the_metre(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_corpus(tmp_path / "interim")
        monkeypatch.setattr(splitting, "NOTES_AT_ONCE", 999)
        pieces = splitting.read_pieces(tmp_path / "interim/pieces.parquet")
        metres = [("4/4", 0.0), ("6/8", 0.0), *pieces.metres[2:]]
        beats = splitting.read_beats(
            tmp_path / "interim/notes.parquet", pieces._replace(metres=metres)
        )
        lengths = np.diff(beats.starts)[beats.of_piece]
        assert lengths.tolist() == [60, 79] + [0] * 77  # to the last of 60 notes, 1 or 3/4 apart
        assert np.array_equal(beats.pitches[:60], melody(0, 60))

    def test_a_piece_without_notes_keeps_its_row(self, tmp_path: Path) -> None:
        write_corpus(tmp_path / "interim")
        ids = sorted(
            [*splitting.read_pieces(tmp_path / "interim/pieces.parquet").ids, "p11", "p99"]
        )
        lines = splitting.read_lines(tmp_path / "interim" / "notes.parquet", ids)
        assert lines.n_notes.tolist() == [0 if name in ("p11", "p99") else 120 for name in ids]
        assert np.array_equal(lines.pitches[:60], melody(0, 60))
