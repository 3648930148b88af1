"""What a stage's result can depend on in this project's own code: the modules that it imports, however far.

A module counts by its normalised syntax tree: comments, formatting and docstrings do not change it. Imports are found
statically, also those inside functions, so that nothing has to be loaded to know them.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pvbesscar.store.files import RACY_S, read_stored, sha256_file, sha256_json, write_text
from schemas.errors import StaleError
from schemas.results import Result

SOURCE = Path(__file__).resolve().parents[2]
FIRST_PARTY = ("pvbesscar", "schemas")
READS_FILES = frozenset({"__file__", "importlib.resources"})
"""A module that uses one of these can read what lies beside it: templates, style sheets."""
READS_DOCSTRINGS = frozenset({"__doc__", "getdoc", "getsource", "use_attribute_docstrings"})
"""Where one of these is used a docstring can change a result, and counts."""
IMPORTERS = frozenset({"import_module", "__import__"})
PARSINGS = 5


class Module(Result):
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


class KnownModules(Result):
    """A file of what is known of modules, for the next process."""

    made_by: str
    """Digest of what reads a module: this file's source, and Python with its syntax trees."""
    modules: dict[str, Module]
    """By the digest of the source."""
    sha256: str
    """Of `modules`."""


_known: dict[str, Module] = {}
_keys: dict[tuple[str, int, int, int, int], str] = {}
"""Key in `_known` by the file and its times: a source that was not touched is not read again."""
_asked: set[str] = set()
_recalled: set[str] = set()


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


def recall(path: Path) -> None:
    """Take over from a file what an earlier process knew of modules; they need not be parsed again."""
    try:
        known = KnownModules.model_validate_json(read_stored(path))
    except (FileNotFoundError, StaleError, ValidationError):
        return  # nothing is known beforehand, or nothing that can be trusted: the sources are read
    if known.made_by == _made_by() and known.sha256 == _sha256(known.modules):
        _known.update(known.modules)
        _recalled.update(known.modules)


def keep(path: Path) -> None:
    """Write to a file what this process knows of the modules that it was asked for, unless it was recalled."""
    if _asked <= _recalled:
        return
    modules = {key: _known[key] for key in sorted(_asked)}
    known = KnownModules(made_by=_made_by(), modules=modules, sha256=_sha256(modules))
    write_text(path, known.model_dump_json() + "\n")


def _made_by() -> str:
    return hashlib.sha256(Path(__file__).read_bytes() + platform.python_version().encode()).hexdigest()


def _sha256(modules: Mapping[str, Module]) -> str:
    named = {key: [m.digest, m.digest_with_docstrings, sorted(m.imports), sorted(m.uses)] for key, m in modules.items()}
    return sha256_json(named)


def code_digest(*packages: str, source: Path = SOURCE) -> str:
    """Digest of the modules of packages, for what is bound to their code; comments and docstrings do not count.

    Parameters
    ----------
    packages
        Dotted names, e.g. `pvbesscar.plant`. What they import counts where it is named, too.
    source
        Folder that holds the packages.

    Raises
    ------
    FileNotFoundError
        There is no such package.
    """
    return sha256_json({name: digest for package in packages for name, digest in _own_modules(package, source)})


def _own_modules(package: str, source: Path) -> Iterator[tuple[str, str]]:
    folder = source.joinpath(*package.split("."))
    if not folder.is_dir():
        msg = f"{package} is no package of {source}"
        raise FileNotFoundError(msg)
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(source).with_suffix("").parts)
        yield name, _module_of(path, name).digest


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
        found[name] = _module_of(path, name)
        waiting.extend(parent for imported in found[name].imports for parent in _with_parents(imported))
    return found


def _path(name: str, source: Path) -> Path:
    package, module = _places(name, source)
    return package if package.parent.is_dir() else module


@cache
def _places(name: str, source: Path) -> tuple[Path, Path]:
    """Where a name is, as a package and as a module."""
    place = source.joinpath(*name.split("."))
    return place / "__init__.py", place.with_suffix(".py")


def _with_parents(name: str) -> Iterator[str]:
    """Importing `a.b.c` runs `a` and `a.b` as well."""
    parts = name.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts) + 1))


def _data_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file() and path.suffix not in {".py", ".pyc", ".nbi", ".nbc"})


def _module_of(path: Path, name: str) -> Module:
    found = path.stat()
    times = (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if times not in _keys:
        text, is_package = path.read_bytes(), path.name == "__init__.py"
        # Keyed by the very source, so that a hit is never a false one.
        key = hashlib.sha256(b"%s\0%d\0%s" % (name.encode(), is_package, text)).hexdigest()
        if key not in _known:
            _known[key] = _read(text, name, is_package=is_package)
        _asked.add(key)
        # A file that was changed so lately may be changed again without its times telling it.
        if time.time() - max(found.st_mtime, found.st_ctime) < RACY_S:
            return _known[key]
        _keys[times] = key
    _asked.add(_keys[times])
    return _known[_keys[times]]


def _read(text: bytes, name: str, *, is_package: bool) -> Module:
    tree = _parsed(text)
    imports, uses = frozenset(_imports(tree, name, is_package=is_package)), _uses(tree)
    whole = _digest(tree)
    return Module(digest=_digest(_Bare().visit(tree)), digest_with_docstrings=whole, imports=imports, uses=uses)


def _parsed(text: bytes) -> ast.Module:
    """Syntax tree of a source.

    Before Python 3.11.8 and 3.12.2 two threads that parse at once spoil each other's count of how deep they are
    (CPython gh-106905): the tree is right, and an error is raised all the same. It does not come twice.
    """
    for _ in range(PARSINGS - 1):
        try:
            return ast.parse(text)
        except SystemError:
            continue
    return ast.parse(text)


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
