"""What the settings' model says about each dotted key: unit, limits, default and its source."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.settings import Settings

REQUIRED = "required"


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


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
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


def section_of(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    """Model of a section, None for a value."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


@cache
def sections() -> frozenset[str]:
    """Dotted names of all sections."""
    return frozenset(name for key in known_keys() for name in above(key))


def above(key: str) -> list[str]:
    """Sections above a dotted key, the outermost first."""
    parts = key.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


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
