"""The walls between the rooms of the library, the pipeline's `deps`, and how large things are."""

from __future__ import annotations

import ast
import itertools
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests import import_graph as graph
from tests import shipped
from tests.import_graph import LIBRARY, ROOT

# From the ground up. A file imports from rooms before its own, and from its own.
ROOMS = [
    *["tonerow", "files", "progress", "reports", "parts", "notes", "params", "runtime"],
    *["midi", "abc_notation", "corpora", "ingest", "splitting", "tokens"],
    *["models", "views", "repeats", "windows", "model_files", "evaluation", "tracking", "training"],
    *["listening", "generation", "trials", "cli", "serving", "search"],
]
# Rooms that could be packages of their own tomorrow: all that they may import of the library.
NARROW = {"notes": set(), "midi": {"notes"}, "abc_notation": {"notes"}, "models": set()}
FILES = graph.python_files(LIBRARY)
SOURCES = FILES + graph.python_files(ROOT / "stages")
STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
ENTRY_POINTS = {
    name: re.findall(r"-m stages\.(\w+)", stage["cmd"]) for name, stage in STAGES.items()
}
# Rooms that are a dep of the stage which is about them, and of no other.
NO_DEPS = {
    "params": ("check", "checks the settings; their values are under `params` in dvc.yaml"),
    "tracking": ("track", "logs what a stage does and changes none of its results"),
    "progress": ("", "draws a bar on the terminal"),
    "tonerow": ("", "sets how long OpenMP's threads wait, not what they compute"),
}
# Each finds a module by a name in params.yaml and imports no other: a dep is that module,
# `src/tonerow/models/${model}.py`, and neither the look-up nor a module that is not selected. A stage
# that imports another file of the same room runs the look-up's file, but looks nothing up.
LOOK_UPS = {LIBRARY / "models/__init__.py": "model", LIBRARY / "corpora/__init__.py": "corpus"}
NAMES = {"model": list(shipped.tree()["models"]), "corpus": list(shipped.tree()["corpora"])}


def short(file: Path) -> str:
    """The path as it stands in dvc.yaml."""
    return file.relative_to(ROOT).as_posix()


def room_imports(file: Path) -> dict[str, Path]:
    """The other rooms that a file imports from, each with one of the files imported."""
    return {graph.room_of(other): other for other in graph.imports(file)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(LIBRARY).as_posix())
def test_a_file_imports_only_from_rooms_below_its_own(file: Path) -> None:
    room = graph.room_of(file)
    assert room in ROOMS, f"{room} is a new room: say in ROOMS what it stands on"
    for other, imported in room_imports(file).items():
        if other != room:
            below = ROOMS.index(other) < ROOMS.index(room)
            assert below, f"{short(file)} imports {short(imported)}, which is above {room} in ROOMS"
            allowed = NARROW.get(room, {other})
            assert other in allowed, f"{short(file)} imports {short(imported)}; allowed: {allowed}"


def test_every_room_is_there() -> None:
    assert set(ROOMS) == {graph.room_of(file) for file in FILES}


def test_models_import_nothing_but_torch() -> None:
    for file in graph.python_files(LIBRARY / "models"):
        packages = {name.split(".")[0] for name in graph.imported_names(file)}
        foreign = packages - set(sys.stdlib_module_names) - {"torch", "tonerow"}
        assert not foreign, f"{short(file)} imports {foreign}; allowed: torch"


def test_training_loads_no_reader() -> None:
    training = graph.python_files(LIBRARY / "training")
    names = ", ".join(graph.module_of(file) for file in training)
    command = [sys.executable, "-c", f"import sys, {names}; print(*sys.modules)"]
    source = {**os.environ, "PYTHONPATH": str(LIBRARY.parent)}
    loaded = subprocess.run(command, env=source, text=True, capture_output=True, check=True).stdout
    assert "tonerow.training" in loaded.split()
    for name in loaded.split():
        if re.match(r"tonerow\.(abc_notation|midi|ingest)\b", name):
            way = graph.chain(training, LIBRARY / f"{name.split('.')[1]}/__init__.py")
            pytest.fail(f"loads {name}: {' imports '.join(map(short, way))}")


def selections(stage: str) -> Iterator[dict[str, str]]:
    """Every choice of a name for each look-up that a stage's entry point reaches."""
    entry = ROOT / f"stages/{ENTRY_POINTS[stage][0]}.py"
    reached = graph.closure([entry], ignored(stage), LOOK_UPS)
    keys = [key for file, key in LOOK_UPS.items() if file in reached]
    for names in itertools.product(*(NAMES[key] for key in keys)):
        yield dict(zip(keys, names, strict=True))


def selected_files(selection: dict[str, str]) -> list[Path]:
    """The modules that the look-ups find."""
    return [
        file.parent / f"{selection[key]}.py" for file, key in LOOK_UPS.items() if key in selection
    ]


def ignored(stage: str) -> set[Path]:
    """The files of `NO_DEPS`, which are no deps of this stage whatever imports them."""
    rooms = {room for room, (own_stage, _) in NO_DEPS.items() if own_stage != stage}
    return {file for file in FILES if graph.room_of(file) in rooms}


