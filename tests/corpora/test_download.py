"""Downloads from a local server that breaks off, stalls, lies and serves the wrong bytes."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tonerow.corpora.download import Downloader, WrongBytesError, retrieve

DATA = bytes(range(251)) * 4000  # a megabyte
SHA256 = hashlib.sha256(DATA).hexdigest()
QUICK = Downloader(timeout_sec=(2.0, 0.3), backoff_sec=0.0, max_bytes=2**21)


class Handler(BaseHTTPRequestHandler):
    """Lets the test answer; keeps the requests."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        number = min(len(self.server.requests), len(self.server.answers)) - 1
        self.server.answers[number](self)

    def send(self, status: int, headers: dict[str, Any], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


Answer = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.stopped = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client may leave when it likes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.zip"

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.stopped.set()
        server.shutdown()


@dataclass
class Serve:
    """An answer that knows ranges and may go wrong.

    Attributes:
        breaks_after: bytes after which the connection is closed.
        stalls_after: bytes after which nothing comes any more.
        announces: the length to announce, if not the true one.
        ranges: whether range requests are answered as such.
        etag: of this version of the file.
    """

    data: bytes = DATA
    breaks_after: int | None = None
    stalls_after: int | None = None
    announces: int | None = None
    ranges: bool = True
    etag: str = '"1"'
    extra: dict[str, str] = field(default_factory=dict)

    def __call__(self, handler: Handler) -> None:
        start, status = 0, 200
        asked = handler.headers.get("Range")
        if asked and self.ranges and handler.headers.get("If-Range") == self.etag:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
        if start >= len(self.data):
            handler.send(416, {"Content-Range": f"bytes */{len(self.data)}"})
            return
        body = self.data[start:]
        headers = {"Content-Length": self.announces or len(body), "ETag": self.etag} | self.extra
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        ends = [n for n in (self.breaks_after, self.stalls_after) if n is not None]
        handler.send(status, headers | self.extra, body[: min(ends, default=len(body))])
        handler.wfile.flush()
        if self.stalls_after is not None:
            handler.server.stopped.wait(5)


def test_an_unbroken_download(server: Server, tmp_path: Path) -> None:
    server.answers = [Serve()]
    for _ in range(2):  # the second time from the disk
        path = retrieve(server.url, SHA256, tmp_path / "new" / "file.zip", QUICK)
        assert path.read_bytes() == DATA
    assert len(server.requests) == 1
    assert os.listdir(tmp_path / "new") == ["file.zip"]  # noqa: PTH208


GOES_WRONG: dict[str, Answer] = {
    "breaks off": Serve(breaks_after=600_000),
    "stalls": Serve(stalls_after=600_000),
    "announces more": Serve(announces=len(DATA) + 600_000),
    "breaks off before anything": Serve(breaks_after=0),
    "is overloaded": lambda handler: handler.send(503, {}),
    "is asked too often": lambda handler: handler.send(429, {}),
    "closes at once": lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
}


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("case", GOES_WRONG)
def test_a_download_that_goes_wrong_is_taken_up(
    server: Server, tmp_path: Path, case: str, ranges: bool
) -> None:
    server.answers = [GOES_WRONG[case], Serve(ranges=ranges)]
    assert retrieve(server.url, SHA256, tmp_path / "f", QUICK).read_bytes() == DATA
    first, second = server.ranges()
    assert first is None
    resumed = case in ("breaks off", "stalls", "announces more")
    assert (second is not None) == resumed
    if second and "announces" not in case:
        assert 500_000 < int(second.removeprefix("bytes=").rstrip("-")) <= 600_000


def test_many_breaks_are_borne_while_bytes_come(server: Server, tmp_path: Path) -> None:
    server.answers = [Serve(breaks_after=150_000)]
    assert retrieve(server.url, SHA256, tmp_path / "f", QUICK).read_bytes() == DATA
    assert len(server.requests) > QUICK.tries


def test_two_versions_are_never_joined(server: Server, tmp_path: Path) -> None:
    old = Serve(bytes(len(DATA)), breaks_after=600_000, etag='"0"')
    server.answers = [old, Serve()]
    assert retrieve(server.url, SHA256, tmp_path / "f", QUICK).read_bytes() == DATA


FAILS: dict[str, tuple[Answer, type[Exception], int]] = {
    "always breaks off": (Serve(breaks_after=70_000, ranges=False), requests.RequestException, 5),
    "always stalls": (Serve(stalls_after=0), requests.RequestException, 3),
    "is always overloaded": (lambda h: h.send(503, {}), requests.HTTPError, 5),
    "has not got it": (lambda h: h.send(404, {}), requests.HTTPError, 1),
    "forbids it": (lambda h: h.send(403, {}), requests.HTTPError, 1),
    "sends something else": (Serve(bytes(999)), WrongBytesError, 1),
    "sends nothing": (Serve(b""), WrongBytesError, 1),
    "announces less": (Serve(announces=999), WrongBytesError, 1),
    "sends no end": (Serve(bytes(2**21 + 1)), WrongBytesError, 1),
    "leads in circles": (lambda h: h.send(302, {"Location": "/x"}), requests.TooManyRedirects, 0),
    "speaks no http": (lambda h: h.send(-1, {}, b"\0" * 99), requests.RequestException, 0),
}


@pytest.mark.parametrize("case", FAILS)
def test_a_failure_leaves_nothing_behind(server: Server, tmp_path: Path, case: str) -> None:
    answer, error, tries = FAILS[case]
    server.answers = [answer]
    downloader = replace(QUICK, tries=3) if "stalls" in case else QUICK
    with pytest.raises(error):
        retrieve(server.url, SHA256, tmp_path / "f", downloader)
    assert len(server.requests) == tries or not tries
    assert not list(tmp_path.iterdir())


def test_another_range_than_was_asked_for(server: Server, tmp_path: Path) -> None:
    wrong = Serve(extra={"Content-Range": "bytes 0-99/100"})
    server.answers = [Serve(breaks_after=600_000), wrong]
    with pytest.raises(WrongBytesError, match="another range"):
        retrieve(server.url, SHA256, tmp_path / "f", QUICK)
    assert not list(tmp_path.iterdir())


def test_pauses_double(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.answers = [lambda handler: handler.send(500, {})]
    with pytest.raises(requests.HTTPError):
        retrieve(server.url, SHA256, tmp_path / "f", Downloader())
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_who_was_never_reached_is_not_asked_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waits"))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/f"
        with pytest.raises(requests.ConnectionError):
            retrieve(url, SHA256, tmp_path / "f", Downloader())
    assert not list(tmp_path.iterdir())


def test_a_proxy_is_asked(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/file.zip"))
    server.answers = [Serve(breaks_after=600_000), Serve()]
    url = "http://music.invalid/file.zip"
    assert retrieve(url, SHA256, tmp_path / "f", QUICK).read_bytes() == DATA
    assert [path for path, _ in server.requests] == [url, url]


def test_an_interrupted_download_leaves_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    server.answers = [Serve()]
    monkeypatch.setattr(Downloader, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        retrieve(server.url, SHA256, tmp_path / "f", QUICK)
    assert not list(tmp_path.iterdir())


def test_a_bar_shows_where_it_was_taken_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    server.answers = [Serve(breaks_after=600_000), Serve()]
    retrieve(server.url, SHA256, tmp_path / "f", QUICK)
    shown = capsys.readouterr().err
    assert "download: 100%" in shown
    assert "1.00M/1.00M" in shown
