"""The characters of a text as ids, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

END, UNKNOWN = 0, 1
"""The end of a text, and a held-out character that train does not have."""

FIRST_CHARACTER = 2
"""Ids below are not characters."""

UNKNOWN_CHARACTER = "\ufffd"


def encode_text(text: str, ids: Mapping[str, int]) -> list[int]:
    """An id per character (`UNKNOWN` outside the alphabet), then `END`."""
    return [*(ids.get(character, UNKNOWN) for character in text), END]


def decode_text(ids: Iterable[int], alphabet: str) -> str:
    """The characters up to the first `END`; `UNKNOWN` reads as `UNKNOWN_CHARACTER`.

    Args:
        ids: 0 to len(alphabet) + 1.
        alphabet: character `FIRST_CHARACTER` + i is alphabet[i].

    Raises:
        ValueError: an id before the end is negative or beyond the alphabet.
    """
    n_ids = FIRST_CHARACTER + len(alphabet)
    characters = []
    for index in ids:
        if index == END:
            break
        if not 0 <= index < n_ids:
            raise ValueError(f"character id {index}; allowed: 0 to {n_ids - 1}")
        unknown = index == UNKNOWN
        characters.append(UNKNOWN_CHARACTER if unknown else alphabet[index - FIRST_CHARACTER])
    return "".join(characters)
