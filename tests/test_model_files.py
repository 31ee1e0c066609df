"""Model files: what is written is read back, by the one it is meant for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import melodies, model_of, names, settings, whole
from tests.tokens.token_tables import TUNE, fitted, random_piece
from tonerow.model_files import ModelFileError, Saved, load_model, open_model, save_model
from tonerow.models.base import Model
from tonerow.tokens.tokenizer import Tokenizer

CPU = torch.device("cpu")
SCORES = {"epoch": 2, "val_nll": 1.5}
TOKENIZER = fitted(random_piece("a"), text=TUNE)


def saved(path: Path, name: str = "rnn_vanilla published") -> Model:
    chosen = settings(name)
    model = model_of(chosen)
    section = chosen.selected.model_dump(exclude={"training"})
    about = Saved(chosen.model, chosen.size, section, TOKENIZER.to_json(), "folk", SCORES)
    save_model(path, model, about)
    return model


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens/tokenizer.json").write_text(TOKENIZER.to_json(), encoding="utf-8")
    return tmp_path / "tokens"


@pytest.mark.parametrize("name", list(names()))
def test_a_model_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model" / "model.pt"
    model = saved(path, name)
    torch.manual_seed(99)
    loaded, about = load_model(path, CPU)
    assert f"{about.model} {about.size}" == name
    assert about.settings == settings(name).selected.model_dump(exclude={"training"})
    assert Tokenizer.from_json(about.tokenizer) == TOKENIZER
    assert (about.corpus, about.scores) == ("folk", SCORES)
    assert type(loaded) is type(model)
    assert not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)
    assert loaded.vocabularies == model.vocabularies


def test_a_model_that_comes_back_predicts_the_same(tmp_path: Path) -> None:
    model = saved(tmp_path / "model.pt", "lstm_local small").eval()
    loaded, _ = load_model(tmp_path / "model.pt", CPU)
    batch = whole(melodies([7]))
    for before, after in zip(model(batch).values(), loaded(batch).values(), strict=True):
        assert torch.equal(before.log_probabilities(), after.log_probabilities())


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        saved(tmp_path / folder / "model.pt")
    saved(tmp_path / "a" / "model.pt")
    assert (tmp_path / "a/model.pt").read_bytes() == (tmp_path / "b/model.pt").read_bytes()


def test_nothing_is_left_beside_the_model(tmp_path: Path) -> None:
    saved(tmp_path / "model.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_model_file_holds_no_code(tmp_path: Path) -> None:
    saved(tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["model"] == "rnn_vanilla"
    assert content["size"] == "published"


def test_a_model_is_opened_with_its_tokenizer(tmp_path: Path, tokens: Path) -> None:
    model = saved(tmp_path / "model.pt")
    opened = open_model(settings(train__device="cpu"), tokens, 1, tmp_path / "model.pt")
    assert opened.device == CPU
    assert opened.tokenizer == TOKENIZER
    assert not opened.model.training
    for key, value in model.state_dict().items():
        assert torch.equal(opened.model.state_dict()[key], value)


def test_a_new_model_depends_on_the_seed_alone(tokens: Path) -> None:
    chosen = settings(train__device="cpu")
    first, again, other = (open_model(chosen, tokens, seed).model for seed in (1, 1, 2))
    weights = [model.state_dict()["head.weight"] for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_other_tokens_are_refused(tmp_path: Path, tokens: Path) -> None:
    saved(tmp_path / "model.pt")
    other = fitted(random_piece("b", seed=3), text=TUNE).to_json()
    (tokens / "tokenizer.json").write_text(other, encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"trained on other tokens.*run `dvc repro`"):
        open_model(settings(), tokens, 1, tmp_path / "model.pt")


@pytest.mark.parametrize("version", [0, 99, None])
def test_another_format_is_refused(tmp_path: Path, version: int | None) -> None:
    path = tmp_path / "model.pt"
    saved(path)
    content: dict[str, Any] = torch.load(path, weights_only=True)
    torch.save({**content, "format": version}, path)
    with pytest.raises(ModelFileError, match=rf"has format {version}, not \d+; retrain"):
        load_model(path, CPU)


def test_weights_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    saved(path)
    content: dict[str, Any] = torch.load(path, weights_only=True)
    content["weights"].pop("head.weight")
    torch.save(content, path)
    with pytest.raises(ModelFileError, match="holds the weights of another rnn_vanilla; retrain"):
        load_model(path, CPU)
