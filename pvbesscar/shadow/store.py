"""What a shadow has written down: decisions, hours and days, lines of JSON with the hour or the day as their key.

Every line is there whole or not at all: a file is replaced with one line more. What is there is never written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from pvbesscar.store.files import read_stored, write_text
from schemas.errors import StaleError
from schemas.shadow import Begin, DayRow, Decision, HourRow
from schemas.terms import Result

Row = TypeVar("Row", bound=Result)


@dataclass(frozen=True, slots=True)
class Book:
    """The files of a shadow.

    Parameters
    ----------
    folder
        Where they are.
    """

    folder: Path

    @property
    def lock(self) -> Path:
        """Lock that one loop holds."""
        return self.folder / "loop.lock"

    @property
    def days_file(self) -> Path:
        """Days that have ended, one line each."""
        return self.folder / "days.jsonl"

    @property
    def page(self) -> Path:
        """The days for people."""
        return self.folder / "days.md"

    def begin(self) -> Begin | None:
        """Where the shadow began; None before it has."""
        path = self.folder / "begin.json"
        return _parsed(path, read_stored(path), Begin) if path.exists() else None

    def write_begin(self, begin: Begin) -> None:
        """Write down where the shadow begins."""
        write_text(self.folder / "begin.json", begin.model_dump_json(indent=2) + "\n")

    def decision(self, day: str, hour: int) -> Decision | None:
        """Decision of an hour; None where none was made yet."""
        return next((one for one in self._read("decisions", day, Decision) if one.hour == hour), None)

    def write_decision(self, day: str, row: Decision) -> None:
        """Append a decision."""
        self._append("decisions", day, row)

    def hours(self, day: str) -> list[HourRow]:
        """Hours of a local day that have ended."""
        return self._read("hours", day, HourRow)

    def write_hour(self, day: str, row: HourRow) -> None:
        """Append an hour."""
        self._append("hours", day, row)

    def days_with_hours(self) -> list[str]:
        """Local days that have hours, in order."""
        return sorted(path.stem for path in (self.folder / "hours").glob("[0-9]*.jsonl"))

    def hours_since(self, day: str) -> Iterator[HourRow]:
        """Hours of a day and of those after it."""
        for own in self.days_with_hours():
            if own >= day:
                yield from self.hours(own)

    def last_hour(self) -> HourRow | None:
        """The last hour that has ended."""
        days = self.days_with_hours()
        return self.hours(days[-1])[-1] if days else None

    def days(self) -> list[DayRow]:
        """Days that have ended."""
        return _rows(self.days_file, DayRow)

    def write_day(self, row: DayRow) -> None:
        """Append a day."""
        if all(one.day != row.day for one in self.days()):
            _append_line(self.days_file, row)

    def write_page(self, text: str) -> None:
        """Write the days for people."""
        write_text(self.page, text)

    def _read(self, kind: str, day: str, row: type[Row]) -> list[Row]:
        return _rows(self.folder / kind / f"{day}.jsonl", row)

    def _append(self, kind: str, day: str, row: Decision | HourRow) -> None:
        path = self.folder / kind / f"{day}.jsonl"
        if any(one.hour == row.hour for one in _rows(path, type(row))):
            raise StaleError(f"{path}: {row.time} is there already.", hint="is another loop at work in this folder?")
        _append_line(path, row)


def _append_line(path: Path, row: Result) -> None:
    before = read_stored(path).decode() if path.exists() else ""
    write_text(path, f"{before}{row.model_dump_json()}\n")


def _rows(path: Path, row: type[Row]) -> list[Row]:
    if not path.exists():
        return []
    return [_parsed(path, line, row) for line in read_stored(path).splitlines()]


def _parsed(path: Path, data: bytes, row: type[Row]) -> Row:
    try:
        return row.model_validate_json(data)
    except ValidationError as error:
        raise StaleError(
            f"{path}: no line of this version: {error.errors()[0]['msg']}.",
            hint="move the shadow's folder away, or give it another `shadow.name`, to begin anew.",
        ) from error
