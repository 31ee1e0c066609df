"""Titles of one work have a key in common, those of two have none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonerow.splitting import titles


class TestTitles:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (
                ("Frédéric Chopin", "Etude Op. 10 No. 4"),
                ("Chopin, F.", "Etude, Opus 10, no.4 in C#"),
            ),
            (("Johann Sebastian Bach", "Fugue, BWV 846"), ("J. S. Bach", "WTC I, BWV846")),
            (("W. A. Mozart", "Sonata K. 331, I. Andante"), ("W. A. Mozart", "Sonata KV331")),
            (("Haydn", "Sonata Hob. XVI:50, First Movement"), ("Haydn", "Sonata in C, Hob.XVI/50")),
            (("Liszt", "Rhapsodie Espagnole"), ("Franz Liszt", "Rhapsodie espagnole, S. 254")),
            (("Liszt", "Sonata in B Min."), ("Liszt", "Sonata in B minor")),
            (("Schubert / Liszt", "Der Müller und der Bach"), ("Schubert", "Muller und der Bach")),
            ((None, "The Blackbird"), ("Trad.", "Blackbird, The")),
            ((None, "O'Neill's March"), (None, "O’NEILLS MARCH.")),
            ((None, "Kiley's -- Reel"), (None, "Kileys")),
        ],
    )
    def test_same(self, one: tuple[str | None, str], other: tuple[str | None, str]) -> None:
        assert titles.title_keys(*one) & titles.title_keys(*other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("Chopin", "Etude Op. 10 No. 4"), ("Chopin", "Etude Op. 10 No. 5")),
            (("Liszt", "Rhapsody No. 6, S. 244"), ("Liszt", "Rhapsody No. 9, S. 244")),
            (("Scarlatti", "Sonata in D Minor, K. 9"), ("Scarlatti", "Sonata in D Minor, K. 141")),
            (("Bach", "Prelude in A minor"), ("Chopin", "Prelude in A minor")),
            ((None, "Miss Brown's Reel"), (None, "Miss Brown's Jig")),
        ],
    )
    def test_different(self, one: tuple[str | None, str], other: tuple[str | None, str]) -> None:
        a, b = titles.title_keys(*one), titles.title_keys(*other)
        assert a and b and not a & b

    @pytest.mark.parametrize("title", [None, "", " -- ", "Untitled", "Track 1", "12", "gan ainm"])
    @pytest.mark.parametrize("composer", [None, "Liszt"])
    def test_no_title(self, composer: str | None, title: str | None) -> None:
        assert titles.title_keys(composer, title) == set()

    @pytest.mark.parametrize("title", ["Reel", "The Jig", "Hornpipe No. 2", "Waltz in D", "Sonata"])
    def test_a_form_alone_says_nothing_without_composer(self, title: str) -> None:
        assert titles.title_keys(None, title) == set()

    def test_a_form_alone_says_nothing_with_composer_but_a_key_or_number_does(self) -> None:
        assert titles.title_keys("Chopin", "Prelude") == set()
        assert titles.title_keys("Scriabin", "Sonata No. 9")

    def test_folk_titles_count_whoever_is_named(self) -> None:
        one = titles.title_keys("F. O'Neill", "Galway Tom", folk=True)
        assert one == titles.title_keys("collected by Hartnett", "Galway Tom", folk=True)

    @given(st.text(), st.one_of(st.none(), st.text()))
    def test_any_text_is_taken(self, title: str, composer: str | None) -> None:
        assert titles.title_keys(composer, title) == titles.title_keys(composer, title)


def spelt(*titles_of: str, metre: str = "6/8") -> list[set[str]]:
    return [titles.spellings(title, metre) for title in titles_of]


class TestSpellings:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Larry Grogan", "LARRY GROGAN'S -- JIG"),
            ("The Humors of Castlelyons", "HUMOURS OF CASTLE LYON -- JIG"),
            ("Tobin's Favourite", "Tobin's Favorite."),
            ("Lannigan's Ball", "LANIGAN'S BALL -- JIG"),
            ("JIG: Black Rogue", "The Black Rogue."),
            ("Riding a Mile. 1st Setting.", "Riding a Mile. 2nd Setting."),
            ("Fisher's Hornpipe (2nd Setting)", "FISHER'S -- HORNPIPE"),
            ("Moll Roe (x3)", "Moll Roe's"),
            ("Pigeon on the Gat:e -- Reel", "The Pigeon On The Gate"),
        ],
    )
    def test_same(self, one: str, other: str) -> None:
        first, second = spelt(one, other)
        assert first & second

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Miss Daly's Reel", "MISS DALY'S - JIG"),  # names of people stand for many tunes
            ("Cronin's Favorite", "Cronin's"),
            ("Paddy Taylor's No. 1", "Paddy Taylor's No. 2"),
            ("The Setting of the Sun", "The Sun"),
            ("Hob. XVI:50", "Hob. XVI:51"),
        ],
    )
    def test_different(self, one: str, other: str) -> None:
        first, second = spelt(one, other)
        assert first and second and not first & second

    def test_a_name_counts_within_a_kind_of_metre(self) -> None:
        (jig,), (reel,) = spelt("Pretty Jane"), spelt("Pretty Jane's", metre="2/2")
        assert jig != reel
        assert spelt("Pretty Jane") == spelt("Pretty Jane's", metre="12/8")

    @pytest.mark.parametrize("title", ["", "Untitled", "2nd Setting", "JIG: Reel", "The Jig (x3)"])
    def test_no_spelling(self, title: str) -> None:
        assert titles.spellings(title, None) == set()

    @given(st.text(), st.sampled_from([None, "6/8", "3/4", "4/4"]))
    def test_any_text_is_taken(self, title: str, metre: str | None) -> None:
        assert titles.spellings(title, metre) == titles.spellings(title, metre)


class TestOneLetterApart:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ("Barney Brallagan's -- Jig", "Barney Brallaghan", True),
            ("Spellan The Fiddler", "Spell on the Fiddler", True),
            ("The Pleasures of Home", "The Pleasures of Hope", False),
            ("The Banks of the Barrow", "Banks of the Yarrow", False),
            ("The Miller's Daughter", "The Milliner's Daughter", False),
            ("Dunphy's Hornpipe.", "Murphy's Hornpipe", False),
            ("Coey's Hornpipe", "Cooney's Hornpipe", False),  # "hornpipe" makes no title long
            ("The Hare in the Corn. No. 1.", "The Hare in the Corn. No. 2.", False),
            ("Quick Step 4th. Regiment of Foot", "Quick Step 40th. Regiment of Foot", False),
        ],
    )
    def test_titles_of_the_collections(self, one: str, other: str, expected: bool) -> None:
        keys = set().union(*spelt(one, other))
        assert bool(list(titles.one_letter_apart(keys))) == expected

    @given(st.lists(st.text("abei", min_size=12, max_size=14), min_size=2, max_size=12))
    def test_each_pair_is_found_whatever_the_order(self, names: list[str]) -> None:
        keys = {f"spelling: duple {name}" for name in names}
        found = {frozenset(pair) for pair in titles.one_letter_apart(keys)}
        assert found == {frozenset(p) for p in titles.one_letter_apart(sorted(keys, reverse=True))}
        for one in keys:
            for i in range(16, len(one)):
                shorter = one[:i] + one[i + 1 :]
                if shorter in keys and len(shorter) >= 16 + titles.ONE_LETTER_MATTERS:
                    assert frozenset({one, shorter}) in found
