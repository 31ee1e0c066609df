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
