import pytest

from tonerow.tokens.characters import (
    END,
    FIRST_CHARACTER,
    UNKNOWN,
    UNKNOWN_CHARACTER,
    decode_text,
    encode_text,
)


def test_ids() -> None:
    ids = encode_text("aXb", {"a": FIRST_CHARACTER, "b": FIRST_CHARACTER + 1})
    assert ids == [FIRST_CHARACTER, UNKNOWN, FIRST_CHARACTER + 1, END]
    assert decode_text([*ids, FIRST_CHARACTER], "ab") == f"a{UNKNOWN_CHARACTER}b"


@pytest.mark.parametrize("index", [-1, FIRST_CHARACTER + 2])
def test_an_id_outside_the_alphabet_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="allowed: 0 to 3"):
        decode_text([index], "ab")
