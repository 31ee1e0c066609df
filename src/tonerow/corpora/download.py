"""Downloads one large file over connections that fail.

pooch keeps the file, checks its sha256 before it gets its name and clears up; but it begins again
from nothing after every break, so what fetches the bytes for it is our own.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tqdm import tqdm

if TYPE_CHECKING:
    import requests

_CHUNK = 2**16


class WrongBytesError(ValueError):
    """The server sends something else than the file that was published."""


def retrieve(url: str, sha256: str, path: Path, downloader: Downloader) -> Path:
    """The file, downloaded unless it is there already; verified either way.

    Args:
        url: http or https; the usual environment variables name a proxy.
        sha256: of the file, hexadecimal.
        path: where to keep it; its folder is made. Nothing else is left there after a failure.
        downloader: fetches the bytes.

    Raises:
        WrongBytesError: the bytes are not those of the sha256.
        requests.RequestException: they are not to be had.
        OSError: they cannot be written.
    """
    import pooch  # noqa: PLC0415 - slow to import, and most runs need no download

    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel("WARNING")  # the progress bar says it all
    try:
        found = pooch.retrieve(url, f"sha256:{sha256}", path.name, path.parent, None, downloader)
    except ValueError as error:
        import requests  # noqa: PLC0415

        if isinstance(error, WrongBytesError | requests.RequestException | OSError):
            raise
        raise WrongBytesError(f"{url} sent bytes whose sha256 is not {sha256}") from error
    finally:
        logger.setLevel(before)
    return Path(found)


@dataclass(frozen=True)
class Downloader:
    """Fetches the bytes of a URL; what pooch calls a downloader.

    A connection that breaks, stalls or ends early is taken up where it left off (by a range request
    with `If-Range`, so that two versions of a file are never joined) or, where the server knows no
    ranges, from the beginning. A server that was never reached is not tried again: being offline
    should be known at once.

    Attributes:
        timeout_sec: to connect, and to wait for the next bytes.
        tries: connections in a row that may bring nothing new.
        backoff_sec: pause after the first of them; each further one is twice as long.
        max_bytes: a file cannot be larger.
    """

    timeout_sec: tuple[float, float] = (5.0, 30.0)
    tries: int = 5
    backoff_sec: float = 1.0
    max_bytes: int = 2**28

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        """Downloads `url` to `output_file`; the other two are what pooch passes on."""
        import requests  # noqa: PLC0415 - with pooch

        with Path(output_file).open("wb") as out, requests.Session() as session:
            failures, most, reached = 0, 0, False
            validator: str | None = None
            while True:
                try:
                    response = self._ask(session, url, out.tell(), validator)
                    reached = True
                    with response:
                        if response.status_code == requests.codes.requested_range_not_satisfiable:
                            return  # there is no more: the checksum says whether it is all
                        response.raise_for_status()
                        validator = _validator(response)
                        self._receive(response, out)
                    return
                except requests.RequestException as error:
                    failures = 1 if out.tell() > most else failures + 1
                    most = max(most, out.tell())
                    if failures == self.tries or not _may_pass(error, reached):
                        raise
                time.sleep(self.backoff_sec * 2 ** (failures - 1))

    def _ask(
        self, session: requests.Session, url: str, had: int, validator: str | None
    ) -> requests.Response:
        headers = {"Accept-Encoding": "identity"}  # ranges count the bytes of the file itself
        if had:
            headers |= {"Range": f"bytes={had}-"} | ({"If-Range": validator} if validator else {})
        return session.get(url, headers=headers, timeout=self.timeout_sec, stream=True)

    def _receive(self, response: requests.Response, out: BinaryIO) -> None:
        """Appends what comes, or begins again where the server sends the whole."""
        if response.status_code != 206:
            out.seek(0)
            out.truncate()
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {out.tell()}-"):
            raise WrongBytesError(f"{response.url} sends another range than was asked for")
        total = out.tell() + int(response.headers.get("Content-Length") or 0)
        with tqdm(
            desc="download",
            total=total or None,
            initial=out.tell(),
            unit="B",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
        ) as bar:
            for chunk in response.iter_content(_CHUNK):
                if out.tell() + len(chunk) > self.max_bytes:
                    raise WrongBytesError(f"{response.url} sends over {self.max_bytes:,} bytes")
                out.write(chunk)
                bar.update(len(chunk))


def _validator(response: requests.Response) -> str | None:
    """What tells versions of the file apart: a strong ETag, or its date."""
    etag: str | None = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _may_pass(error: requests.RequestException, reached: bool) -> bool:
    """Whether another try may help: not where the server has said no or cannot be reached."""
    from urllib3.exceptions import MaxRetryError  # noqa: PLC0415 - with requests

    if not reached and error.args and isinstance(error.args[0], MaxRetryError):
        return False  # no connection came about
    status = error.response.status_code if error.response is not None else 500
    return status >= 500 or status in (408, 429)
