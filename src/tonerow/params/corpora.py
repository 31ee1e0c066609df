"""The settings of each corpus: the class `Folk` is that of ``corpora.folk``.

A class that is added here is found by its name. What fetches the files is the module of the same
key in `tonerow.corpora`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tonerow.params.section import Section, Text


class Corpus(Section):
    """What the settings of every corpus build on; a subclass holds those of one."""


class Folk(Corpus):
    """ABC tunes inside the installed music21 package."""

    collections: Annotated[
        list[Literal["ryansMammoth", "oneills1850", "airdsAirs", "essenFolksong"]],
        Field(min_length=1),
    ]
    """folders of music21's corpus to take, one or more"""


class Folder(Corpus):
    """Your own MIDI and ABC files."""

    path: Text
    """folder of MIDI, ABC and archive files at any depth; absolute, or relative to params.yaml"""

    @model_validator(mode="after")
    def _is_written_out(self) -> Folder:
        if self.path.startswith("~"):
            raise ValueError(f"path is {self.path!r}; DVC does not know ~, write the path out")
        return self


class Maestro(Corpus):
    """MAESTRO v3.0.0: piano performances in MIDI."""

    path: Text | None
    """your copy of maestro-v3.0.0-midi.zip or of the folder that it unpacks to; null downloads it"""


class Kinder(Corpus):
    """German children's songs of the Essen collection, inside the installed music21 package."""


class Chorales(Corpus):
    """Soprano lines of Bach's chorales BWV 253-438, inside the installed music21 package."""
