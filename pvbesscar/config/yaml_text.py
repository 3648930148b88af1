"""YAML text to plain values and the line of each key: the scalars of YAML 1.2, and no key twice, anchor or tag."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import ConfigError

MAX_BYTES = 100_000
MAX_DEPTH = 12
MAX_SHOWN = 60
"""Characters of a given value that an error message repeats."""

Tree = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2.

    YAML 1.1 reads `3e-4` as text, `18:30` as 1110, `no` as false and `2025-04-17` as a date. ruamel.yaml reads 1.2, but
    makes dates, `1_000` and `0x10` numbers too, merges `<<`, and turns to 1.1 where a file asks for it.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012, PyYAML's own class attribute


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # YAML 1.1 would read 010 as octal


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def read_file(path: Path) -> tuple[Tree, dict[str, str]]:
    """Read a mapping of settings from a file, and `FILE:LINE` of each dotted key.

    Raises
    ------
    ConfigError
        The file can not be read, is no YAML, or holds what is not used here.
    """
    text, origins = _read_text(path), dict[str, str]()
    try:
        loader, node = _compose(text)
        if not isinstance(node, yaml.MappingNode):
            found = "nothing" if node is None else f"a {type(node).__name__.removesuffix('Node').lower()}"
            raise ConfigError(
                f"{path}: a mapping of settings is expected, found {found}.",
                hint="docs/configuration.md lists every key with its unit, limits and default.",
            )
        tree: Tree = _plain(loader, node, "", origins, str(path))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number with more digits than Python converts
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{where}: no YAML that can be read: {_problem(error)}.") from error
    return tree, origins


def read_value(text: str, place: str) -> object:
    """Read the value of one setting; `place` says where it was given.

    Raises
    ------
    ConfigError
        It is no YAML, or holds what is not used here.
    """
    try:
        loader, node = _compose(text)
        return None if node is None else _plain(loader, node, "", {}, place)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(
            f"{place}: the value can not be read: {_problem(error)}.", hint="quote it, as in YAML."
        ) from error


def clipped(text: str) -> str:
    """Return a given text short enough for a message."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(text)} characters)"


def _compose(text: str) -> tuple[_Loader, yaml.Node | None]:
    # Events come one by one: aliases are not expanded and nothing recurses before depth and tags are known.
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        tag, mark, problem = getattr(event, "tag", None), event.start_mark, None
        if getattr(event, "anchor", None) is not None:  # an alias, too, carries the name of its anchor
            problem = "anchors and aliases are not used here"
        elif tag is not None:
            problem = f"tags like `{clipped(str(tag))}` are not used here"
        elif depth > MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH}"
        if problem is not None:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)  # type: ignore[arg-type]  # the C parser's
    loader = _Loader(text)
    return loader, loader.get_single_node()


def _plain(loader: _Loader, node: yaml.Node, prefix: str, origins: dict[str, str], place: str) -> Any:  # noqa: ANN401
    """Value of a node, noting the line of each key; PyYAML itself lets a second key win silently."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item, "", {}, place) for item in node.value]  # keys inside a list are no settings
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node, deep=True)
    tree: Tree = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        key = f"{prefix}{name}"
        if name in tree:
            problem = f"key `{clipped(key)}` is given a second time (first in line {lines[name]})"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        lines[name] = key_node.start_mark.line + 1
        origins[key] = f"{place}:{lines[name]}"
        tree[name] = _plain(loader, value_node, f"{key}.", origins, place)
    return tree


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            kind = "is no regular file" if path.exists() else "does not exist"
            near = ", ".join(sorted(str(p) for p in path.parent.glob("*.yaml"))[:10]) or "none"
            raise ConfigError(
                f"{path}: the configuration file {kind}.", hint=f"files beside it: {near}; name one with --config."
            )
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: {path.stat().st_size} bytes; a configuration has at most {MAX_BYTES}.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: byte {error.start} is not UTF-8 ({error.reason}).", hint="save the file as UTF-8."
        ) from error
    except OSError as error:
        raise ConfigError(f"{clipped(str(path))}: {error.strerror}.") from error
    except ValueError as error:  # a zero byte in the name
        raise ConfigError(f"{clipped(repr(str(path)))}: no file name ({error}).") from error


def _problem(error: Exception) -> str:
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    return (", ".join(part for part in parts if part) or str(error).splitlines()[0]).rstrip(".")
