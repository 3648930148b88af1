"""From YAML and `--set` to frozen settings: where each value comes from, and a readable line for what is wrong."""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from schemas.errors import ConfigError
from schemas.settings import Settings

MAX_BYTES = 100_000
MAX_FAULTS = 20
MAX_DEPTH = 12
MAX_SHOWN = 60
"""Characters of a given value that an error message repeats."""
OVERRIDE = "--set"
REQUIRED = "required"
HINT = "docs/configuration.md lists every key with its unit, limits and default."

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings of a scenario and where each value comes from.

    Attributes
    ----------
    settings
        The validated settings.
    origins
        Origin of each dotted key: `config/x.yaml:LINE`, `--set`, or `default (source)`.
    path
        The file that was read.
    """

    settings: Settings
    origins: Mapping[str, str]
    path: Path


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as `pvbesscar config show` prints it."""

    key: str
    value: str
    unit: str
    origin: str
    description: str


@dataclass(frozen=True, slots=True)
class Key:
    """What the model says about one dotted key."""

    name: str
    field: FieldInfo

    @property
    def unit(self) -> str:
        """Unit, empty for a pure word or count."""
        return str(self._extra("unit"))

    @property
    def source(self) -> str:
        """Where the default comes from."""
        return str(self._extra("source"))

    @property
    def required(self) -> bool:
        """Whether the key has no default."""
        return self.field.is_required()

    @property
    def default(self) -> str:
        """The default as it would be written in YAML."""
        return REQUIRED if self.required else as_yaml(self.field.default)

    @property
    def limits(self) -> str:
        """Bounds and choices, in words."""
        return ", ".join([*_bounds(self.field), *_choices(self.field.annotation)])

    def _extra(self, name: str) -> object:
        extra = self.field.json_schema_extra
        return extra.get(name, "") if isinstance(extra, dict) else ""


def load_settings(path: Path, overrides: Sequence[str] = ()) -> LoadedSettings:
    """Read a scenario.

    Parameters
    ----------
    path
        A YAML file: one mapping, at most 100 kB, no key twice, no anchors, no tags.
    overrides
        `key=value` with a dotted key; the value is read as YAML (`training.smoke.steps=200`, `training.agents=[sac]`).

    Returns
    -------
    LoadedSettings
        The settings and the origin of every value.

    Raises
    ------
    ConfigError
        Naming each key that is unknown, missing or out of its limits, what was given, and where.
    """
    tree, origins = _read_file(path)
    for override in overrides:
        _apply(tree, origins, override)
    faults = list(_booleans_for_numbers(tree, origins))
    try:
        settings = Settings.model_validate(_with_profile_defaults(Settings, tree))
    except ValidationError as error:
        details = error.errors()
        faults += [_fault(detail, origins) for detail in details[:MAX_FAULTS]]
        faults += [f"and {len(details) - MAX_FAULTS} more."] if len(details) > MAX_FAULTS else []
    if faults:
        raise _refusal(path, faults)
    return LoadedSettings(settings, {key: _origin(key, origins) for key in known_keys()}, path)


def describe(loaded: LoadedSettings) -> list[Row]:
    """One row for each setting, in the order of the model."""
    return [
        Row(name, as_yaml(_value(loaded.settings, name)), key.unit, loaded.origins[name], key.field.description or "")
        for name, key in known_keys().items()
    ]


def configuration_table() -> str:
    """Every key as a Markdown table: default, unit, limits, meaning, source of the default.

    docs/configuration.md holds this table; a test compares the two.
    """
    head = [
        "| key | default | unit | limits | meaning | source of the default |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        [f"`{name}`", key.default if key.required else f"`{key.default}`", key.unit, key.limits,
         key.field.description or "", "" if key.required else key.source]
        for name, key in known_keys().items()
    ]  # fmt: skip
    return (
        "\n".join([*head, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)]) + "\n"
    )


@cache
def known_keys() -> dict[str, Key]:
    """Every dotted key of the settings, in the order of the model."""
    return {key.name: key for key in _keys(Settings, "")}


def as_yaml(value: object) -> str:
    """Return a value as one would write it in YAML."""
    if isinstance(value, str | Path | date):
        return str(value)
    plain = [item.model_dump(mode="json") if isinstance(item, BaseModel) else item for item in value] if isinstance(
        value, list | tuple
    ) else value  # fmt: skip
    return json.dumps(plain, ensure_ascii=False, default=str)


