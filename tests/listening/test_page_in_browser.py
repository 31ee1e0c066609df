"""The page in Chromium and Firefox: it sounds, hides what it must hide, and counts right."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from scipy.stats import binomtest

from tests.browsers import (
    END,
    ENTER,
    HOME,
    LEFT,
    RIGHT,
    SPACE,
    TAB,
    Browser,
    Chromium,
)
from tests.cli.test_commands import ABC, model_file
from tests.listening import pages
from tests.waiting import until
from tonerow.cli import main
from tonerow.listening.page import merge_pages, read_code, write_page

FRAMED = "file", "sandbox"
WIDTHS = 390, 1280
PLAYING = "return [...document.querySelectorAll('audio')].map((one) => !one.paused)"
FAILED = """
return [...document.querySelectorAll("audio")].map((one) => one.error).filter((one) => one)
  .map((one) => one.message);"""
NO_SOUND_CARD = "OnMediaSinkAudioError"  # Firefox plays on, without a sound
MEASURE = """
const done = arguments[arguments.length - 1];
(async () => {
  const found = [];
  for (const audio of document.querySelectorAll("#listen audio")) {
    const bytes = Uint8Array.from(atob(audio.src.split(",")[1]), (one) => one.charCodeAt(0));
    const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes.buffer);
    const wave = sound.getChannelData(0);
    let [square, crossings] = [0, 0];
    for (let i = 1; i < wave.length; i += 1) {
      square += wave[i] ** 2;
      crossings += wave[i - 1] < 0 && wave[i] >= 0 ? 1 : 0;
    }
    found.push([sound.duration, Math.sqrt(square / wave.length), crossings / sound.duration]);
  }
  return found;
})().then(done, (error) => done(String(error)));
"""
# Which side is the human tune: what only the data know, and no reader of the page is told.
TRUTH = """
const { groups } = JSON.parse(document.getElementById("data").textContent);
const pairs = groups.flatMap((group) => group.pairs).filter((pair) => pair.source);
const sounds = [...document.querySelectorAll("#blind audio")].map((audio) => audio.src);
const place = pairs.findIndex((pair) => sounds.includes(pair.source.files.mp3.url));
return [place, sounds.indexOf(pairs[place].source.files.mp3.url)];
"""
PIXELS = """
const canvas = document.querySelector("#listen .roll");
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
const found = new Set();
for (let i = 0; i < data.length; i += 4) {
  found.add("#" + [...data.slice(i, i + 3)].map((x) => x.toString(16).padStart(2, "0")).join(""));
}
const style = getComputedStyle(document.documentElement);
return ["low", "high", "given", "unscored"].map(
  (name) => found.has(style.getPropertyValue("--" + name).trim()));
"""

BYTES_A_SECOND = 25_000
"""Of a page, for each second of its music, at most; a page takes some 0.1 MB besides."""
SCHEME = "return (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, and frames around it."""
    place = tmp_path_factory.mktemp("page")
    write_page(place / "page.html", pages.groups(place))
    for width in WIDTHS:
        framed(place, "page.html#seed=1", width)
    return place


def framed(place: Path, page: str, width: int) -> Path:
    """A page around a frame like that of MLflow's viewer, so many pixels wide."""
    frame = f'<iframe sandbox="allow-scripts" width="{width}" height="900" src="{page}">'
    style = "<style>iframe { border: 0 } body { margin: 0 }</style>"
    text = f"<!doctype html><title>frame</title>{style}{frame}</iframe>"
    path = place / f"{width}.html"
    path.write_text(text, encoding="utf-8")
    return path


def go(browser: Browser, folder: Path, frame: str, width: int = 1280, seed: int = 1) -> None:
    browser.errors()
    if frame == "file":
        browser.get(f"{(folder / 'page.html').as_uri()}#seed={seed}")
    else:
        browser.get((folder / f"{width}.html").as_uri())
        browser.enter_frame("iframe")
    drawn = "return document.querySelectorAll('#listen .play').length"
    until(lambda: browser.run(drawn) == 7, "the page is built")


def until_true(browser: Browser, script: str) -> None:
    until(partial(browser.run, script), script)


