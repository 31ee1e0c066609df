"""A short run of the fuzzer, and what its long runs have found."""

from pathlib import Path

import pytest

from tests.fuzz.checks import check_abc, check_archive, check_midi, time_limit
from tests.fuzz.fuzz import CORPUS, Fuzzer, files_to_begin_with

FOUND = sorted((Path(__file__).parent / "found").glob("*.*"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_is_read_or_refused(path: Path, tmp_path: Path) -> None:
    checks = {".mid": check_midi, ".abc": check_abc}
    with time_limit(10.0):
        if path.suffix in checks:
            assert checks[path.suffix](path.read_bytes())
        else:
            (tmp_path / path.name).write_bytes(path.read_bytes())
            assert check_archive(tmp_path / path.name)


def test_inputs_are_read_or_refused(tmp_path: Path) -> None:
    midi, abc = files_to_begin_with([CORPUS])
    fuzzer = Fuzzer(midi, abc, 1, tmp_path)
    outcomes = set()
    for number in range(300):
        name, data = fuzzer.make(number)
        assert (name, data) == fuzzer.make(number)
        with time_limit(10.0):
            outcomes.add((Path(name).suffix, fuzzer.check(name, data)))
    assert outcomes >= {(".mid", "kept"), (".abc", "kept"), (".mid", "corrupt")}
