"""What a stage's result can depend on in this project's own code: the modules that it imports, however far.

A module counts by its normalised syntax tree: comments, formatting and docstrings do not change it. Imports are found
statically, also those inside functions, so that nothing has to be loaded to know them.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pvbesscar.lineage.files import sha256_file

SOURCE = Path(__file__).resolve().parents[2]
FIRST_PARTY = ("pvbesscar", "schemas")
READS_FILES = frozenset({"__file__", "importlib.resources"})
"""A module that uses one of these can read what lies beside it: templates, style sheets."""
READS_DOCSTRINGS = frozenset({"__doc__", "getdoc", "getsource", "use_attribute_docstrings"})
"""Where one of these is used a docstring can change a result, and counts."""
IMPORTERS = frozenset({"import_module", "__import__"})


@dataclass(frozen=True, slots=True)
class Module:
    """What matters of one module's source.

    Attributes
    ----------
    digest, digest_with_docstrings
        SHA-256 of the normalised syntax tree.
    imports
        Absolute names that it may import, first-party ones only; a name may be that of an object in a module.
    uses
        Names of `READS_FILES` and `READS_DOCSTRINGS` that occur in it.
    """

    digest: str
    digest_with_docstrings: str
    imports: frozenset[str]
    uses: frozenset[str]


def code_of(entry: str, source: Path = SOURCE) -> dict[str, str]:
    """Digests of the modules that a module imports, however far, and of its own; data files by path.

    Parameters
    ----------
    entry
        Dotted name of the module that holds a stage, e.g. `pvbesscar.agents.train`.
    source
        Folder that holds the packages.

    Raises
    ------
    FileNotFoundError
        `entry` is no module there.
    """
    closure = _closure(entry, source)
    with_docstrings = any(module.uses & READS_DOCSTRINGS for module in closure.values())
    digests = {
        name: module.digest_with_docstrings if with_docstrings else module.digest for name, module in closure.items()
    }
    folders = {_path(name, source).parent for name, module in closure.items() if module.uses & READS_FILES}
    return digests | {
        path.relative_to(source).as_posix(): sha256_file(path) for folder in folders for path in _data_files(folder)
    }


def package_code(package: str, source: Path = SOURCE) -> dict[str, str]:
    """Digests of a package's own modules, by name; docstrings do not count."""
    folder = source.joinpath(*package.split("."))
    return {
        f"{package}.{path.stem}": _module(path.read_bytes(), f"{package}.{path.stem}", is_package=False).digest
        for path in sorted(folder.glob("*.py"))
    }


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of what differs, came or went, sorted: modules and data files, or anything else that is named."""
    absent = object()
    return tuple(sorted(n for n in before.keys() | now.keys() if before.get(n, absent) != now.get(n, absent)))


def _closure(entry: str, source: Path) -> dict[str, Module]:
    if not _path(entry, source).is_file():
        msg = f"{entry} is no module of {source}"
        raise FileNotFoundError(msg)
    found, objects, waiting = dict[str, Module](), set[str](), list(_with_parents(entry))
    while waiting:
        name = waiting.pop()
        if name in found or name in objects:
            continue
        path = _path(name, source)
        if not path.is_file():
            objects.add(name)  # an object of a module rather than a module
            continue
        found[name] = _module(path.read_bytes(), name, is_package=path.name == "__init__.py")
        waiting.extend(parent for imported in found[name].imports for parent in _with_parents(imported))
    return found


def _path(name: str, source: Path) -> Path:
    place = source.joinpath(*name.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _with_parents(name: str) -> Iterator[str]:
    """Importing `a.b.c` runs `a` and `a.b` as well."""
    parts = name.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts) + 1))


def _data_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file() and path.suffix not in {".py", ".pyc", ".nbi", ".nbc"})


# Keyed by the very source, so that a hit is never a false one.
@lru_cache(maxsize=1024)
def _module(text: bytes, name: str, *, is_package: bool) -> Module:
    tree = ast.parse(text)
    imports, uses = frozenset(_imports(tree, name, is_package=is_package)), _uses(tree)
    whole = _digest(tree)
    return Module(_digest(_Bare().visit(tree)), whole, imports, uses)


def _digest(tree: ast.AST) -> str:
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class _Bare(ast.NodeTransformer):
    """Removes strings that stand alone: docstrings, and those below a field or a constant."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if alone else node


def _imports(tree: ast.AST, name: str, *, is_package: bool) -> Iterator[str]:
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = _from(node, package)
        elif isinstance(node, ast.Call) and _called(node) in IMPORTERS:
            names = [_constant(node, name)]
        else:
            continue
        yield from (one for one in names if one.split(".")[0] in FIRST_PARTY)


def _from(node: ast.ImportFrom, package: str) -> list[str]:
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, *([base] if base else [])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _constant(call: ast.Call, name: str) -> str:
    if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
        return call.args[0].value
    msg = f"{name}, line {call.lineno}: an import whose name is made at run time can not be followed; name it in full"
    raise ValueError(msg)


def _uses(tree: ast.AST) -> frozenset[str]:
    named = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            named.add(node.id)
        elif isinstance(node, ast.Attribute):
            named.add(node.attr)
        elif isinstance(node, ast.keyword) and node.arg:
            named.add(node.arg)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    return frozenset(named & (READS_FILES | READS_DOCSTRINGS))
