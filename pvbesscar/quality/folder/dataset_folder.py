"""A dataset folder as the subject of rules: its schema, and the files that the schema names; and its rule set."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.limits import named_shape
from pvbesscar.quality.engine import QualityRule, RuleSet, Violation
from pvbesscar.quality.folder.columns import Course, FileColumns, Kind, course, parsed
from schemas.errors import InputError, TooLargeError
from schemas.results import Severity
from schemas.settings import Settings

CITYLEARN = "CityLearn 3.0.2"
"""Whose source the rules cite."""

SCHEMA = "schema.json"
"""File name of a violation in the schema; its column is the key, with dots."""

MAX_SCHEMA_BYTES = 16 * 2**20
"""The schema of a thousand buildings has some three million bytes."""
MAX_SCHEMA_PARTS = 400_000
"""Objects, lists and commas of a schema; the largest that is published, of 200 buildings, has some 12,000."""
MAX_FOLDER_CELLS = 50_000_000
"""Cells of all files of a folder; a year of hours of 200 buildings has some 30 million."""
MAX_FILES = 5000
"""No published dataset names as many."""
MAX_LISTED = 20_000
SHOWN_NAME = 80
DATA_SUFFIXES = frozenset({".csv", ".parquet", ".pq", ".parq", ".json", ".epw", ".pth", ".pkl", ".pt", ".txt", ".tsv"})


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that the schema names.

    Attributes
    ----------
    key
        Where the schema names it, with dots.
    name
        What it says there, whatever type that is.
    kind
        What the file has to be.
    building, charger
        Whose it is; no charger for a building's own files.
    """

    key: str
    name: object
    kind: Kind
    building: str
    charger: str | None = None


def short_name(name: object) -> str:
    """Name out of a file of unknown origin, fit for a terminal: short, and nothing in it but what can be printed."""
    text = name if isinstance(name, str) else json.dumps(name, default=str)
    return printable(text if len(text) <= SHOWN_NAME else f"{text[:SHOWN_NAME]}...")


def printable(text: str) -> str:
    """Text without what would move a terminal's cursor or what no encoding can write."""
    return "".join(c if c.isprintable() else "?" for c in text)


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is an object of JSON, else an empty one: `schema.shape` names what is not."""
    return value if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """Return the value if it is a number of JSON, else None; true and false are none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # more digits than a float has
        return np.inf if value > 0 else -np.inf


def included(part: object) -> bool:
    """Whether CityLearn loads a building or a vehicle."""
    return str(mapping(part).get("include", True)).strip().lower() not in {"false", "0", "no"}