def until_played(browser: Browser, place: int) -> None:
    """Waits until a track has sounded for a moment."""
    script = "return [...document.querySelectorAll('audio')][arguments[0]].currentTime > 0.1"
    until(partial(browser.run, script, place), f"track {place} plays")


def play_both(browser: Browser) -> None:
    for place in range(2):
        browser.click("#blind .play", place)
        until_played(browser, 7 + place)
    enabled = "return !document.querySelector('#blind .row button').disabled"
    until_true(browser, enabled)


def answer(browser: Browser, choices: list[bool | None]) -> list[tuple[int, int]]:
    """Takes the test: right, wrong or skipped. Returns what was asked: the pair, the side."""
    browser.click("#mode-blind")
    browser.click("#blind .main")
    asked = []
    for choice in choices:
        pair, side = browser.run(TRUTH)
        asked.append((pair, side))
        if choice is None:
            browser.click("#blind .row button", 2)
        else:
            play_both(browser)
            browser.click("#blind .row button", side if choice else 1 - side)
    return asked


@pytest.mark.parametrize("frame", FRAMED)
def test_every_track_plays_alone(browser: Browser, folder: Path, frame: str) -> None:
    go(browser, folder, frame)
    for place in range(7):
        browser.click("#listen .play", place)
        until_played(browser, place)
        assert sum(browser.run(PLAYING)) <= 1
    browser.click("#listen .play", 6)
    until(lambda: not any(browser.run(PLAYING)), "the button pauses")
    assert set(browser.run(FAILED)) <= {NO_SOUND_CARD}
    loaded = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert browser.errors() == []


def test_text_is_engraved(browser: Browser, tmp_path: Path) -> None:
    write_page(tmp_path / "text.html", [pages.text_group(tmp_path)])
    browser.errors()
    browser.get((tmp_path / "text.html").as_uri())
    until_true(browser, "return document.querySelectorAll('.paper svg path').length > 20")
    label = browser.run("return document.querySelector('.paper svg').getAttribute('aria-label')")
    assert label == "Sheet music of tune"
    assert "Träumerei" in browser.run("return document.querySelector('.paper').textContent")
    loaded = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert browser.errors() == []


def fits(browser: Browser, width: int) -> bool:
    """Whether a page needs no more than so many pixels."""
    sides = "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    wide, room = browser.run(sides)
    return bool(wide <= room <= width)


@pytest.mark.parametrize("width", WIDTHS)
def test_sheet_music_fits_a_frame(browser: Browser, tmp_path: Path, width: int) -> None:
    write_page(tmp_path / "text.html", [pages.text_group(tmp_path)])
    browser.errors()
    browser.get(framed(tmp_path, "text.html", width).as_uri())
    browser.enter_frame("iframe")
    until_true(browser, "return document.querySelectorAll('.paper svg path').length > 20")
    edges = "const box = document.querySelector('.paper svg').getBoundingClientRect();"
    left, right = browser.run(f"{edges} return [box.left, box.right]")
    assert 0 <= left < right <= width
    assert right - left > 0.6 * min(width, 700)
    assert fits(browser, width)
    assert browser.errors() == []


@pytest.mark.parametrize("frame", FRAMED)
def test_the_sounds_are_those_of_the_tracks(browser: Browser, folder: Path, frame: str) -> None:
    go(browser, folder, frame)
    found = browser.run_async(MEASURE)
    hertz = [base + i for i in range(3) for base in (pages.SAMPLE_HZ, pages.HUMAN_HZ)]
    hertz.append(pages.SAMPLE_HZ + 3)
    assert len(found) == len(hertz)
    for (seconds, loudness, crossings), expected in zip(found, hertz, strict=True):
        assert seconds == pytest.approx(pages.SECONDS, abs=0.2)
        assert loudness == pytest.approx(pages.LOUDNESS / 2**0.5, rel=0.1)
        assert crossings == pytest.approx(expected, rel=0.1)


def test_the_roll_shows_expected_surprising_given_and_unscored(
    browser: Browser, folder: Path
) -> None:
    go(browser, folder, "file")
    until(lambda: browser.run(PIXELS) == [True] * 4, "all four colours are drawn")


