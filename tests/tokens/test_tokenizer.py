import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from tests.tokens.token_tables import SETTINGS, TUNE, fitted, random_piece
from tonerow.tokens.characters import UNKNOWN_CHARACTER
from tonerow.tokens.reduction import reduce_tune
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.tokens.vocabulary import DRUMS

REDUCED = reduce_tune(TUNE, SETTINGS.abc_fields)


def test_text_round_trip() -> None:
    tokenizer = fitted(random_piece("a"), text=REDUCED)
    assert tokenizer.alphabet == "".join(sorted(set(REDUCED)))
    assert tokenizer.decode_text(tokenizer.encode_text(REDUCED)) == REDUCED
    assert tokenizer.decode_text(tokenizer.encode_text("G\u00e9")) == "G" + UNKNOWN_CHARACTER


def test_json_round_trip_and_fingerprint() -> None:
    tokenizer = fitted(random_piece("a"), text=REDUCED)
    text = tokenizer.to_json()
    again = Tokenizer.from_json(text)
    assert again == tokenizer
    assert again.to_json() == text
    assert tokenizer.fingerprint() == hashlib.sha256(text.encode()).hexdigest()
    assert replace(tokenizer, max_beats=8).fingerprint() != tokenizer.fingerprint()
    assert DRUMS in tokenizer.instruments
    assert json.loads(text)["instruments"][-1] == "drums"


@pytest.mark.parametrize(
    "change", [{"version": 0}, {"scalers": 1}, {"surplus": 1}, {"alphabet": None}]
)
def test_another_json_is_refused(change: dict[str, Any]) -> None:
    text = json.dumps(json.loads(fitted(random_piece("a")).to_json()) | change)
    with pytest.raises(ValueError, match="run the tokenize stage again"):
        Tokenizer.from_json(text)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="run the tokenize stage again"):
        Tokenizer.from_json(text)


def test_an_empty_train_split_is_refused() -> None:
    with pytest.raises(ValueError, match="no notes in train"):
        fitted()


def test_loading_needs_no_reader_and_no_table() -> None:
    code = "import sys, tonerow.tokens.tokenizer; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "tonerow.tokens.characters" in loaded
    ours = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("tonerow.")}
    assert ours == {"tonerow.tokens"}
    assert not loaded & {"sklearn", "pyarrow", "pandas", "torch"}
