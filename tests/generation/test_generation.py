"""Generation: seeded, true to the model, and true to the rhythm that was given."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from tests.tiny import model_of, names, settings
from tests.tokens.token_tables import TUNE, random_piece, write_corpus
from tonerow.generation import GenerationError, Request, Samples, generate
from tonerow.generation.descriptors import lines_of, of_line
from tonerow.generation.melody import rhythms
from tonerow.models import find
from tonerow.notes.schema import SAMPLES
from tonerow.tokens import corpus
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.views import load_melody, vocabularies
from tonerow.windows import Window, make_batch

VIEW_OF = {name: find(name.split()[0]).view for name in names()}
MELODY, EVENTS = ([n for n, view in VIEW_OF.items() if view == v] for v in ("melody", "events"))
SIDES = {"a": "train", "b": "test", "c": "val", "d": "test", "e": "test"}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    pieces = {name: random_piece(name, 20 + 10 * i, i) for i, name in enumerate(SIDES)}
    interim, splits = write_corpus(folder, pieces, SIDES, dict.fromkeys(SIDES, TUNE))
    corpus.tokenize(interim, splits, folder / "tokens", settings().tokenize)
    return folder / "tokens"


def request(tokens: Path, model: str = "rnn_vanilla published", **changes: Any) -> Request:
    """Asks an untrained model for samples."""
    few = {"samples": 2, "max_notes": 25, "primer": 5, "max_characters": 40, "top_p": 1.0}
    values = {f"generate__{key}": value for key, value in {**few, **changes}.items()}
    chosen = settings(model, **values)
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8"))
    made = model_of(chosen, vocabularies(tokenizer)).eval()
    return Request(made, tokens, tokenizer, chosen.generate, tokens.parent / "interim")


@cache
def made_once(tokens: Path, model: str, **changes: Any) -> Samples:
    """The samples of a request that several tests look at."""
    return generate(request(tokens, model, **changes))


def lines(samples: Samples) -> dict[str, pd.DataFrame]:
    """The notes of each sample by the piece that its rhythm is from."""
    return by_piece(samples.notes)


def by_piece(notes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(name): part for name, part in notes.groupby("source_piece_id")}


@pytest.mark.parametrize("model", list(names()))
def test_a_seed_gives_the_same_samples(tokens: Path, model: str) -> None:
    first, again = made_once(tokens, model), generate(request(tokens, model))
    pd.testing.assert_frame_equal(first.notes, again.notes)
    assert (first.metrics, first.texts) == (again.metrics, again.texts)


@pytest.mark.parametrize("model", list(names()))
def test_another_seed_gives_others(tokens: Path, model: str) -> None:
    first = made_once(tokens, model, samples=3, max_notes=40)
    other = generate(request(tokens, model, samples=3, max_notes=40, seed=2))
    pitches = [samples.notes["pitch"].tolist() for samples in (first, other)]
    assert pitches[0] != pitches[1] or first.texts != other.texts


@pytest.mark.parametrize("model", list(names()))
def test_samples_keep_the_schema(tokens: Path, model: str) -> None:
    made = made_once(tokens, model)
    for notes in (made.notes, made.sources):
        table = pa.Table.from_pandas(notes, SAMPLES, preserve_index=False)
        table.validate(full=True)
        assert (notes["duration_beat"] > 0).all()
        assert (notes["onset_beat"] >= 0).all()
        assert notes["pitch"].between(0, 127).all()
        assert notes["velocity"].between(1, 127).all()


@pytest.mark.parametrize("model", MELODY)
def test_rhythms_are_kept_exactly(tokens: Path, model: str) -> None:
    made = generate(request(tokens, model, samples=9, max_notes=22))
    found, of = lines(made), by_piece(made.sources)
    assert set(found) == {"b", "d", "e"}
    columns = ["piece_id", "is_melody", "pitch", "melody_rest", "melody_duration"]
    notes = pq.read_table(tokens / "notes.parquet", columns=columns).to_pandas()
    for piece, sample in found.items():
        source = notes[(notes["piece_id"] == piece) & notes["is_melody"]].head(22)
        assert of[piece]["pitch"].tolist() == source["pitch"].tolist()
        assert sample["duration_beat"].tolist() == source["melody_duration"].tolist()
        end = (sample["onset_beat"] + sample["duration_beat"]).to_numpy()
        rest = sample["onset_beat"].to_numpy() - np.concatenate([[0.0], end[:-1]])
        np.testing.assert_allclose(rest, source["melody_rest"], atol=1e-5)


def test_rhythms_come_from_the_split_asked_for(tokens: Path) -> None:
    assert set(lines(generate(request(tokens, split="val", samples=9)))) == {"c"}


@pytest.mark.parametrize("model", [*MELODY[:1], *EVENTS[:1]])
def test_a_split_without_notes_is_named(tokens: Path, tmp_path: Path, model: str) -> None:
    notes = pq.read_table(tokens / "notes.parquet")
    pq.write_table(notes.filter(pc.field("split") != "val"), tmp_path / "notes.parquet")
    asked = replace(request(tokens, model, split="val"), tokens=tmp_path)
    with pytest.raises(GenerationError, match="no piece of val has notes"):
        generate(asked)


def test_as_many_samples_as_asked_for_each_of_another_piece(tokens: Path) -> None:
    notes = generate(request(tokens, samples=2)).notes
    assert notes["sample"].unique().tolist() == [0, 1]
    pairs = notes[["sample", "source_piece_id"]].drop_duplicates()
    assert len(pairs) == pairs["source_piece_id"].nunique() == 2


def test_a_sample_is_cut_to_max_notes(tokens: Path) -> None:
    whole, cut = (generate(request(tokens, max_notes=n)).notes for n in (10_000, 7))
    assert cut.groupby("sample").size().tolist() == [7, 7]
    assert (whole.groupby("sample").size() > 7).all()


def test_a_single_note_is_a_sample(tokens: Path) -> None:
    found = generate(request(tokens, max_notes=1))
    assert len(found.notes) == 2


def heard_again(asked: Request, piece: str, pitches: list[int]) -> torch.Tensor:
    """What the model says of each note (log-probabilities, (L, 128)), told these pitches at once."""
    held_out = load_melody(asked.tokens, "test")
    begin = int(held_out.first[held_out.ids.index(piece)])
    pitch = held_out.notes["pitch"].clone()
    pitch[begin : begin + len(pitches)] = torch.tensor(pitches)
    with torch.no_grad():
        told = replace(held_out, notes={"pitch": pitch})
        batch = make_batch(told, [Window(begin, len(pitches))])
        line = pq.read_table(asked.tokens / "notes.parquet").to_pandas()
        line = line[(line["piece_id"] == piece) & line["is_melody"]].head(len(pitches))
        given, _ = rhythms([line], torch.device("cpu"))  # of a line that ends here
        batch = replace(batch, given=given)
        found: torch.Tensor = asked.model(batch)["pitch"].log_probabilities()[0]
        return found


@pytest.mark.parametrize("model", MELODY)
def test_greedy_pitches_are_the_most_likely_after_those_before(tokens: Path, model: str) -> None:
    asked = request(tokens, model, top_k=1, samples=3)
    for piece, sample in lines(generate(asked)).items():
        pitches = sample["pitch"].tolist()
        assert heard_again(asked, piece, pitches).argmax(-1).tolist() == pitches


@pytest.mark.parametrize("model", MELODY)
def test_drawn_pitches_are_among_those_left_possible(tokens: Path, model: str) -> None:
    asked = request(tokens, model, top_k=3, temperature=5.0, samples=3)
    ranks = set()
    for piece, sample in lines(generate(asked)).items():
        pitches = torch.tensor(sample["pitch"].tolist())
        order = heard_again(asked, piece, pitches.tolist()).argsort(descending=True)
        rank = (order == pitches[:, None]).nonzero()[:, 1]
        assert (rank < 3).all()
        ranks |= set(rank.tolist())
    assert ranks == {0, 1, 2}


@pytest.mark.parametrize("model", [*MELODY, *EVENTS, "lstm_char small"])
@pytest.mark.parametrize("asked", [{}, {"bars": 3, "max_notes": 20}, {"beam": 2}], ids=str)
def test_a_sample_is_the_same_whatever_is_drawn_beside_it(
    tokens: Path, model: str, asked: dict[str, int]
) -> None:
    alone, together = (
        generate(request(tokens, model, samples=samples, **{"max_notes": 10, **asked})).notes
        for samples in (1, 3)
    )
    first = together[together["sample"] == 0]
    for name in ("source_piece_id", "pitch", "onset_beat"):
        assert alone[name].tolist() == first[name].tolist()


@pytest.mark.parametrize("model", [*MELODY, *EVENTS])
@pytest.mark.parametrize("asked", [{"bars": 2}, {"seconds": 3.1}, {"seconds": 1e-6}], ids=str)
def test_a_sample_ends_after_its_bars_or_seconds(
    tokens: Path, model: str, asked: dict[str, Any]
) -> None:
    end = asked["bars"] * 4 if "bars" in asked else asked["seconds"] * 2  # no metre, 120 a minute
    made = generate(request(tokens, model, samples=3, max_notes=40, **asked))
    whole = made_once(tokens, model, samples=3, max_notes=40)
    for cut, full in ((made.notes, whole.notes), (made.sources, whole.sources)):
        for sample, notes in cut.groupby("sample"):
            of = full[full["sample"] == sample]
            n = max((of["onset_beat"] < end - 1e-4).sum(), 1)
            np.testing.assert_allclose(notes["onset_beat"], of["onset_beat"][:n], atol=1e-5)
            length = np.minimum(of["duration_beat"], end - of["onset_beat"])[:n]
            np.testing.assert_allclose(notes["duration_beat"], length, atol=1e-5)
            if model in EVENTS:  # each sample is the beginning of what it would have been
                assert notes["pitch"].tolist() == of["pitch"].tolist()[:n]


def test_a_model_of_all_fields_stops_when_all_samples_have_ended(
    tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in EVENTS[:2]:
        steps = []
        for asked in ({}, {"seconds": 1.0}):
            wanted = request(tokens, model, max_notes=40, **asked)
            calls: list[int] = []
            step = wanted.model.step
            monkeypatch.setattr(
                wanted.model, "step", lambda *a, c=calls, s=step: c.append(1) or s(*a)
            )
            generate(wanted)
            steps.append(len(calls))
        assert steps[1] < steps[0] <= 40


def test_bars_are_of_a_pieces_own_metre_after_its_own_upbeat(tokens: Path, tmp_path: Path) -> None:
    notes = pq.read_table(tokens.parent / "interim/notes.parquet").to_pandas()
    first = notes[notes["is_melody"]].groupby("piece_id")["onset_beat"].min()
    pieces = pq.read_table(tokens.parent / "interim/pieces.parquet").to_pandas()
    pieces = pieces.set_index("piece_id").loc[list(SIDES)]
    pieces["time_signature"], pieces["downbeat_beat"] = "6/8", first + 0.5
    pieces.loc["b", "time_signature"] = "2/4"
    pieces.loc["d", "downbeat_beat"] = first["d"] + 3  # a bar begins with the first note
    pq.write_table(pa.Table.from_pandas(pieces.reset_index()), tmp_path / "pieces.parquet")
    (tmp_path / "notes.parquet").symlink_to(tokens.parent / "interim/notes.parquet")
    asked = request(tokens, samples=9, max_notes=40, bars=2)
    whole = lines(
        generate(replace(asked, settings=asked.settings.model_copy(update={"bars": None})))
    )
    cut = lines(generate(replace(asked, interim=tmp_path)))
    for piece, end in {"b": 4.5, "d": 6.0, "e": 6.5}.items():
        assert len(cut[piece]) == (whole[piece]["onset_beat"] < end - 1e-3).sum()


@pytest.mark.parametrize("model", MELODY)
def test_one_beginning_gives_the_greedy_melody(tokens: Path, model: str) -> None:
    asked = {"samples": 3, "hints": [100, 20], "lowest": 55, "highest": 70}
    greedy = generate(request(tokens, model, top_k=1, **asked))
    found = generate(request(tokens, model, beam=1, temperature=3.0, seed=1, **asked))
    assert found.notes["pitch"].tolist() == greedy.notes["pitch"].tolist()
    assert found.notes["is_given"].tolist() == greedy.notes["is_given"].tolist()
    for notes, of in ((found.notes, greedy.notes), (found.sources, greedy.sources)):
        np.testing.assert_allclose(notes["nats"], of["nats"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", MELODY)
@pytest.mark.parametrize("beam", [0, 3])
def test_nats_are_what_the_model_says_of_samples_and_sources(
    tokens: Path, model: str, beam: int
) -> None:
    asked = request(tokens, model, samples=3, temperature=2.0, top_p=0.9, beam=beam)
    made = generate(asked)
    for notes in (made.notes, made.sources):
        for piece, line in by_piece(notes).items():
            pitch = torch.tensor(line["pitch"].tolist())
            logs = heard_again(asked, piece, pitch.tolist()).gather(1, pitch[:, None])[:, 0]
            np.testing.assert_allclose(line["nats"], -logs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", EVENTS)
def test_a_source_is_the_piece_and_has_nats_of_all_fields(tokens: Path, model: str) -> None:
    made = made_once(tokens, model, samples=3, max_notes=40)
    notes = pq.read_table(tokens / "notes.parquet").to_pandas()
    for piece, source in by_piece(made.sources).items():
        real = notes[notes["piece_id"] == piece]["pitch"].tolist()[:40]
        assert source["pitch"].tolist() == real
        assert source["is_given"].sum() == 5
    nats = np.concatenate([made.notes["nats"], made.sources["nats"]])
    assert np.isfinite(nats).all() and (nats > 0).all()
    own, of = (table[table["is_given"]]["nats"] for table in (made.notes, made.sources))
    np.testing.assert_allclose(own, of, rtol=1e-4)


def test_the_notes_of_a_human_abc_tune_have_nats(tokens: Path) -> None:
    made = generate(request(tokens, "lstm_char small", samples=3))
    assert len(made.sources) == 3 * 6
    assert np.isfinite(made.sources["nats"]).all() and (made.sources["nats"] > 0).all()
    per_tune = made.sources.groupby("sample")["nats"].sum().to_numpy()
    np.testing.assert_allclose(per_tune, per_tune[0], rtol=1e-4)  # one tune under three names


def test_the_text_of_a_human_tune_is_no_sample(tokens: Path) -> None:
    made = generate(request(tokens, "lstm_char small", samples=2))
    assert list(made.texts) == ["sample-00.abc", "sample-01.abc"]
    assert list(made.source_texts) == ["sample-00-source.abc", "sample-01-source.abc"]
    for text, source in zip(made.texts.values(), made.source_texts.values(), strict=True):
        assert source.rstrip().endswith("GABc d2e2|")
        assert text != source


@pytest.mark.parametrize("model", MELODY)
def test_hints_come_first_and_the_rest_stays_within_the_range(tokens: Path, model: str) -> None:
    asked = request(tokens, model, samples=3, hints=[100, 20], lowest=60, highest=64)
    for sample in lines(generate(asked)).values():
        assert sample["pitch"].tolist()[:2] == [100, 20]
        assert sample["is_given"].tolist() == [True] * 2 + [False] * (len(sample) - 2)
        assert sample["pitch"][2:].between(60, 64).all()


@pytest.mark.parametrize("model", EVENTS)
def test_a_range_holds_for_models_of_all_fields(tokens: Path, model: str) -> None:
    notes = generate(request(tokens, model, lowest=60, highest=64)).notes
    assert notes[~notes["is_given"]]["pitch"].between(60, 64).all()


@pytest.mark.parametrize("model", [*EVENTS[:1], "lstm_char small"])
def test_what_is_for_melodies_leaves_other_models_alone(tokens: Path, model: str) -> None:
    asked = {"hints": [60], "instrument": 73, "beam": 3} | (
        {"lowest": 60, "seconds": 1.0} if "char" in model else {}
    )
    plain, again = made_once(tokens, model), generate(request(tokens, model, **asked))
    pd.testing.assert_frame_equal(plain.notes, again.notes)
    assert plain.texts == again.texts


@pytest.mark.parametrize("model", EVENTS)
def test_a_sample_is_no_longer_than_its_piece(tokens: Path, model: str) -> None:
    made = generate(request(tokens, model, samples=9, max_notes=45))
    sizes = [table.groupby("sample").size().tolist() for table in (made.notes, made.sources)]
    assert sizes[0] == sizes[1]
    assert min(sizes[0]) < max(sizes[0]) == 45


def test_a_full_repeat_decay_never_repeats(tokens: Path) -> None:
    again = []
    for decay in (0.0, 1.0):
        notes = generate(request(tokens, top_k=2, samples=3, repeat_decay=decay)).notes
        again.append([of_line(line)["same_pitch_again"] for line in lines_of(notes)])
    assert max(again[0]) > 0
    assert max(again[1]) == 0


@pytest.mark.parametrize("model", EVENTS)
def test_an_opening_is_kept_and_continued(tokens: Path, model: str) -> None:
    found = made_once(tokens, model, samples=3, max_notes=40)
    notes = pq.read_table(tokens / "notes.parquet").to_pandas()
    for piece, sample in lines(found).items():
        assert sample["is_given"].tolist() == [True] * 5 + [False] * (len(sample) - 5)
        source = notes[notes["piece_id"] == piece]["pitch"].tolist()
        assert sample["pitch"].tolist()[:5] == source[:5]
    assert found.metrics["notes"] == len(found.notes) - 3 * 5