class DatasetFolder:
    """A folder that holds a `schema.json`.

    Nothing is written, and nothing outside the folder is read: a name that leads out of it is a finding.

    Parameters
    ----------
    path
        The folder.
    settings
        Scenario whose site, tariff and demand are known; they count for the building that has its name.

    Attributes
    ----------
    schema
        The schema, empty where it can not be read.
    unreadable
        What `schema.json` is in the place of a schema, None where it is one.
    repeated
        Keys that stand twice in one object of the schema.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self.repeated: list[str] = []
        self.unreadable: str | None = None
        self.schema: Mapping[str, Any] = {}
        self._outside: dict[str, bool] = {}
        self._read: dict[str, FileColumns | InputError] = {}
        self._read_schema()

    def _read_schema(self) -> None:
        try:
            value = json.loads(self._schema_bytes(), object_pairs_hook=self._object)
        except InputError as error:
            self.unreadable = error.message
        except RecursionError:
            self.unreadable = "objects within objects, more than any schema has"
        except ValueError as error:  # JSON, UTF-8 or a number of too many digits
            self.unreadable = f"no JSON ({short_name(str(error))})"
        else:
            if isinstance(value, dict):
                self.schema = value
            else:
                self.unreadable = f"a {type(value).__name__} of JSON, no object"

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            self.repeated += [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        return value

    def _schema_bytes(self) -> bytes:
        path = self.path / SCHEMA
        try:
            if not path.resolve().is_relative_to(self.path.resolve()):
                raise InputError("a link out of the folder")
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise InputError("no regular file")
            if found.st_size > MAX_SCHEMA_BYTES:
                raise InputError(f"{found.st_size:,} bytes; a schema has at most {MAX_SCHEMA_BYTES:,}")
            data = path.read_bytes()
            parts = sum(map(data.count, (b"{", b"[", b",")))
            if parts > MAX_SCHEMA_PARTS:
                raise InputError(f"{parts:,} objects, lists and values; a schema has at most {MAX_SCHEMA_PARTS:,}")
        except FileNotFoundError as error:
            raise InputError("missing") from error
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
            raise InputError(f"not to be read ({getattr(error, 'strerror', None) or 'a loop of links'})") from error
        return data

    @cached_property
    def buildings(self) -> dict[str, Mapping[str, Any]]:
        """Buildings that CityLearn loads, by name."""
        return {name: mapping(one) for name, one in mapping(self.schema.get("buildings")).items() if included(one)}

    @cached_property
    def vehicles(self) -> dict[str, Mapping[str, Any]]:
        """Attributes of the batteries of the vehicles that CityLearn loads, by name."""
        defined = mapping(self.schema.get("electric_vehicles_def"))
        return {
            name: mapping(mapping(mapping(one).get("battery")).get("attributes"))
            for name, one in defined.items()
            if included(one)
        }

    @cached_property
    def named(self) -> tuple[NamedFile, ...]:
        """Files that the schema names, in its order."""
        return tuple(self._names())

    def _names(self) -> Iterator[NamedFile]:
        kinds: tuple[Kind, ...] = ("energy_simulation", "weather", "pricing", "carbon_intensity")
        for name, building in self.buildings.items():
            for kind in kinds:
                if building.get(kind) is not None:
                    yield NamedFile(f"buildings.{name}.{kind}", building[kind], kind, name)
            for charger, config in self.chargers(name).items():
                kind = "charger_simulation"
                if config.get(kind) is not None:
                    key = f"buildings.{name}.chargers.{charger}.{kind}"
                    yield NamedFile(key, config[kind], kind, name, charger)

    def chargers(self, building: str) -> dict[str, Mapping[str, Any]]:
        """Chargers of a building, by name."""
        return {name: mapping(one) for name, one in mapping(self.buildings[building].get("chargers")).items()}

    @cached_property
    def window(self) -> tuple[int, int] | None:
        """First and last row that CityLearn reads, both included; None where the schema does not say it."""
        first, last = (number(self.schema.get(f"simulation_{end}_time_step")) for end in ("start", "end"))
        if first is None or last is None or not 0 <= first <= last <= MAX_LISTED * 1000:
            return None
        return int(first), int(last)

    @property
    def hours_per_row(self) -> float | None:
        """Length of a row [h]."""
        seconds = number(self.schema.get("seconds_per_time_step"))
        return seconds / 3600.0 if seconds is not None and 0.0 < seconds < np.inf else None

    def leads_out(self, name: object) -> bool:
        """Whether a name leads to anything but a file in the folder, or below it."""
        if not isinstance(name, str):
            return True
        if name not in self._outside:
            self._outside[name] = self._leads_out(name)
        return self._outside[name]

    def _leads_out(self, name: str) -> bool:
        if not name.strip() or "\0" in name or "\\" in name:
            return True
        if Path(name).is_absolute() or ".." in Path(name).parts:
            return True
        try:
            return not (self.path / name).resolve().is_relative_to(self.path.resolve())
        except (OSError, RuntimeError, ValueError):  # a loop of links, or a name that no file can have
            return True

    def is_missing(self, name: object) -> bool:
        """Whether a name that stays in the folder leads to nothing."""
        return isinstance(name, str) and not self.leads_out(name) and not os.path.lexists(self.path / name)

    def columns(self, file: NamedFile) -> FileColumns | None:
        """Columns of a file that could be read, read once; what could not is named by `files.readable`."""
        read = self.read(file)
        return read if isinstance(read, FileColumns) else None

    def read(self, file: NamedFile) -> FileColumns | InputError | None:
        """Columns of a file, why it could not be read, or None where it is missing, leads out, or was not tried."""
        if not self._is_here(file) or not isinstance(file.name, str):
            return None
        if self.too_large:
            return self.too_large.get(file.name)
        known = f"{file.kind}:{file.name}"
        if known not in self._read:
            self._read[known] = self._columns(file, file.name)
        return self._read[known]

    def _columns(self, file: NamedFile, name: str) -> FileColumns | InputError:
        try:
            return parsed(read_table(self.path / name, file.key), file.kind, self.window and self.window[1])
        except InputError as error:
            return error

    def _is_here(self, file: NamedFile) -> bool:
        return isinstance(file.name, str) and not self.leads_out(file.name) and not self.is_missing(file.name)

    @cached_property
    def too_large(self) -> dict[str, TooLargeError]:
        """First file that is larger than any input, or too much with those before it; then none of them is read.

        Known by footers and counts of lines: a folder costs no more than one file.
        """
        cells = 0
        for name, key in {str(file.name): file.key for file in self.named[:MAX_FILES] if self._is_here(file)}.items():
            shape = named_shape(self.path / name, key)
            if isinstance(shape, TooLargeError):
                return {name: shape}
            cells += shape.cells
            if cells > MAX_FOLDER_CELLS:
                said = f"with the files named before it, it has {cells:,} cells"
                return {name: TooLargeError(f"{said}; a dataset has at most {MAX_FOLDER_CELLS:,}", hint="")}
        return {}

    def of(self, *kinds: Kind) -> Iterator[tuple[NamedFile, FileColumns]]:
        """Files of these kinds that could be read, each once, with their columns."""
        seen = set()
        for file in self.named:
            columns = self.columns(file) if file.kind in kinds else None
            if columns is not None and (file.kind, file.name) not in seen:
                seen.add((file.kind, file.name))
                yield file, columns

    @cached_property
    def courses(self) -> dict[str, tuple[NamedFile, Course]]:
        """Course of each charger whose file could be read, by the key that names the file."""
        found = ((file, course(columns)) for file, columns in self.of("charger_simulation"))
        return {file.key: (file, one) for file, one in found if one is not None}

    def can_be_asked(self, _rule: QualityRule[DatasetFolder]) -> bool:
        """Every rule can: each looks for its files by itself."""
        return True

    def only(self, _parts: tuple[str, ...]) -> DatasetFolder:
        """Return the whole folder, for the same reason."""
        return self

    def source_name(self, series: str) -> str:
        """Name of a file."""
        return printable(series)

    def column_name(self, _series: str, column: str) -> str:
        """Name of a column."""
        return printable(column)

    def severity_of(self, severity: Severity, violation: Violation) -> Severity:
        """Severity of a finding: that of its rule, unless the check saw less."""
        return violation.severity or severity

    def where_to_fix(self, _series: str) -> str:
        """Say nothing: the finding names the file."""
        return ""

    def stamps_of(self, _series: str, rows: int) -> pd.DatetimeIndex | None:
        """Stamps of the first rows."""
        return self.stamps(rows)

    def stamps(self, rows: int, timezone: str | None = None) -> pd.DatetimeIndex | None:
        """Start of each row by `start_date` and the length of a row, or None where the schema does not say it."""
        hours, start = self.hours_per_row, self.schema.get("start_date")
        if hours is None or not isinstance(start, str):
            return None
        try:
            first = pd.Timestamp(start)
            return pd.date_range(first, periods=rows, freq=pd.Timedelta(hours=hours), tz=timezone)
        except (ValueError, OverflowError):  # no date, one that the zone skips, or years beyond all calendars
            return None

    @cached_property
    def unused(self) -> tuple[str, ...]:
        """Files with data that neither the schema nor a manifest of ours names, relative to the folder."""
        text = json.dumps(self.schema, default=str)
        manifest = mapping(_json_or_none(self.path / "manifest.json"))
        own = {*mapping(manifest.get("files")), SCHEMA, "manifest.json"}
        found = (entry for entry in _files_below(self.path) if Path(entry).suffix.lower() in DATA_SUFFIXES)
        return tuple(name for name in found if name not in own and json.dumps(name) not in text)


def _json_or_none(path: Path) -> object:
    """Read a manifest; what can not be read names no file, and its files count as unused."""
    try:
        if path.is_symlink() or path.stat().st_size > MAX_SCHEMA_BYTES or not path.is_file():
            return None
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value


def _files_below(folder: Path) -> Iterator[str]:
    """Files in a folder and below it, links not followed, at most `MAX_LISTED`."""
    listed = 0
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            listed += 1
            if listed > MAX_LISTED:
                return
            yield (Path(here) / name).relative_to(folder).as_posix()


def rows_of(
    name: object,
    column: str,
    bad: NDArray[np.bool_] | NDArray[np.int64],
    *,
    severity: Severity | None = None,
    **said: str,
) -> Violation:
    """Build the violation of some rows of a file; `said` holds what was observed, the limit and the message."""
    rows = np.flatnonzero(bad) if bad.dtype == np.bool_ else bad
    return Violation(short_name(name), column, hours=rows.astype(np.int64), severity=severity, **said)


FOLDER_RULES = RuleSet[DatasetFolder]()
"""Filled when `pvbesscar.quality.folder.rules` is imported: import it from there to have all rules."""

folder_rule = FOLDER_RULES.rule
"""Decorator of a check of `pvbesscar.quality.folder.rules`; the series of a violation is the name of a file."""
