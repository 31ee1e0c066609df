"""Settings of corpora."""

from pathlib import Path

import pytest

from tests import shipped
from tests.params.refusals import refusal
from tonerow.params.corpora import Folder
from tonerow.params.sections import CORPORA


@pytest.mark.parametrize("name", CORPORA)
def test_the_selected_corpus_has_its_own_settings(name: str) -> None:
    settings = shipped.settings({"corpus": name})
    assert type(settings.corpus_settings) is CORPORA[name]
    assert settings.corpus_settings is settings.corpora[name]


def test_a_corpus_without_a_section_is_named(file: Path) -> None:
    message = refusal(file, shipped.tree(without=("corpora.maestro",)))
    assert f"{file}: corpora.maestro is missing (maestro: MAESTRO v3.0.0: " in message


def test_a_home_folder_is_written_out(file: Path) -> None:
    message = refusal(file, shipped.tree({"corpora.folder.path": "~/music"}))
    assert message.startswith(f"{file}: corpora.folder: path is '~/music'; DVC does not know ~")
    assert Folder(path="/home/me/music").path == "/home/me/music"
