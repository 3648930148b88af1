"""What is wrong with given settings, in one readable line each: key, value, origin, and what is expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pvbesscar.config.keys import Key, above, as_yaml, known_keys, sections
from pvbesscar.config.yaml_text import MAX_SHOWN, Tree, clipped
from schemas.errors import ConfigError

MAX_FAULTS = 20
HINT = "docs/configuration.md lists every key with its unit, limits and default."


def worded(error: ValidationError, origins: Mapping[str, str]) -> list[str]:
    """Return a readable line for each of pydantic's errors, `MAX_FAULTS` at most."""
    details = error.errors()
    more = [f"and {len(details) - MAX_FAULTS} more."] if len(details) > MAX_FAULTS else []
    return [*(_worded(detail, origins) for detail in details[:MAX_FAULTS]), *more]


def refusal(path: Path, faults: list[str]) -> ConfigError:
    """Build the error of a scenario from its faults."""
    if len(faults) == 1:
        return ConfigError(f"{path}: {faults[0]}", hint=HINT)
    lines = "\n".join(f"  - {fault}" for fault in faults)
    return ConfigError(f"{path}: {len(faults)} settings can not be used:\n{lines}", hint=HINT)


def booleans_for_numbers(tree: Tree, origins: Mapping[str, str]) -> Iterator[str]:
    """Name each number that is given as true or false."""
    # pydantic takes true for 1.0; nobody means that by `bess.capacity_kwh: true`
    for name, key in known_keys().items():
        value: Any = tree
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, bool) and key.field.annotation in (int, float, int | None):
            yield f"`{name}`: given {as_yaml(value)} ({origins[name]}); a number is expected{_in_unit(name)}."


def _worded(detail: ErrorDetails, origins: Mapping[str, str]) -> str:
    """One readable line for one pydantic error."""
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        below = [name for name in origins if name.startswith(f"{key}.")]
        key = below[0] if len(below) == 1 else key  # a whole key says more than its first word
        return f"`{clipped(key)}`{given_at(key, origins)} is no known key{_nearest(key)}."
    if detail["type"] == "missing":
        about = known_keys().get(key)
        what = f" ({about.field.description})" if about and about.field.description else ""
        return f"`{key}` is required{what}{_allowed(key)}, and is not given."
    if detail["type"] == "value_error" and key in {"", *sections()}:
        return f"{str(detail['ctx']['error']).rstrip('.')}."  # a check over several keys names them itself
    return (
        f"`{clipped(key)}`: given {_short(detail['input'])}{given_at(key, origins)}; {_demand(detail)}{_in_unit(key)}."
    )


def given_at(key: str, origins: Mapping[str, str]) -> str:
    """Where a key, or the section above it, was given, in brackets; empty where it was not."""
    found = next((origins[name] for name in [key, *reversed(above(key))] if name in origins), None)
    return f" ({found})" if found else ""


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
    return next((known_keys()[name] for name in [key, *reversed(above(key))] if name in known_keys()), None)


def _nearest(key: str) -> str:
    """Name the known key that was probably meant: by spelling, else by the same last word in another section."""
    if len(key) > MAX_SHOWN:
        return ""
    names = [*known_keys(), *sections()]
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.75)
    last = key.rpartition(".")[2]
    close = close or [name for name in names if name.rpartition(".")[2] == last]
    close = close or difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f"; the nearest is `{close[0]}`" if close else ""


def _short(value: object) -> str:
    return clipped(as_yaml(value) if not isinstance(value, str) else repr(value))
