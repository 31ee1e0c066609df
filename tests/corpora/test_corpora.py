"""Where raw files come from: the music21 package, a folder, a download."""

import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import pytest

from tests import shipped
from tests.repository import clean_environment
from tonerow import corpora
from tonerow.corpora import FetchError, folder, folk, maestro, music21_package
from tonerow.params.corpora import Folder, Folk, Maestro
from tonerow.params.sections import CORPORA

ROOT = Path(__file__).parent.parent.parent
CORPUS = ROOT / "tests" / "corpus"


def names(out: Path) -> list[str]:
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", CORPORA)
def test_every_corpus_with_settings_is_fetched_by_the_module_of_its_name(name: str) -> None:
    function = corpora.fetcher(name)
    assert function.__module__ == f"tonerow.corpora.{name}"


@pytest.mark.parametrize("name", ["mine", "kinds"])  # no module; a module that fetches nothing
def test_a_corpus_that_nothing_fetches_is_named_with_what_to_write(name: str) -> None:
    says = f"corpus is {name!r}, but nothing fetches it: .* in src/tonerow/corpora/{name}.py"
    with pytest.raises(FetchError, match=says):
        corpora.fetcher(name)


def test_a_module_that_cannot_be_imported_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("import not_installed_anywhere\n")
    monkeypatch.setattr(corpora, "__path__", [*corpora.__path__, str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        corpora.fetcher("mine")


CORPUS_SETTINGS = '''

class Mine(Corpus):
    """A corpus."""

    name: Text
    """what the file is called"""
'''
CORPUS_MODULE = """
from tonerow.corpora.copying import Fetched

def fetch(settings, out, root):
    (out / settings.name).write_text("X:1")
    return Fetched(copied=1)
"""


def test_a_module_and_a_class_are_all_that_a_corpus_needs(tmp_path: Path) -> None:
    source, package = ROOT / "src" / "tonerow", tmp_path / "tonerow"
    for name in ("corpora", "params"):
        copytree(source / name, package / name)
    for name in ("__init__.py", "progress.py"):
        copy(source / name, package)
    (package / "corpora" / "mine.py").write_text(CORPUS_MODULE)
    with (package / "params" / "corpora.py").open("a") as stream:
        stream.write(CORPUS_SETTINGS)
    text = shipped.text({"corpora.mine": {"name": "a.abc"}, "corpus": "mine"})
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    code = """
from pathlib import Path
from tonerow import corpora, params
print(corpora.fetch(params.load(), Path("raw"), Path()).summary())
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "fetch: 1 files copied, 0 left out\n", done.stderr
    assert names(tmp_path / "raw") == ["a.abc"]


def test_the_stage_fetches_the_selected_corpus(tmp_path: Path) -> None:
    text = shipped.text({"corpus": "folder"})
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "corpus").symlink_to(CORPUS)
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    command = [sys.executable, "-m", "stages.fetch", "data/raw"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "12 files copied, 1 left out" in done.stdout
    assert "README.md: neither MIDI nor ABC" in done.stdout
    assert len(names(tmp_path / "data" / "raw")) == 12
    (tmp_path / "tests" / "corpus").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "corpora.folder.path is 'tests/corpus', which is no folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_folk_copies_the_collections_of_the_installed_package(tmp_path: Path) -> None:
    fetched = folk.fetch(Folk(collections=["oneills1850"]), tmp_path, tmp_path)
    assert fetched.copied == len(names(tmp_path)) > 30
    assert all(
        name.startswith("oneills1850/") and name.endswith(".abc") for name in names(tmp_path)
    )


def test_folk_without_music21_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music21_package, "find_spec", lambda name: None)
    with pytest.raises(FetchError, match="not installed"):
        folk.fetch(Folk(collections=["oneills1850"]), tmp_path, tmp_path)


def test_folder_takes_music_at_any_depth_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    source, out = tmp_path / "mine", tmp_path / "out"
    for name in ("a.mid", "B/C/é 🎵.MIDI", "B/t.Abc", "list.csv", "z.tar.GZ", "w.gz", ".h.mid"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / ".git").mkdir()
    (source / ".git" / "a.mid").write_text("hidden")
    (source / "loop").symlink_to(source)
    (source / "inside.mid").symlink_to(source / "a.mid")
    (tmp_path / "elsewhere").write_text("on another disk")
    (source / "outside.mid").symlink_to(tmp_path / "elsewhere")
    (source / "endless.mid").symlink_to("/dev/zero")
    (source / "dangling.mid").symlink_to(source / "nowhere")
    (source / "r\x1b[2J\n.mid").symlink_to(source / "nowhere")
    (source / "self.mid").symlink_to(source / "self.mid")
    os.mkfifo(source / "pipe.mid")
    fetched = folder.fetch(Folder(path=str(source)), out, tmp_path)
    music = [
        "B/C/é 🎵.MIDI",
        "B/t.Abc",
        "a.mid",
        "inside.mid",
        "list.csv",
        "outside.mid",
        "z.tar.GZ",
    ]
    assert names(out) == music
    assert not any((out / name).is_symlink() for name in music)
    assert (out / "outside.mid").read_text() == "on another disk"
    assert fetched.copied == 6  # the table describes music, it is none
    assert sorted(fetched.skipped) == [
        ".git/: folder is hidden",
        ".h.mid: hidden",
        "dangling.mid: a link that leads nowhere",
        "endless.mid: not a regular file",
        "loop/: folder is a link, into which DVC does not look",
        "pipe.mid: not a regular file",
        "r\\x1b[2J\\n.mid: a link that leads nowhere",
        "self.mid: a link that leads nowhere",
        "w.gz: neither MIDI nor ABC",
    ]


def test_a_folder_that_dvc_has_made_links_of_is_read_and_watched(tmp_path: Path) -> None:
    def dvc(*words: str) -> str:
        command = [str(Path(sys.executable).parent / "dvc"), *words]
        environment = clean_environment()
        return subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)

    music, disk = tmp_path / "music", tmp_path / "disk"
    for file, text in ((music / "a.mid", "a"), (music / "B" / "b.abc", "b"), (disk / "c", "c")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    dvc("init", "--quiet", "--no-scm")
    dvc("config", "cache.type", "symlink")
    dvc("add", "--quiet", "music")
    linked = (music / "a.mid").readlink()
    assert linked.is_relative_to(tmp_path / ".dvc" / "cache")
    fetched = folder.fetch(Folder(path=str(music)), tmp_path / "out", tmp_path)
    assert (fetched.copied, fetched.skipped) == (2, [])
    assert [(tmp_path / "out" / name).read_text() for name in ("a.mid", "B/b.abc")] == ["a", "b"]

    mine = tmp_path / "mine"  # links of the user's own
    mine.mkdir()
    (mine / "c.mid").symlink_to(disk / "c")
    dvc("stage", "add", "--quiet", "--run", "-n", "read", "-d", "mine", "true")
    assert "up to date" in dvc("status", "read")
    (disk / "c").write_text("changed")
    assert "modified" in dvc("status", "read")


def test_a_folder_within_that_may_not_be_listed_is_left_out(open_folder: Path) -> None:
    (open_folder / "a.mid").write_text("a")
    for name in ("b.mid", "folder"):
        (open_folder / name).mkdir() if name == "folder" else (open_folder / name).touch()
        (open_folder / name).chmod(0)
    code = """
import os, sys
from pathlib import Path
from tonerow.corpora.copying import copy_music
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
print(*sorted(copy_music(Path(sys.argv[1]), Path(sys.argv[2])).skipped), sep="|")
"""
    (open_folder / "out").mkdir()
    (open_folder / "out").chmod(0o777)
    command = [sys.executable, "-c", code, str(open_folder), str(open_folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT / "src")
    assert done.returncode == 0, done.stderr
    expected = "b.mid: Permission denied|folder/: Permission denied|out/: folder is written to"
    assert done.stdout.strip() == expected


@pytest.mark.parametrize("name", ["mine.zip", "mine.Tar.gz"])
def test_an_archive_as_a_corpus_stays_packed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"packed")
    out = tmp_path / "out"
    out.mkdir()
    assert folder.fetch(Folder(path=str(tmp_path / name)), out, tmp_path).copied == 1
    assert names(out) == [name]
    (tmp_path / "w.mid").write_bytes(b"packed")
    with pytest.raises(FetchError, match=r"no folder and no archive"):
        folder.fetch(Folder(path=str(tmp_path / "w.mid")), out, tmp_path)


def test_folder_does_not_copy_into_itself(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_text("a")
    out = tmp_path / "data" / "raw"
    out.mkdir(parents=True)
    for _ in range(2):
        assert folder.fetch(Folder(path=str(tmp_path)), out, tmp_path).copied == 1
    assert names(out) == ["a.mid"]


def test_a_missing_or_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"corpora\.folder\.path"):
        folder.fetch(Folder(path=str(tmp_path / "gone")), tmp_path / "out", tmp_path)
    (tmp_path / "words.txt").write_text("no music")
    with pytest.raises(FetchError, match=r"words\.txt: neither"):
        folder.fetch(Folder(path=str(tmp_path)), tmp_path / "out", tmp_path)


def small_maestro() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        flute = (CORPUS / "midi" / "solo" / "flute.mid").read_bytes()
        archive.writestr(zipfile.ZipInfo("maestro-v3.0.0/2004/a.midi"), flute)
    return stream.getvalue()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder behind a local server, from which MAESTRO is downloaded."""
    home = tmp_path / "served"
    home.mkdir()
    handler = partial(QuietHandler, directory=str(home))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(maestro, "URL", f"http://127.0.0.1:{server.server_port}/maestro.zip")
    monkeypatch.setattr(maestro, "SHA256", hashlib.sha256(small_maestro()).hexdigest())
    yield home
    server.shutdown()
    server.server_close()


def download(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    assert maestro.fetch(Maestro(path=None), out, tmp_path).copied == 1
    return out / "maestro-v3.0.0-midi.zip"


def test_maestro_is_downloaded_once(tmp_path: Path, served: Path) -> None:
    (served / "maestro.zip").write_bytes(small_maestro())
    assert download(tmp_path).read_bytes() == small_maestro()
    (served / "maestro.zip").unlink()
    assert download(tmp_path).read_bytes() == small_maestro()
    assert names(tmp_path / ".downloads") == ["maestro-v3.0.0-midi.zip"]


def test_a_damaged_download_is_fetched_again(tmp_path: Path, served: Path) -> None:
    (served / "maestro.zip").write_bytes(small_maestro())
    (tmp_path / ".downloads").mkdir()
    (tmp_path / ".downloads" / "maestro-v3.0.0-midi.zip").write_bytes(b"half of it")
    assert download(tmp_path).read_bytes() == small_maestro()


def test_other_bytes_than_published_are_refused(tmp_path: Path, served: Path) -> None:
    (served / "maestro.zip").write_bytes(b"something else")
    with pytest.raises(FetchError, match="sent something else") as caught:
        download(tmp_path)
    assert "corpora.maestro.path" in str(caught.value)
    assert names(tmp_path / ".downloads") == []


def test_a_server_that_has_not_got_it(tmp_path: Path, served: Path) -> None:
    with pytest.raises(FetchError, match="HTTPError"):
        download(tmp_path)


def test_offline_fails_at_once_and_says_what_to_do(
    tmp_path: Path, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(maestro, "URL", f"http://127.0.0.1:{unused.getsockname()[1]}/m.zip")
        monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waits"))
        with pytest.raises(FetchError, match=r"set corpora\.maestro\.path .* or go online"):
            download(tmp_path)


def test_maestro_from_a_local_archive(tmp_path: Path, served: Path) -> None:
    archive, out = tmp_path / "my.zip", tmp_path / "out"
    out.mkdir()
    archive.write_bytes(small_maestro())
    assert maestro.fetch(Maestro(path=str(archive)), out, tmp_path).copied == 1
    assert names(out) == ["maestro-v3.0.0-midi.zip"]
    archive.write_bytes(b"something else")
    with pytest.raises(FetchError, match="its sha256 is"):
        maestro.fetch(Maestro(path=str(archive)), out, tmp_path)
    with pytest.raises(FetchError, match="does not exist"):
        maestro.fetch(Maestro(path=str(tmp_path / "gone.zip")), out, tmp_path)


@pytest.mark.parametrize("inside", ["", "maestro-v3.0.0"])
def test_maestro_from_the_unpacked_folder(tmp_path: Path, inside: str) -> None:
    home, out = tmp_path / "maestro", tmp_path / "out"
    (home / inside / "2004").mkdir(parents=True)
    (home / inside / "2004" / "a.midi").write_bytes(b"a")
    settings = Maestro(path=str(home))
    with pytest.raises(FetchError, match=r"without maestro-v3\.0\.0\.csv"):
        maestro.fetch(settings, out, tmp_path)
    (home / inside / "maestro-v3.0.0.csv").write_text("midi_filename\n")
    assert maestro.fetch(settings, out, tmp_path).copied == 1
    assert names(out) == ["2004/a.midi", "maestro-v3.0.0.csv"]