def test_the_roll_moves_with_the_sound(browser: Browser, folder: Path) -> None:
    go(browser, folder, "file")
    shown = "return document.querySelector('#listen .roll').toDataURL()"
    before = until(lambda: browser.run(PIXELS) == [True] * 4 and browser.run(shown), "a roll")
    browser.click("#listen .play")
    until_played(browser, 0)
    seen = {before}
    for _ in range(2):
        seen.add(until(lambda: (now := browser.run(shown)) not in seen and now, "the roll moves"))


def test_colours_follow_dark_and_light(browser: Browser, folder: Path) -> None:
    go(browser, folder, "file")
    page = "return getComputedStyle(document.body).backgroundColor"
    shown = "return document.querySelector('#listen .roll').toDataURL()"
    pages_of, rolls = [], []
    for dark in (False, True, False):
        browser.darken(dark)
        until_true(browser, f"{SCHEME} === '{'dark' if dark else 'light'}'")
        until(lambda: browser.run(PIXELS) == [True] * 4, "the roll has the colours of the page")
        pages_of.append(browser.run(page))
        rolls.append(browser.run(shown))
    assert pages_of[0] == pages_of[2] != pages_of[1]
    assert rolls[0] == rolls[2] != rolls[1]


def test_a_title_is_shown_as_text(browser: Browser, folder: Path) -> None:
    go(browser, folder, "file")
    assert browser.run("return document.querySelector('h2').textContent") == pages.HOSTILE
    assert browser.run("return document.querySelector('b')") is None


def test_the_filter_shows_one_model(browser: Browser, folder: Path) -> None:
    go(browser, folder, "file")
    choose = "const s = document.querySelector('#listen select'); s.value = '1';"
    browser.run(f"{choose} s.dispatchEvent(new Event('change'))")
    shown = "return [...document.querySelectorAll('.group')].map((one) => !one.hidden)"
    assert browser.run(shown) == [False, True]


@pytest.mark.parametrize("frame", FRAMED)
@pytest.mark.parametrize(
    "choices", [[True, True, True], [False, None, True], [False] * 3, [None] * 3]
)
def test_the_blind_test_counts_right(
    browser: Browser, folder: Path, frame: str, choices: list[bool | None]
) -> None:
    go(browser, folder, frame)
    order = [pair for pair, _ in answer(browser, choices)]
    assert sorted(order) == [0, 1, 2]
    text = browser.run("return document.querySelector('#blind').innerText")
    given = [choice for choice in choices if choice is not None]
    if not given:
        assert "You have answered nothing" in text
        return
    right, asked = sum(given), len(given)
    low, high = binomtest(right, asked).proportion_ci(0.95, "exact")
    assert f"{right} of {asked} right" in text
    assert f"interval {100 * low:.1f} % to {100 * high:.1f} %" in text
    assert "could not tell them apart" in text
    results = browser.run(
        "return [...document.querySelectorAll('.results td:last-child')].map((c) => c.textContent)"
    )
    assert results == [{True: "right", False: "wrong", None: "skipped"}[one] for one in choices]
    rows = read_code(browser.run("return document.querySelector('#code').value"))
    titles = [pages.HOSTILE, pages.HOSTILE, "second"]
    expected = {
        title: [c for c, pair in zip(choices, order, strict=True) if titles[pair] == title]
        for title in titles
    }
    counted = {t: [c for c in cs if c is not None] for t, cs in expected.items()}
    assert rows == [(t, sum(cs), len(cs)) for t, cs in counted.items() if cs]
    assert browser.errors() == []


