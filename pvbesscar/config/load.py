"""From YAML and `--set` to frozen settings, and where each value comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pvbesscar.config.faults import HINT, booleans_for_numbers, given_at, refusal, worded
from pvbesscar.config.keys import above, as_yaml, known_keys, section_of, sections
from pvbesscar.config.yaml_text import Tree, clipped, read_file, read_value
from schemas.errors import ConfigError
from schemas.settings import Settings, TariffSettings

OVERRIDE = "--set"
TARIFF = "tariff"
"""Section that a scenario may take from a file: `tariff: FILE`, beside the scenario's own."""


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
    tree, origins = read_file(path)
    if isinstance(tree.get(TARIFF), str):
        _take_tariff(tree, origins, path.parent / tree[TARIFF])
    for override in overrides:
        _apply(tree, origins, override)
    faults = list(booleans_for_numbers(tree, origins))
    try:
        settings = Settings.model_validate(_with_profile_defaults(Settings, tree))
    except ValidationError as error:
        faults += worded(error, origins)
    if faults:
        raise refusal(path, faults)
    return LoadedSettings(settings, {key: _origin(key, origins) for key in known_keys()}, path)


def load_tariff(path: Path) -> TariffSettings:
    """Read a tariff (config/tariffs/).

    Raises
    ------
    ConfigError
        Naming each key that is unknown, missing or out of its limits, and where.
    """
    tree, origins = read_file(path)
    try:
        return TariffSettings.model_validate(tree)
    except ValidationError as error:
        raise refusal(path, list(worded(error, origins))) from error


def describe(loaded: LoadedSettings) -> list[Row]:
    """One row for each setting, in the order of the model."""
    return [
        Row(name, as_yaml(_value(loaded.settings, name)), key.unit, loaded.origins[name], key.field.description or "")
        for name, key in known_keys().items()
    ]


def pinned(settings: Settings) -> str:
    """Settings as a file that `load_settings` reads back to the same values, whatever happens to the original."""
    return json.dumps(settings.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def _apply(tree: Tree, origins: dict[str, str], override: str) -> None:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(
            f"--set {clipped(override)}: `key=value` is expected.", hint="for example `--set training.smoke.steps=200`."
        )
    if key == TARIFF:
        _take_tariff(tree, origins, Path(str(read_value(text, f"--set {clipped(override)}"))))
        return
    if key in sections():
        raise ConfigError(
            f"--set {clipped(override)}: `{key}` is a section, not a value.",
            hint=f"set one of its keys, for example `{next(k for k in known_keys() if k.startswith(key + '.'))}`.",
        )
    *outer, name = key.split(".")
    branch: Any = tree
    for depth, section in enumerate(outer):
        branch = branch.setdefault(section, {})
        if not isinstance(branch, dict):
            above = ".".join(outer[: depth + 1])
            raise ConfigError(
                f"--set {clipped(override)}: `{above}` holds a value{given_at(above, origins)}, not a section.",
                hint=HINT,
            )
    branch[name] = read_value(text, f"--set {clipped(override)}")
    origins[key] = OVERRIDE


def _take_tariff(tree: Tree, origins: dict[str, str], path: Path) -> None:
    """Take the tariff from a file; what is set of it afterwards holds."""
    own, places = read_file(path)
    for key in [key for key in origins if key.startswith(f"{TARIFF}.")]:
        del origins[key]
    tree[TARIFF] = own
    origins |= {f"{TARIFF}.{key}": place for key, place in places.items()}


def _with_profile_defaults(model: type[BaseModel], tree: Tree) -> Tree:
    """Put the default of a section beneath what is given of it.

    A section whose default is not the default of its parts (`training.smoke`, `training.full`) would otherwise
    have to be given whole.
    """
    merged = dict(tree)
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        given = tree.get(name)
        if section is None or not isinstance(given, dict):
            continue
        beneath = (
            {} if field.is_required() else field.default.model_dump(include=set(section.model_fields) - set(given))
        )
        merged[name] = beneath | _with_profile_defaults(section, given)
    return merged


def _value(settings: Settings, key: str) -> object:
    value: object = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _origin(key: str, origins: Mapping[str, str]) -> str:
    found = next(
        (origins[name] for name in [key, *reversed(above(key))] if name in origins and name not in sections()), None
    )
    return found or f"default ({known_keys()[key].source})"