def pinned(settings: Settings) -> str:
    """Settings as a file that `load_settings` reads back to the same values, whatever happens to the original."""
    return json.dumps(settings.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def _refused(loader: yaml.SafeLoader, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=loader.get_mark())


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2.

    YAML 1.1 reads `3e-4` as text, `18:30` as 1110, `no` as false and `2025-04-17` as a date.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012, PyYAML's own class attribute
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.check_event(yaml.AliasEvent):
            raise _refused(self, "anchors and aliases are not used here")
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it untyped
        if getattr(event, "anchor", None) is not None:
            raise _refused(self, "anchors and aliases are not used here")
        if getattr(event, "tag", None) is not None:
            raise _refused(self, f"tags like `{_clipped(str(event.tag))}` are not used here")
        if self.depth > MAX_DEPTH:
            raise _refused(self, f"nested deeper than {MAX_DEPTH}")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(
                problem=f"key `{_clipped(twice)}` is given a second time", problem_mark=node.start_mark
            )
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


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


def _read_file(path: Path) -> tuple[Tree, dict[str, str]]:
    text = _read_text(path)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            found = "nothing" if node is None else f"a {type(node).__name__.removesuffix('Node').lower()}"
            raise ConfigError(f"{path}: a mapping of settings is expected, found {found}.", hint=HINT)
        tree: Tree = {}
        origins: dict[str, str] = {}
        _fill(tree, origins, loader, node, "", path)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number with more digits than Python converts
        raise ConfigError(f"{path}{_where(error)}: no YAML that can be read: {_problem(error)}.") from error
    return tree, origins


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
        raise ConfigError(f"{_clipped(str(path))}: {error.strerror}.") from error
    except ValueError as error:  # a zero byte in the name
        raise ConfigError(f"{_clipped(repr(str(path)))}: no file name ({error}).") from error


def _fill(
    tree: Tree, origins: dict[str, str], loader: _Loader, node: yaml.MappingNode, prefix: str, path: Path
) -> None:
    """Copy a YAML mapping into `tree`, noting the line of each key; PyYAML itself lets a second key win silently."""
    for key_node, value_node in node.value:
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        key, line = f"{prefix}{name}", key_node.start_mark.line + 1
        if name in tree:
            raise ConfigError(
                f"{path}:{line}: key `{_clipped(key)}` is given a second time (first at {origins[key]}).",
                hint="keep one of them.",
            )
        origins[key] = f"{path}:{line}"
        if isinstance(value_node, yaml.MappingNode):
            tree[name] = {}
            _fill(tree[name], origins, loader, value_node, f"{key}.", path)
        else:
            tree[name] = loader.construct_object(value_node, deep=True)


def _apply(tree: Tree, origins: dict[str, str], override: str) -> None:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(
            f"--set {_clipped(override)}: `key=value` is expected.",
            hint="for example `--set training.smoke.steps=200`.",
        )
    if key in _sections():
        raise ConfigError(
            f"--set {_clipped(override)}: `{key}` is a section, not a value.",
            hint=f"set one of its keys, for example `{next(k for k in known_keys() if k.startswith(key + '.'))}`.",
        )
    *sections, name = key.split(".")
    branch: Any = tree
    for depth, section in enumerate(sections):
        branch = branch.setdefault(section, {})
        if not isinstance(branch, dict):
            above = ".".join(sections[: depth + 1])
            raise ConfigError(
                f"--set {_clipped(override)}: `{above}` holds a value{_from(above, origins)}, not a section.", hint=HINT
            )
    branch[name] = _override_value(override, text)
    origins[key] = OVERRIDE


def _override_value(override: str, text: str) -> object:
    try:
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(
            f"--set {_clipped(override)}: the value can not be read: {_problem(error)}.", hint="quote it, as in YAML."
        ) from error


def _with_profile_defaults(model: type[BaseModel], tree: Tree) -> Tree:
    """Put the default of a section beneath what is given of it.

    A section whose default is not the default of its parts (`training.smoke`, `training.full`) would otherwise
    have to be given whole.
    """
    merged = dict(tree)
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        given = tree.get(name)
        if section is None or not isinstance(given, dict):
            continue
        beneath = (
            {} if field.is_required() else field.default.model_dump(include=set(section.model_fields) - set(given))
        )
        merged[name] = beneath | _with_profile_defaults(section, given)
    return merged


def _section(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section is None:
            yield Key(f"{prefix}{name}", field)
        else:
            below = f"{prefix}{name}."
            yield from (_within(key, field.default, below) for key in _keys(section, below))


def _within(key: Key, default: object, section: str) -> Key:
    """Return a key with the default that a section above it gives it, where that section has one."""
    value = default
    for name in key.name.removeprefix(section).split("."):
        if not isinstance(value, BaseModel):
            return key
        value = getattr(value, name)
    field = key.field._copy()  # noqa: SLF001, the public copy() drops json_schema_extra
    field.default = value
    return Key(key.name, field)


@cache
def _sections() -> frozenset[str]:
    return frozenset(name for key in known_keys() for name in _above(key))


def _above(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _value(settings: Settings, key: str) -> object:
    value: object = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _bounds(field: FieldInfo) -> list[str]:
    words = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return [
        f"{sign} {getattr(constraint, name):.10g}"
        for constraint in field.metadata
        for name, sign in words.items()
        if getattr(constraint, name, None) is not None
    ]


def _choices(annotation: Any) -> list[str]:  # noqa: ANN401
    arguments = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return [choice for argument in arguments for choice in _choices(argument)]
    if get_origin(annotation) is tuple:
        return _choices(arguments[0])
    is_literal = bool(arguments) and all(isinstance(argument, str) for argument in arguments)
    return [" or ".join(f"`{argument}`" for argument in arguments)] if is_literal else []


def _origin(key: str, origins: Mapping[str, str]) -> str:
    found = next(
        (origins[name] for name in [key, *reversed(_above(key))] if name in origins and name not in _sections()), None
    )
    return found or f"default ({known_keys()[key].source})"


def _booleans_for_numbers(tree: Tree, origins: Mapping[str, str]) -> Iterator[str]:
    # pydantic takes true for 1.0; nobody means that by `bess.capacity_kwh: true`
    for name, key in known_keys().items():
        value: Any = tree
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, bool) and key.field.annotation in (int, float, int | None):
            yield f"`{name}`: given {as_yaml(value)} ({origins[name]}); a number is expected{_in_unit(name)}."


def _fault(detail: ErrorDetails, origins: Mapping[str, str]) -> str:
    """One readable line for one pydantic error."""
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        below = [name for name in origins if name.startswith(f"{key}.")]
        key = below[0] if len(below) == 1 else key  # a whole key says more than its first word
        return f"`{_clipped(key)}`{_from(key, origins)} is no known key{_nearest(key)}."
    if detail["type"] == "missing":
        about = known_keys().get(key)
        what = f" ({about.field.description})" if about and about.field.description else ""
        return f"`{key}` is required{what}{_allowed(key)}, and is not given."
    if detail["type"] == "value_error" and key in {"", *_sections()}:
        return f"{str(detail['ctx']['error']).rstrip('.')}."  # a check over several keys names them itself
    return f"`{_clipped(key)}`: given {_short(detail['input'])}{_from(key, origins)}; {_demand(detail)}{_in_unit(key)}."


def _demand(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "literal_error":
        return f"it must be {context['expected']}"
    if detail["type"] == "value_error":
        return str(context["error"]).rstrip(".")
    if detail["type"] in ("model_type", "model_attributes_type"):
        return "a section with keys of its own is expected"
    message = detail["msg"]
    for said, meant in (("Input should be a ", "it must be a "), ("Input should be ", "it must be ")):
        message = message.replace(said, meant)
    return message[0].lower() + message[1:]


def _in_unit(key: str) -> str:
    about = _about(key)
    return f" [{about.unit}]" if about and about.unit else ""


def _allowed(key: str) -> str:
    about = known_keys().get(key)
    return f", {about.limits}" if about and about.limits else ""


def _about(key: str) -> Key | None:
    return next((known_keys()[name] for name in [key, *reversed(_above(key))] if name in known_keys()), None)


def _from(key: str, origins: Mapping[str, str]) -> str:
    found = next((origins[name] for name in [key, *reversed(_above(key))] if name in origins), None)
    return f" ({found})" if found else ""


def _nearest(key: str) -> str:
    """Name the known key that was probably meant: by spelling, else by the same last word in another section."""
    if len(key) > MAX_SHOWN:
        return ""
    names = [*known_keys(), *_sections()]
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.75)
    last = key.rpartition(".")[2]
    close = close or [name for name in names if name.rpartition(".")[2] == last]
    close = close or difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f"; the nearest is `{close[0]}`" if close else ""


def _short(value: object) -> str:
    return _clipped(as_yaml(value) if not isinstance(value, str) else repr(value))


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(text)} characters)"


def _refusal(path: Path, faults: list[str]) -> ConfigError:
    if len(faults) == 1:
        return ConfigError(f"{path}: {faults[0]}", hint=HINT)
    lines = "\n".join(f"  - {fault}" for fault in faults)
    return ConfigError(f"{path}: {len(faults)} settings can not be used:\n{lines}", hint=HINT)


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _problem(error: Exception) -> str:
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    return (", ".join(part for part in parts if part) or str(error).splitlines()[0]).rstrip(".")