def test_nothing_tells_which_track_is_human(browser: Browser, folder: Path) -> None:
    go(browser, folder, "file")
    browser.click("#mode-blind")
    browser.click("#blind .main")
    secret = ["jig", "sample", "human-", "ünder", "second", "small", "nats", ".mp3"]
    seen = """
        const all = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility());
        const kept = (a) => !(a.name === "src" && a.value.startsWith("data:audio/mpeg;base64,"));
        return [document.title, document.body.innerText,
          ...all.flatMap((one) => [...one.attributes].filter(kept).map((a) => a.value))];"""
    told = browser.run(seen)
    if isinstance(browser, Chromium):
        told += [text for text in browser.spoken() if "seconds" not in text]
    for text in told:
        assert not [word for word in secret if word in text.lower().replace("seconds", "")], text
    tracks = browser.run(
        "return [...document.querySelectorAll('#blind .track')].map((one) => one.outerHTML"
        ".replace(/data:[^\"]*/, '').replaceAll(/\\b[AB]\\b/g, 'X'))"
    )
    assert tracks[0] == tracks[1]
    shades = """
        return [...document.querySelectorAll("#blind canvas")].map((one) => one.toDataURL());"""
    assert len(set(browser.run(shades))) == 1


def test_order_and_sides_come_from_the_seed(browser: Browser, folder: Path) -> None:
    orders = []
    for seed in (1, 1, 2, 3, 4, 5, 6, 7, 8):
        go(browser, folder, "file", seed=seed)
        orders.append(json.dumps(answer(browser, [None] * 3)))
    assert orders[0] == orders[1]
    assert len({json.dumps([pair for pair, _ in json.loads(one)]) for one in orders}) > 2
    assert {side for one in orders for _, side in json.loads(one)} == {0, 1}


def tab_to(browser: Browser, selector: str) -> None:
    """Presses Tab until an element has the focus, which must be seen."""
    for _ in range(60):
        browser.press(TAB)
        if browser.run("return document.activeElement.matches(arguments[0])", selector):
            ring = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
            assert ring == "solid", f"no ring around {selector}"
            return
    raise AssertionError(f"Tab does not reach {selector}")


@pytest.mark.parametrize("frame", FRAMED)
def test_the_keyboard_is_enough(browser: Browser, folder: Path, frame: str) -> None:
    go(browser, folder, frame)
    if frame == "sandbox":
        browser.run(
            "document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()"
        )
    tab_to(browser, "#listen .roll")
    where = "return document.activeElement.getAttribute('aria-valuetext')"
    until_true(browser, f"{where} === '0 of 10 seconds'")
    for key, text in ((RIGHT, "2 of 10"), (LEFT, "0 of 10"), (END, "10 of 10"), (HOME, "0 of 10")):
        browser.press(key)
        until_true(browser, f"{where} === '{text} seconds'")
    browser.press(SPACE)
    until_played(browser, 0)
    browser.run("document.querySelector('#mode-listen').focus()")
    tab_to(browser, "#mode-blind")
    browser.press(ENTER)
    tab_to(browser, "#blind .main")
    browser.press(SPACE)
    for _ in range(3):
        _, side = browser.run(TRUTH)
        for place, key in ((1, ENTER), (2, SPACE)):
            tab_to(browser, f"#blind .track:nth-child({place}) .play")
            browser.press(key)
            until_played(browser, 6 + place)
        pick = f"#blind .row button:nth-child({side + 1})"
        until_true(browser, f"return !document.querySelector('{pick}').disabled")
        tab_to(browser, pick)
        browser.press(ENTER)
    assert "3 of 3 right" in browser.run("return document.querySelector('#blind').innerText")
    assert browser.run("return document.activeElement.textContent") == "Your score"


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(browser: Browser, folder: Path, width: int) -> None:
    go(browser, folder, "sandbox", width)
    assert fits(browser, width)
    browser.click("#mode-blind")
    assert fits(browser, width)
    answer(browser, [True])
    assert fits(browser, width)
    browser.click("#blind .end")
    assert fits(browser, width)


def test_headings_are_in_order_and_controls_have_names(browser: Browser, folder: Path) -> None:
    go(browser, folder, "file")
    levels = [
        int(name[1])
        for name in browser.run(
            "return [...document.querySelectorAll('h1, #listen :is(h2, h3, h4)')].map((h) => h.tagName)"
        )
    ]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    names = browser.run(
        "return [...document.querySelectorAll('#listen :is(.play, .roll, a)')]"
        ".map((one) => one.getAttribute('aria-label'))"
    )
    assert len(set(names)) == len(names)
    assert all(names)


