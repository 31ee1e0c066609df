"""The characters of a text as ids, and back."""

from __future__ import annotations

from collections.abc import Iterable

PADDING, START, END, UNKNOWN = 0, 1, 2, 3
FIRST_CHARACTER = 4
"""Ids below are not characters; `UNKNOWN` is a held-out one that train does not have."""

UNKNOWN_CHARACTER = "\ufffd"


def encode_text(text: str, ids: dict[str, int]) -> list[int]:
    """`START`, an id per character (`UNKNOWN` outside the alphabet), `END`."""
    return [START, *(ids.get(character, UNKNOWN) for character in text), END]


def decode_text(ids: Iterable[int], alphabet: str) -> str:
    """The characters up to the first `END`; `PADDING` and `START` have none.

    Args:
        ids: 0 to len(alphabet) + 3.
        alphabet: character `FIRST_CHARACTER` + i is alphabet[i].

    Raises:
        ValueError: an id is negative or beyond the alphabet.
    """
    characters = []
    for index in ids:
        if index == END:
            break
        if not 0 <= index < FIRST_CHARACTER + len(alphabet):
            raise ValueError(
                f"character id {index}; allowed: 0 to {FIRST_CHARACTER + len(alphabet) - 1}"
            )
        if index == UNKNOWN:
            characters.append(UNKNOWN_CHARACTER)
        elif index >= FIRST_CHARACTER:
            characters.append(alphabet[index - FIRST_CHARACTER])
    return "".join(characters)
