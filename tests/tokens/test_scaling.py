import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokens.token_tables import fitted, piece, random_piece, undone
from tonerow.tokens.encoding import encode
from tonerow.tokens.scaling import Scaler, Transform

TIMES = st.floats(0, 1000)
EACH_TRANSFORM = pytest.mark.parametrize("transform", ["identity", "log1p(24x)"])


@EACH_TRANSFORM
@given(value=TIMES, mean=st.floats(-5, 5), scale=st.floats(0.1, 10))
def test_loses_nothing(transform: Transform, value: float, mean: float, scale: float) -> None:
    scaler = Scaler(transform, mean, scale)
    assert undone(scaler, scaler.apply(np.array([value]))) == pytest.approx(value, 1e-9, 1e-9)


def test_train_fields_have_mean_0_and_variance_1() -> None:
    notes = random_piece("a", 500)
    fields = encode(fitted(notes), notes)
    for name in ("step", "duration", "velocity", "melody_rest", "melody_duration"):
        values = fields.column(f"{name}_norm").drop_null().to_numpy()
        assert values.mean() == pytest.approx(0, abs=1e-5)
        assert values.std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("velocity", [1, 64, 80, 127])
def test_a_constant_field_is_0_and_comes_back_exactly(velocity: int) -> None:
    pieces = [piece(name, np.arange(9) / 3, velocity=velocity) for name in "abc"]
    tokenizer = fitted(*pieces)
    fields = encode(tokenizer, pieces[0])
    assert tokenizer.scalers["velocity"].scale == 1
    assert set(fields.column("velocity_norm").to_pylist()) == {0.0}
    velocities = undone(tokenizer.scalers["velocity"], fields.column("velocity_norm").to_numpy())
    assert set(velocities.tolist()) == {velocity}


def test_constant_times_do_not_divide_by_zero() -> None:
    scalers = fitted(*(piece(f"{i:03}", [0.0], [1 / 3]) for i in range(100))).scalers
    assert {scaler.scale for scaler in scalers.values()} == {1.0}


def test_no_melody_in_train() -> None:
    notes = piece("a", [0, 1], is_melody=False)
    fields = encode(fitted(notes), notes)
    assert fields.column("melody_rest_norm").null_count == 2


@pytest.mark.parametrize(("transform", "scale"), [("sqrt", 1.0), ("identity", 0.0)])
def test_refuses_what_no_one_could_undo(transform: Transform, scale: float) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Scaler(transform, 0.0, scale)
