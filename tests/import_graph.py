"""Which file of the project imports which: read from the code, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "src/tonerow"


def python_files(folder: Path) -> list[Path]:
    """All Python files below a folder, sorted."""
    return sorted(folder.rglob("*.py"))


def module_of(file: Path) -> str:
    """The module that a file holds: ``tonerow.notes`` for ``src/tonerow/notes/__init__.py``."""
    base = LIBRARY.parent if file.is_relative_to(LIBRARY) else ROOT
    parts = file.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(file: Path) -> str:
    """The folder or file directly below the library that a file belongs to; "tonerow" above all."""
    parts = module_of(file).split(".")
    return parts[1] if len(parts) > 1 else parts[0]


@cache
def parsed(file: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imported_names(file: Path) -> frozenset[str]:
    """The dotted names that a file imports, in its functions too, but not for a type checker alone.

    ``from a import b`` gives ``a`` and ``a.b``: the latter may be a module.
    """
    return frozenset(_names(parsed(file).body, module_of(file), file.name == "__init__.py"))


def _names(body: Iterable[ast.AST], module: str, package: bool) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _names(node.orelse, module, package)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _source(node, module, package)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
        else:
            yield from _names(ast.iter_child_nodes(node), module, package)


def _source(node: ast.ImportFrom, module: str, package: bool) -> str:
    """The full name of what stands between ``from`` and ``import``."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    here = parts[: len(parts) - node.level + package]  # one dot in a package's file: the package
    return ".".join([*here, *filter(None, [node.module])])


@cache
def _files() -> dict[str, Path]:
    return {module_of(file): file for file in python_files(LIBRARY) + python_files(ROOT / "stages")}


@cache
def imports(file: Path) -> frozenset[Path]:
    """The project's files that this one imports from; a package's is its ``__init__.py``."""
    named = {name: _files()[name] for name in imported_names(file) if name in _files()}
    # `from package import module` takes nothing from the package's own file
    used = {name for name in named if not _only_leads_to_modules(file, name)}
    return frozenset(named[name] for name in used) - {file}


def _only_leads_to_modules(file: Path, package: str) -> bool:
    members = {name for name in imported_names(file) if name.rpartition(".")[0] == package}
    return bool(members) and members <= _files().keys()


@cache
def packages(file: Path) -> frozenset[Path]:
    """The ``__init__.py`` of each package that a file lies in: Python runs them first."""
    parts = module_of(file).split(".")
    names = (".".join(parts[:n]) for n in range(1, len(parts)))
    return frozenset(_files()[name] for name in names if name in _files())


def closure(
    starts: Iterable[Path], closed: Collection[Path] = (), on_the_way: Collection[Path] = ()
) -> set[Path]:
    """All files that are loaded with these, themselves among them.

    Args:
        starts: where to begin.
        closed: files that are left out, with what only they import.
        on_the_way: packages that are left out where Python only passes through them to a module.
    """
    reached: set[Path] = set()
    waiting = list(starts)
    while waiting:
        file = waiting.pop()
        if file not in reached and file not in closed:
            reached.add(file)
            waiting += imports(file) | (packages(file) - set(on_the_way))
    return reached


def chain(starts: Iterable[Path], end: Path) -> list[Path]:
    """The shortest way of imports from one of these files to another; empty if there is none."""
    ways = [[start] for start in starts]
    seen: set[Path] = set()
    for way in ways:
        if way[-1] == end:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, file] for file in sorted(imports(way[-1]) | packages(way[-1]))]
    return []


def code_of(file: Path) -> str:
    """The file's code without docstrings and comments."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [s for s in node.body if not _is_text(s)] or [ast.Pass()]
    return ast.unparse(tree)


def is_empty(file: Path) -> bool:
    """Whether a file holds nothing but a docstring."""
    return all(_is_text(statement) for statement in parsed(file).body)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(
        getattr(statement.value, "value", None), str
    )
