"""What titles say about works: the keys that pieces of one composition have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from tonerow.notes.bars import is_compound

_WORD = re.compile(r"[^\W_]+")
ARTICLES = frozenset(_WORD.findall("the a an der die das le la les el il"))
PLACEHOLDERS = frozenset(
    _WORD.findall(
        """untitled unknown unnamed title none gan ainm piano track midi song tune melody
        sequence"""
    )
)
FORMS = frozenset(
    _WORD.findall(
        """air allegro andante ballade bourree clog concerto courante dance etude etudes fantasia
        fantasie fantasy favorite favourite fling fugue gavotte gigue highland hornpipe hornpipes
        impromptu intermezzo invention jig jigs lied march mazurka menuet minuet movement nocturne
        partita piece polka polonaise prelude preludes quadrille quickstep reel reels rhapsody
        romance rondo sarabande scherzo schottische slide slip sonata sonatas sonatina strathspey
        study suite symphony theme toccata variation variations varsovienne waltz waltzes of and"""
    )
)
KEY_WORDS = frozenset(_WORD.findall("a b c d e f g flat sharp major minor no number in op book"))
WHOLE_NUMBERED = ("sonat", "concert", "symphon", "quartet", "trio", "suite", "partita")

_CATALOGUE = re.compile(
    r"\b(?:(op|opus|bwv|kv|rv|hwv|woo|wtc)\.?\s*|hob\.?\s*([ivx]+)\s*[:/.]\s*|([kdsl])\.?\s*)"
    r"(\d+[a-z]?)(?:/(\d+))?"
)
_NUMBER = re.compile(r"\b(?:nos?|number|nr)\.?\s*(\d+)")
_SPELLINGS = (
    (r"\b([a-g])b\b", r"\1 flat"),
    (r"\b([a-g]) ?[#♯]", r"\1 sharp"),
    (r"\bmin\b", "minor"),
    (r"\bmaj\b", "major"),
)
_EDITION = re.compile(r"\([^)]*\b(?:complete|edition|version|arr|live)\b[^)]*\)")
_SETTING = re.compile(
    r"\(?\b(?:\d+(?:st|nd|rd|th)|first|second|third|another) (?:setting|version)\b\.?\)?"
    r"|\(? ?\b(?:setting|version) \d+\b\.?\)?|\( ?x ?\d+ ?\)"
)
_FORM_BEFORE = re.compile(r"\s*([^\W\d_]+)\s*:(?=\s)")
_COLON_WITHIN = re.compile(r"(?<=[^\W\d_]):(?=[^\W\d_])")
_DOUBLED = re.compile(r"([^\W\d_])\1+")
_VOWELS = frozenset("aeiouwy")
_LINKS = frozenset({"of", "and"})
ONE_LETTER_MATTERS = 12  # in a title of fewer letters, one letter makes another title


def title_keys(composer: str | None, title: str | None, folk: bool = False) -> set[str]:
    """What a piece's title says about its work: pieces with a key in common are one work.

    Case, accents, punctuation and articles do not count. With a composer (by surname; each name of
    "Schubert / Liszt"), the title is one key and every catalogue number another, with its "No. 2",
    and so is what comes before that number or before a comma, unless it names but a form and a key.
    Without one, or for folk tunes, where `C:` names a collector as often, the title alone counts.

    Args:
        composer: as written; None, "Trad." and the like mean that nobody is named.
        title: as written; None when there is none.
        folk: whether the title alone counts even if somebody is named.

    Returns:
        The keys; none for a title that many unrelated pieces bear ("Untitled", "Reel", or, with a
        composer, "Prelude"), which leaves it to the notes.
    """
    plain = _EDITION.sub(" ", _plain(title or ""))
    for pattern, replacement in _SPELLINGS:
        plain = re.sub(pattern, replacement, plain)
    plain = _without_form(plain)
    words = _words(plain)
    if all(word in PLACEHOLDERS or word.isdigit() for word in words):
        return set()
    names = [] if folk else _surnames(composer)
    if not names:
        return set() if _generic(words) else {" ".join(["title:", *words])}
    keys = set(_catalogue_numbers(plain))
    if set(words) - FORMS:
        keys.add(" ".join(words))
    catalogued = _CATALOGUE.search(plain)
    front = _words(re.split(r"[,(:;]", plain[: catalogued.start() if catalogued else None])[0])
    if any(word not in FORMS | KEY_WORDS and not word.isdigit() for word in front):
        keys.add(" ".join(front))  # "Symphonic Etudes, Op. 13", but not "Sonata in A, D. 959"
    return {f"{name}: {key}" for name in names for key in keys}


def spellings(title: str, metre: str | None) -> set[str]:
    """The letters of a title, however it is spelt: pieces with a spelling in common are one work.

    For titles that count alone (see `title_keys`). Spaces, doubled letters, an s at the end of a
    word ("Brallagan's"), "our" for "or", a form before ("JIG: ...") and a setting or a count of
    repeats behind ("2nd Setting", "(x3)") do not count. A form behind does: a jig and a reel of one
    name are seldom one tune. For that reason titles are also compared within a kind of metre only.

    Args:
        title: as written.
        metre: as "6/8"; None when unknown.

    Returns:
        "spelling: ", the kind of metre, the form and the other letters; two for "Kiley's -- Reel",
        without the form and with it; none for a title that many unrelated pieces bear.
    """
    plain = _SETTING.sub(" ", _COLON_WITHIN.sub("", _EDITION.sub(" ", _plain(title))))
    form = _FORM_BEFORE.match(plain)
    if form and form[1] in FORMS:
        plain = plain[form.end() :]
    every = [_words(part) for part in (plain, _without_form(plain))]
    return {_spelling(words, metre) for words in every if not _generic(words)}


def one_letter_apart(keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of spellings of which one has a letter more, or another vowel.

    "brallagan" and "brallaghan", "maggylauder" and "maggylawder"; but not "pleasures of home" and
    "of hope": another consonant is another word, as are other digits. Spellings of fewer than
    `ONE_LETTER_MATTERS` letters have no such pair. Time is linear in the letters.
    """
    long = {key for key in keys if len(key.rpartition(" ")[2]) >= ONE_LETTER_MATTERS}
    masked: dict[str, str] = {}
    for key in sorted(long):
        for i in range(key.rindex(" ") + 1, len(key)):
            if key[i].isdigit():
                continue
            if (shorter := key[:i] + key[i + 1 :]) in long:
                yield shorter, key
            if key[i] in _VOWELS:
                other = masked.setdefault(f"{key[:i]}*{key[i + 1 :]}", key)
                if other != key:
                    yield other, key


