"""A file has its name once it is whole, and not before."""

from pathlib import Path

import pytest

from tonerow.files import replaced


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "a.json"
    with replaced(path) as place:
        place.write_text("new")
        assert not path.exists()
        assert place.name == path.name
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_after_an_error_the_old_file_stays(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(type(error)), replaced(path) as place:
        place.write_text("half")
        place.with_name("and more").write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_not_written_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replaced(path):
        pass
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with replaced(path) as first:
        with replaced(path) as second:
            second.write_text("second")
            first.write_text("first")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    """A file that is linked into the folder may be the only copy in a cache."""
    kept, path = tmp_path / "kept", tmp_path / "a.json"
    kept.write_text("old")
    path.symlink_to(kept)
    with replaced(path) as place:
        place.write_text("new")
    assert (path.read_text(), kept.read_text()) == ("new", "old")


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError), replaced(tmp_path / "file" / "a.json"):
        pass