def same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def saved_in(browser: Browser, saved: Path) -> Path:
    return saved / ("chromium" if isinstance(browser, Chromium) else "firefox")


def test_files_can_be_saved(browser: Browser, folder: Path, saved: Path) -> None:
    go(browser, folder, "file")
    place = saved_in(browser, saved)
    for link, name in enumerate(("sample-00.mp3", "sample-00.mid")):
        browser.click(".files a", link)
        until(partial(same, folder / name, place / name), f"{name} is saved")
    assert "this frame forbids it" not in browser.run("return document.body.innerText")


def test_a_sandbox_saves_nothing_and_the_page_says_so(
    browser: Browser, folder: Path, saved: Path
) -> None:
    """The frame is that of MLflow's viewer of artifacts, which allows scripts and no downloads."""
    go(browser, folder, "sandbox")
    said = browser.run(
        "return [...document.querySelectorAll('.files')].map((one) => one.innerText)"
    )
    assert all("this frame forbids it" in text for text in said)
    place = saved_in(browser, saved)
    browser.click(".files a", 2)
    go(browser, folder, "file")  # what is saved later is there, what was asked for before is not
    browser.click(".files a", 3)
    until(partial(same, folder / "human-00.mid", place / "human-00.mid"), "the next one is saved")
    assert not list(place.glob("human-00.mp3*"))


@pytest.mark.parametrize("frame", FRAMED)
def test_the_picture_is_shown_when_it_is_asked_for(
    browser: Browser, folder: Path, frame: str
) -> None:
    go(browser, folder, frame)
    image = "const image = document.querySelector('.counts img');"
    size = f"{image} return [image.checkVisibility(), image.naturalWidth]"
    assert browser.run("return document.querySelectorAll('.counts').length") == 1
    assert browser.run(size)[0] is False
    browser.click(".counts summary")
    until(lambda: browser.run(size) == [True, 3], "the picture is shown")
    cells = (
        "return [...document.querySelectorAll('.counts tbody :is(th, td)')].map((c) => c.innerText)"
    )
    name, *values = browser.run(cells)
    assert name.split("\n") == ["mean interval", pages.COUNTED.says]
    assert values == ["semitones", pages.COUNTED.samples, "–"]
    assert browser.errors() == []


@pytest.fixture(scope="module")
def real_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `tonerow generate` and `make compare` make it: of two models, with what they start from."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "tune.abc").write_text(ABC, encoding="utf-8")
    starts = {"lstm_local": ["--rhythm"], "rnn_heads": ["--primer-notes", "3", "--primer"]}
    pages = {}
    for model, start in starts.items():
        file, out = model_file(folder, f"{model} small"), folder / model
        asked = [*start, str(folder / "tune.abc"), "--samples", "2", "--notes", "20"]
        main(["generate", "--model", str(file), "--out", str(out), *asked])
        pages[model] = out / "listen.html"
    merge_pages(folder / "listen.html", pages)
    return folder / "listen.html"


def tracks(browser: Browser) -> int:
    return int(browser.run("return document.querySelectorAll('#listen .play').length"))


@pytest.fixture
def opened(browser: Browser, real_page: Path) -> Iterator[Browser]:
    browser.errors()
    browser.get(real_page.as_uri())
    until(lambda: tracks(browser) == 8, "the page is built")
    yield browser
    assert browser.errors() == []


def test_every_track_of_a_real_page_plays(opened: Browser) -> None:
    for place in range(tracks(opened)):
        opened.click("#listen .play", place)
        until_played(opened, place)
    assert set(opened.run(FAILED)) <= {NO_SOUND_CARD}


def test_every_track_of_a_real_page_has_a_sound(opened: Browser, real_page: Path) -> None:
    found = opened.run_async(MEASURE)
    assert len(found) == 8
    for seconds, loudness, _ in found:
        assert seconds > 1
        assert loudness > 0.01
    pictures = re.sub('data:audio[^"]*', "", real_page.read_text("utf-8"))
    music = real_page.stat().st_size - len(pictures)
    assert music < BYTES_A_SECOND * sum(seconds for seconds, *_ in found)
