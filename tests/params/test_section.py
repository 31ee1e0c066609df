"""Every section: complete, described, immutable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import shipped
from tonerow.params import architectures, corpora, sections, training
from tonerow.params.section import Section


def section_classes() -> Iterator[type[Section]]:
    for module in (sections, architectures, corpora, training):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Section):
                yield value


CLASSES = sorted(set(section_classes()), key=lambda section: section.__name__)
FIELDS = [(section, name) for section in CLASSES for name in section.model_fields]


@pytest.mark.parametrize("section", CLASSES, ids=lambda section: section.__name__)
def test_every_section_says_what_it_is(section: type[Section]) -> None:
    assert section.__doc__


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_every_field_says_what_it_is_and_has_no_default(section: type[Section], name: str) -> None:
    field = section.model_fields[name]
    assert field.description
    assert not field.description.endswith(".")  # errors quote it within a sentence
    assert field.is_required()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        shipped.settings().train.threads = 3