def needed(stage: str, selection: dict[str, str]) -> set[Path]:
    """The files whose code a stage runs if these names are selected."""
    entry = ROOT / f"stages/{ENTRY_POINTS[stage][0]}.py"
    files = graph.closure([entry, *selected_files(selection)], ignored(stage), LOOK_UPS)
    return {file for file in files if not graph.is_empty(file)} - {ROOT / "stages/__init__.py"}


def listed(stage: str, selection: dict[str, str]) -> dict[Path, str]:
    """The Python files that a stage's `deps` cover, each with the dep that does."""
    files: dict[Path, str] = {}
    for dep in STAGES[stage]["deps"]:
        name = re.sub(r"\$\{(\w+)\}", lambda match: selection.get(match[1], match[0]), dep)
        if name.startswith(("src/", "stages/")):
            path = ROOT / name
            assert path.exists(), f"{stage}: {dep} is listed under deps, but there is no {name}"
            files |= dict.fromkeys(graph.python_files(path) if path.is_dir() else [path], dep)
    return {file: dep for file, dep in files.items() if not graph.is_empty(file)}


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_is_listed_under_its_deps(stage: str) -> None:
    missing: set[str] = set()
    for selection in selections(stage):
        variables = {
            file: LOOK_UPS[file.parent / "__init__.py"] for file in selected_files(selection)
        }
        for file in needed(stage, selection) - listed(stage, selection).keys() - set(LOOK_UPS):
            own = f"{short(file.parent)}/${{{variables[file]}}}.py" if file in variables else ""
            missing.add(own or short(file))
    assert not missing, f"{stage} in dvc.yaml: add to deps {sorted(missing)}"


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_listed_under_deps_is_imported(stage: str) -> None:
    covered: dict[Path, str] = {}
    used: set[Path] = set()
    unselected: set[Path] = set()  # a stage would run again after each change of another model
    for selection in selections(stage):
        now = listed(stage, selection)
        covered |= now
        used |= needed(stage, selection)
        found_by_name = {
            look_up.parent / f"{name}.py"
            for look_up, key in LOOK_UPS.items()
            for name in NAMES[key]
        }
        unselected |= (now.keys() - needed(stage, selection)) & found_by_name
    unneeded = (covered.keys() - used) | unselected
    lines = [f"{short(file)} (of {covered[file]})" for file in sorted(unneeded - set(LOOK_UPS))]
    why = [why for room, (_, why) in NO_DEPS.items() if room in map(graph.room_of, unneeded)]
    assert not lines, f"{stage} in dvc.yaml: take from deps {lines} {'; '.join(why)}"


def test_every_stage_has_one_entry_point_and_each_is_used() -> None:
    modules = {file.stem for file in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert all(len(names) == 1 for names in ENTRY_POINTS.values()), ENTRY_POINTS
    assert {names[0] for names in ENTRY_POINTS.values()} == modules


def test_most_functions_are_short() -> None:
    lengths = {}  # without the docstring, which may be as long as it takes
    for file in SOURCES:
        for node in ast.walk(graph.parsed(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{short(file)}:{node.lineno} {node.name}"
                prose = (ast.get_docstring(node, clean=False) or "").count("\n") + 1
                prose = prose if ast.get_docstring(node) else 0
                lengths[where] = (node.end_lineno or 0) - node.lineno + 1 - prose
    ninetieth = statistics.quantiles(lengths.values(), n=10)[-1]
    longest = sorted(lengths, key=lengths.__getitem__)[-20:]
    assert ninetieth <= 25, f"one in ten has over {ninetieth} lines; the longest: {longest}"


@pytest.mark.parametrize("file", SOURCES, ids=short)
def test_a_file_has_at_most_400_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


def names_of_models(text: str) -> set[str]:
    """The architectures that a text names, by their key or their class."""
    classes = {
        name: "".join(part.capitalize() for part in name.split("_")) for name in NAMES["model"]
    }
    return {name for name, own in classes.items() if re.search(rf"\b({name}|{own})\b", text)}


def test_no_list_of_models_is_kept_by_hand() -> None:
    texts = {file: graph.code_of(file) for file in SOURCES}
    for name in ("dvc.yaml", "Makefile"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        texts[ROOT / name] = "\n".join(line.partition("#")[0] for line in lines)
    for file, text in texts.items():
        own = {file.stem} if file.parent == LIBRARY / "models" else set()
        if file != LIBRARY / "params/architectures.py":
            named = names_of_models(text) - own
            assert not named, (
                f"{short(file)} names {named}; a model has one file, one class in "
                "params/architectures.py and one section in params.yaml"
            )


def test_the_names_of_models_are_seen_where_they_stand() -> None:
    for name in NAMES["model"]:
        assert names_of_models(graph.code_of(LIBRARY / f"models/{name}.py")) == {name}
        assert name in names_of_models((ROOT / "params.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", SOURCES, ids=short)
def test_no_regular_expression_is_possessive(file: Path) -> None:
    """Python 3.11.0 to 3.11.4 matches possessive quantifiers of groups wrongly (issue 100061)."""
    assert not re.search(r"[)\]][+*?]\+|\(\?>", graph.code_of(file))


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "track"])
def test_a_stage_that_ran_before_can_be_restored(stage: str) -> None:
    """DVC keeps no run cache for a stage with an uncached output that is no metric or plot.

    `track` is to run in each checkout.
    """
    assert not [out for out in STAGES[stage].get("outs", []) if not isinstance(out, str)]
