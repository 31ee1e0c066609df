"""Tunes that end after so many bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.tiny import model_of, settings
from tests.tokens.token_tables import TUNE, fitted, random_piece
from tonerow.generation.chars import files, first_bars, played, rows, write
from tonerow.generation.samples import Request, Samples
from tonerow.generation.writing import write_music
from tonerow.listening.sound import Sounds
from tonerow.models.base import Batch, Model, Notes, Sees, State
from tonerow.models.predictions import Categorical, Predictions
from tonerow.views import vocabularies

TOKENIZER = fitted(random_piece("a"), text=TUNE)


@pytest.mark.parametrize(
    ("body", "bars", "found"),
    [
        ("GA|Bc|d2|", 2, "GA|Bc|"),
        ("GA|Bc|d2", 3, "GA|Bc|d2"),
        ("GA|Bc", 1, "GA|"),
        ("|:GA|Bc:|d2|", 2, "|:GA|Bc:|"),
        ("GA|1 Bc:|2 d2||", 2, "GA|1 Bc:|"),
        ("GA::Bc|", 1, "GA::"),
        ("GA||\n| |Bc|]\n", 2, "GA||\n| |Bc|]"),
        ("z4|x4|Z|c", 3, "z4|x4|Z|"),
        ("K:G\n|[M:3/4]|GA|B|", 1, "K:G\n|[M:3/4]|GA|"),
        ("G:|B|", 1, "G:|"),
        ("", 1, ""),
    ],
)
def test_a_bar_is_what_sounds_before_a_bar_line(body: str, bars: int, found: str) -> None:
    assert first_bars(body, bars) == found


@given(st.text("GA|:[]z \n", max_size=40), st.integers(1, 4))
@tried(max_examples=200)
def test_more_bars_begin_with_fewer(body: str, bars: int) -> None:
    few, more = first_bars(body, bars), first_bars(body, bars + 1)
    assert body.startswith(more) and more.startswith(few)
    assert first_bars(few, bars) == few


class Script(Model):
    """Writes the same body under every header."""

    view = "chars"
    conditions_on = Sees.CHARACTERS_BEFORE

    def __init__(self, body: str) -> None:
        super().__init__({}, ("char",))
        self.ids = nn.Parameter(torch.tensor(TOKENIZER.encode_text(body)).float())
        self.rows: list[int] = []

    def forward(self, batch: Batch) -> Predictions:
        raise NotImplementedError

    def begin(self, given: Notes, length: Tensor) -> State:
        return {"place": -length}

    def step(self, before: Notes, state: State) -> tuple[Predictions, State]:
        self.rows.append(len(before["char"]))
        at = state["place"].clamp(0, len(self.ids) - 1)
        logits = torch.full((len(at), len(TOKENIZER.alphabet) + 2), -99.0)
        logits.scatter_(1, self.ids.long()[at][:, None], 0.0)
        return {"char": Categorical(logits)}, {"place": state["place"] + 1}


HEADERS = ["M:4/4\nK:G\n", "K:G\n"]


def written(body: str, **asked: Any) -> tuple[list[str], list[int]]:
    """The bodies under two headers, and for how many rows the model was asked in each step."""
    chosen = settings(**{f"generate__{name}": value for name, value in asked.items()})
    model = Script(body)
    texts = write(Request(model, Path(), TOKENIZER, chosen.generate), HEADERS)
    return [
        text.removeprefix(header) for text, header in zip(texts, HEADERS, strict=True)
    ], model.rows


def test_a_tune_ends_with_its_last_bar_and_no_more_is_written() -> None:
    body = "GA|Bc|" + "d2e2|" * 5
    assert written(body)[0] == [body, body]
    cut, rows = written(body, bars=2)
    assert cut == ["GA|Bc|", "GA|Bc|"]
    both, longer = len(HEADERS[1]) + len("GA|Bc|d"), len(HEADERS[0]) - len(HEADERS[1])
    # the shorter header's tune has ended and leaves; one and two rows tell where a state has them
    assert rows == [2] * both + [1, 2] + [1] * longer


def test_tunes_that_leave_change_none_that_stay() -> None:
    chosen = settings("lstm_char small", generate__bars=1, generate__max_characters=60)
    model = model_of(chosen, vocabularies(TOKENIZER)).eval()
    request = Request(model, Path(), TOKENIZER, chosen.generate)
    texts = write(request, HEADERS[:1] * 8)
    assert len({len(text) for text in texts}) > 2
    assert write(request, HEADERS[:1] * 3) == texts[:3]


def test_a_tune_of_fewer_bars_ends_by_itself() -> None:
    assert written("GA|Bc|", bars=9)[0] == ["GA|Bc|"] * 2


def test_characters_are_the_limit_without_a_bar_line() -> None:
    assert written("GABcde" * 9, bars=1, max_characters=7)[0] == ["GABcdeG"] * 2


def test_tunes_are_written_to_a_page_and_an_unread_one_is_text_alone(tmp_path: Path) -> None:
    texts = ["M:2/4\nL:1/8\nK:G\nGA|Bc|", "M:2/4\nK:G\n)))"]
    notes = rows(["a"] * 2, [played(text, 99) for text in texts])
    about = pd.DataFrame({"title": "", "tempo_bpm": None}, index=["a"])
    sources = files(texts[:1], "-source")
    samples = Samples(notes, notes.head(0), {}, files(texts), sources)
    with Sounds() as sounds:
        write_music(tmp_path, samples, about, {"model": "lstm_char"}, None, sounds)
    assert (tmp_path / "sample-00-source.abc").read_text("utf-8") == next(iter(sources.values()))
    (tmp_path / "sample-00-source.abc").unlink()
    assert '"sample-00.mp3"' in (tmp_path / "listen.html").read_text("utf-8")
    assert {file.name for file in tmp_path.glob("*.abc")} == {"sample-00.abc", "sample-01.abc"}
    assert not (tmp_path / "sample-01.mid").exists()
