from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokens.token_tables import fitted, piece, random_piece, undone
from tonerow.notes.schema import TOKEN_NOTES
from tonerow.tokens.encoding import encode
from tonerow.tokens.vocabulary import spacing


def arrays(table: pa.Table) -> dict[str, Any]:
    return {name: table.column(name).to_numpy() for name in table.column_names}


@st.composite
def pieces(draw: st.DrawFn) -> pa.Table:
    """A piece of up to 30 notes whose gaps and durations the grid reaches."""
    notes = draw(
        st.lists(
            st.tuples(
                st.floats(0, 15.8) | st.sampled_from([0.0, 0.25, 1 / 3, 1.0]),
                st.floats(1 / 48, 16),
                st.sampled_from([0, 1, 40, 127]),
                st.booleans(),
                st.integers(0, 127),
                st.integers(1, 127),
            ),
            min_size=1,
            max_size=30,
        )
    )
    gap, duration, program, is_drum, pitch, velocity = map(np.array, zip(*notes, strict=True))
    onset = np.cumsum(gap)
    columns = {"program": program, "is_drum": is_drum, "pitch": pitch, "velocity": velocity}
    return piece("a", onset, duration, **columns)


@given(pieces())
@settings(deadline=None, max_examples=50)
def test_ids_give_the_notes_back_within_the_stated_quantisation(notes: pa.Table) -> None:
    tokenizer = fitted(notes)
    expected, fields = arrays(notes), arrays(encode(tokenizer, notes))
    decoded = tokenizer.decode_ids(fields)
    onset = expected["onset_beat"] - expected["onset_beat"][0]
    assert np.abs(decoded["onset_beat"] - onset).max() <= 1 / 8 + 1e-6
    bound = spacing(expected["duration_beat"], 24) / 2 + 1e-6
    assert (np.abs(decoded["duration_beat"] - expected["duration_beat"]) <= bound).all()
    assert (fields["pitch"] == expected["pitch"]).all()
    assert (decoded["is_drum"] == expected["is_drum"]).all()
    pitched = ~decoded["is_drum"]
    assert (decoded["program"] == expected["program"])[pitched].all()


@given(notes=pieces())
@settings(deadline=None, max_examples=50)
def test_normalised_values_stand_for_the_notes(notes: pa.Table) -> None:
    tokenizer = fitted(notes, random_piece("b"))
    expected, fields = arrays(notes), arrays(encode(tokenizer, notes))
    step, duration, velocity = (
        undone(tokenizer.scalers[name], fields[f"{name}_norm"])
        for name in ("step", "duration", "velocity")
    )
    onset = expected["onset_beat"]
    assert np.allclose(np.cumsum(step), onset - onset[0], 1e-5, 1e-5 * (1 + onset.max()))
    assert np.allclose(duration, expected["duration_beat"], 1e-5, 1e-6)
    assert (np.rint(velocity) == expected["velocity"]).all()


def test_music_on_the_grid_comes_back_exactly() -> None:
    notes = piece("a", [0, 0.5, 0.5, 0.75, 1 + 1 / 3, 4, 8], [0.5, 0.25, 1, 1 / 3, 2, 4, 16])
    tokenizer = fitted(notes)
    decoded = tokenizer.decode_ids(arrays(encode(tokenizer, notes)))
    assert np.allclose(decoded["onset_beat"], arrays(notes)["onset_beat"], 0, 1e-12)
    assert np.allclose(decoded["duration_beat"], arrays(notes)["duration_beat"], 0, 1e-12)


def test_long_values_are_clipped_and_short_durations_last_a_tick() -> None:
    notes = piece("a", [0, 50, 51], [1e-3, 99, 1])
    tokenizer = fitted(notes)
    decoded = tokenizer.decode_ids(arrays(encode(tokenizer, notes)))
    assert decoded["onset_beat"].tolist() == [0, 16, 17]
    assert decoded["duration_beat"].tolist() == [1 / 24, 16, 1]


def test_unseen_values_take_the_nearest_that_train_has() -> None:
    train = piece("a", [0, 1, 3], [0.5, 2, 2], program=[40, 40, 42])
    unseen = piece("b", [0, 1.25, 10], [1.25, 1.26, 9], program=[41, 47, 3], is_drum=[0, 0, 1])
    tokenizer = fitted(train)
    assert tokenizer.offsets == (0, 1, 2)
    assert tokenizer.durations == (0.5, 2)
    fields = arrays(encode(tokenizer, unseen))
    assert fields["offset_id"].tolist() == [0, 1, 2]
    assert fields["duration_id"].tolist() == [0, 1, 1]
    assert fields["instrument_id"].tolist() == [0, 1, 0]


def test_melody_and_steps_start_anew_with_each_piece() -> None:
    one = piece("a", [3, 4, 4, 6], [0.5, 2, 1, 3], is_melody=[1, 0, 1, 1])
    other = piece("b", [1, 2], [4, 1])
    tokenizer = fitted(one)
    fields = arrays(encode(tokenizer, pa.concat_tables([one, other])))
    step = undone(tokenizer.scalers["step"], fields["step_norm"])
    assert step.tolist() == pytest.approx([0, 1, 0, 2, 0, 1], abs=1e-6)
    assert fields["melody_rest"].tolist() == pytest.approx([0, np.nan, 0.5, 1, 0, 0], nan_ok=True)
    assert fields["melody_duration"].tolist() == pytest.approx(
        [0.5, np.nan, 1, 3, 1, 1], nan_ok=True
    )
    assert (np.isnan(fields["melody_rest_norm"]) == np.isnan(fields["melody_rest"])).all()


def test_fields_have_the_schema() -> None:
    notes = random_piece("a")
    fields = encode(fitted(notes), notes)
    assert fields.schema == pa.schema([f for f in TOKEN_NOTES if f.name != "split"])
    fields.validate(full=True)
