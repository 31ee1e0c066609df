"""The page of samples, without a browser: what is in it, and the codes of its blind test."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.listening.pages import HOSTILE, code, groups, notes, text_group
from tonerow.listening.page import Group, Pair, Track, merge_pages, read_code, summary, write_page


def written(path: Path, content: list[Group]) -> str:
    write_page(path, content)
    return path.read_text(encoding="utf-8")


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_the_bytes_depend_on_the_groups_alone(tmp_path: Path) -> None:
    content = groups(tmp_path)
    assert written(tmp_path / "a.html", content) == written(tmp_path / "b.html", content)
    assert written(tmp_path / "a.html", content) != written(tmp_path / "b.html", content[:1])


def test_the_page_holds_notes_in_seconds_and_whole_files(tmp_path: Path) -> None:
    data = data_of(written(tmp_path / "page.html", groups(tmp_path)))
    sample = data["groups"][0]["pairs"][0]["sample"]
    assert sample["notes"] == [
        [0.0, 0.5, 60, 0.0, 0, 0],
        [0.5, 0.5, 64, 3.0, 0, 0],
        [1.0, 0.5, 67, None, 1, 0],
        [1.5, 0.5, 72, None, 0, 0],
    ]
    assert sample["descriptors"] == [["range_semitones", 12.0], ["scale_consistency", None]]
    for kind, suffix in (("mp3", "mp3"), ("midi", "mid")):
        file = sample["files"][kind]
        assert file["name"] == f"sample-00.{suffix}"
        content = base64.b64decode(file["url"].partition(",")[2])
        assert content == (tmp_path / file["name"]).read_bytes()
    assert data["groups"][0]["about"] == [["size", "small"], ["sees", "nothing"]]
    assert data["groups"][1]["pairs"][1]["source"] is None


def test_a_group_may_have_a_picture(tmp_path: Path) -> None:
    first, second = data_of(written(tmp_path / "page.html", groups(tmp_path)))["groups"]
    kind, _, content = first["picture"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content) == (tmp_path / "picture.png").read_bytes()
    assert "picture" not in second


def test_no_title_ends_the_script(tmp_path: Path) -> None:
    page = written(tmp_path / "page.html", groups(tmp_path))
    assert data_of(page)["groups"][0]["title"] == HOSTILE
    assert page.count("</script>") == 2
    assert "<b>" not in page


def test_the_page_names_no_other_place(tmp_path: Path) -> None:
    page = written(tmp_path / "page.html", groups(tmp_path))
    assert not re.search(r"https?://|//\w+\.\w+/|\bimport\b *\(|\bfetch\(|localStorage", page)


def test_only_a_page_with_text_holds_the_engraver(tmp_path: Path) -> None:
    write_page(tmp_path / "text.html", [text_group(tmp_path)])
    write_page(tmp_path / "page.html", groups(tmp_path))
    merge_pages(tmp_path / "both.html", {k: tmp_path / f"{k}.html" for k in ("page", "text")})
    held = {page.stem: "abcjs_basic" in page.read_text("utf-8") for page in tmp_path.glob("*.html")}
    assert held == {"text": True, "page": False, "both": True}


def test_groups_of_one_title_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two groups have the same title"):
        write_page(tmp_path / "page.html", [Group("same", {}, []), Group("same", {}, [])])


def test_tracks_that_lack_something_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'wav'; allowed: mp3, midi, abc"):
        Track(notes(), 0.5, {"wav": Path("a.wav")}, {})
    with pytest.raises(ValueError, match="no column 'nats'"):
        Track(notes().drop(columns="nats"), 0.5, {}, {})


def test_no_notes_and_no_files_make_a_page(tmp_path: Path) -> None:
    silent = Track(notes().head(0), 0.5, {}, {})
    page = written(tmp_path / "page.html", [Group("g", {}, [Pair("a", "", silent, silent)])])
    assert data_of(page)["groups"][0]["pairs"][0]["sample"]["notes"] == []


def test_a_code_is_read() -> None:
    assert read_code(code([["größer", 3, 8], ["b", 0, 1]])) == [("größer", 3, 8), ("b", 0, 1)]
    halves = code([["a", 3, 8]])
    assert read_code(f" {halves[:20]}\n{halves[20:]} ") == [("a", 3, 8)]


@pytest.mark.parametrize("place", range(len(code([["a", 3, 8]]))))
def test_a_damaged_code_is_refused(place: int) -> None:
    good = code([["a", 3, 8]])
    other = "x" if good[place] != "x" else "y"
    for bad in (good[:place] + other + good[place + 1 :], good[:place] + good[place + 1 :]):
        with pytest.raises(ValueError, match=r"no code of the blind test|is damaged"):
            read_code(bad)


@pytest.mark.parametrize(
    "answers",
    [
        [["a", 9, 8]],
        [["a\x1b", 1, 8]],
        [["a", 1, 10**30]],
        [["a", -1, 8]],
        [["a", True, 1]],
        [[1, 1, 1]],
    ],
)
def test_a_code_that_holds_no_score_is_refused(answers: Any) -> None:
    with pytest.raises(ValueError, match="which is no score"):
        read_code(code(answers))


@pytest.mark.parametrize("answers", ["no json", [["a", 1]], 7, [3]])
def test_a_code_that_holds_something_else_is_refused(answers: Any) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_code(code(answers))


def test_the_summary_adds_listeners() -> None:
    # 10 of 10: the lower end is 0.025 ** (1 / 10); 1 of 2: the ends are 1 - and + sqrt(0.975)
    codes = [code([["a", 4, 4], ["b", 1, 2]], 1), code([["a", 6, 6]], 2)]
    assert summary(codes).splitlines() == [
        "model  listeners  right  asked  share   95 % interval",
        "a              2     10     10  1.000  0.692 to 1.000",
        "b              1      1      2  0.500  0.013 to 0.987",
        "all            2     11     12  0.917  0.615 to 0.998",
    ]
    assert summary([]).splitlines()[1].split() == ["all", "0", "0", "0", "-", "-"]


def test_a_code_counts_once() -> None:
    with pytest.raises(ValueError, match="is there twice"):
        summary([code([["a", 4, 4]]), f"{code([['a', 4, 4]])}\n"])


def test_several_pages_become_one(tmp_path: Path) -> None:
    both = groups(tmp_path)
    write_page(tmp_path / "a.html", both[:1])
    write_page(tmp_path / "b.html", both[1:])
    write_page(tmp_path / "c.html", both)
    pages = {name: tmp_path / f"{name}.html" for name in "abc"}
    merge_pages(tmp_path / "all.html", pages)
    merged = data_of((tmp_path / "all.html").read_text("utf-8"))["groups"]
    single = [
        group for page in pages.values() for group in data_of(page.read_text("utf-8"))["groups"]
    ]
    assert [group["title"] for group in merged] == ["a", "b", "c", "c (2)"]
    for part in ("pairs", "picture"):
        assert [group.get(part) for group in merged] == [group.get(part) for group in single]


def test_another_file_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(b"<p>\xff</p>")
    with pytest.raises(ValueError, match=r"a\.html is no page of samples"):
        merge_pages(tmp_path / "all.html", {"a": tmp_path / "a.html"})