def _spelling(words: list[str], metre: str | None) -> str:
    letters = {word: _letters(word) for word in words}
    forms = [letters[word] for word in words if word in FORMS - _LINKS]
    name = [letters[word] for word in words if word not in FORMS - _LINKS]
    return f"spelling: {'-'.join([_kind_of_metre(metre), *forms])} {''.join(name)}"


def _letters(word: str) -> str:
    singular = re.sub(r"(?<=..[^s])s$", "", word)
    return _DOUBLED.sub(r"\1", re.sub(r"our(?=$|[ei])", "or", singular))


def _kind_of_metre(metre: str | None) -> str:
    """Whether beats are divided by three ("6/8"), or else bars ("3/4"), or neither."""
    if not metre or int(metre.partition("/")[0]) % 3:
        return "duple"
    return "compound" if is_compound(metre) else "triple"


def _generic(words: list[str]) -> bool:
    return all(word in FORMS | KEY_WORDS | PLACEHOLDERS or word.isdigit() for word in words)


def _without_form(plain: str) -> str:
    """What is before the dashes of "Kiley's -- Reel"."""
    head, dashes, tail = plain.partition("--")
    return head if dashes and set(_words(head)) - FORMS and not set(_words(tail)) - FORMS else plain


def _plain(text: str) -> str:
    """Lower case without accents and apostrophes."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"['’`´]", "", "".join(c for c in letters if not unicodedata.combining(c)))


def _words(plain: str) -> list[str]:
    words = _WORD.findall(plain)
    tonic = {i + 1 for i, word in enumerate(words) if word == "in"}  # the A of "in A minor"
    kept = [word for i, word in enumerate(words) if word not in ARTICLES or i in tonic]
    return ["op" if word == "opus" else word for word in kept]


def _surnames(composer: str | None) -> list[str]:
    if not composer or re.match(r"\W*(trad|anon|unknown|various|folk)", composer.casefold()):
        return []
    names = [name.split(",")[0] for name in re.split(r"[/;&]", _plain(composer))]
    words = [re.findall(r"[^\W\d_]+", name) for name in names]
    return [name[-1] for name in words if name]


def _catalogue_numbers(plain: str) -> Iterator[str]:
    """Catalogue numbers, with the number within an opus: "op10.4", "bwv846", "hobxvi48"."""
    numbers = list(_CATALOGUE.finditer(plain))
    if not numbers:
        return
    number = _NUMBER.search(plain, numbers[0].end())
    if number is None and not plain.strip(' "“').startswith(WHOLE_NUMBERED):
        number = _NUMBER.search(plain)  # "Hungarian Rhapsody No. 6, S. 244"
    for match in numbers:
        name, hoboken, letter, first, second = match.groups()
        within = second or (number and number[1])
        prefix = {"opus": "op", "kv": "k"}.get(name, name) or letter or f"hob{hoboken}"
        yield f"{prefix}{first}" + (f".{within}" if within else "")
