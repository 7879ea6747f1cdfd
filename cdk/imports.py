"""Which of the project's modules a module needs: what a bundle contains follows from the code, not from a list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("events", "statemachines", "functions")
"""The packages that run on AWS."""


@dataclass(frozen=True, slots=True)
class Needs:
    """All that a module imports, directly or not: files of the project, and the top-level names of everything else."""

    files: frozenset[Path]
    others: frozenset[str]


class NoSuchModuleError(LookupError):
    """A module of the project's packages that has no file."""


def needs(root: Path, module: str) -> Needs:
    """What `module` of the tree at `root` needs. Raises NoSuchModuleError.

    An import inside a function counts; one under `if TYPE_CHECKING` does not.
    """
    if _file(root, module) is None:
        raise NoSuchModuleError(f"{module} is not in {root}")
    files: set[Path] = set()
    others: set[str] = set()
    waiting, seen = [module], {module}
    while waiting:
        name = waiting.pop()
        if name.partition(".")[0] not in PACKAGES:
            others.add(name.partition(".")[0])
            continue
        file = _file(root, name)
        if file is None:  # a name inside a module, not a module
            continue
        files.add(file)
        parent = name.rpartition(".")[0]
        for imported in (*([parent] if parent else []), *_imports(ast.parse(file.read_bytes(), filename=str(file)))):
            if imported not in seen:
                seen.add(imported)
                waiting.append(imported)
    return Needs(frozenset(files), frozenset(others))


def _file(root: Path, module: str) -> Path | None:
    place = root.joinpath(*module.split("."))
    for file in (place / "__init__.py", place.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _imports(node: ast.AST) -> Iterator[str]:
    """The names imported under `node`. `from a import b` may mean the module a.b, so it gives both."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level or node.module is None:
            raise NotImplementedError("relative imports are not followed; the style rules ban them")
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for otherwise in node.orelse:
            yield from _imports(otherwise)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child)
