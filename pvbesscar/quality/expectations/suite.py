"""Expectations on tables, in words of our own; `run.py` alone knows the types of Great Expectations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Expectation:
    """One native expectation of Great Expectations.

    Attributes
    ----------
    name
        Its name in the suite: the column and what is expected of it, e.g. `electricity_pricing.between`.
    kind
        Class in `great_expectations.expectations`, without `Expect`.
    arguments
        Arguments of that class.
    column
        Column that it is about; empty for the table as a whole.
    cause, fix
        Likely cause and remedy where they differ from those of the suite.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any]
    column: str = ""
    cause: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations on one table.

    Attributes
    ----------
    name
        Plain name, the name of its page.
    file
        File, or files, that the table was read from.
    table
        What was read, one row a record.
    expectations
        What must hold.
    cause, fix
        Likely cause and remedy of a fault.
    keys
        Columns that name a row; without any a row is named by its number, from 0.
    """

    name: str
    file: str
    table: pd.DataFrame
    expectations: tuple[Expectation, ...]
    cause: str
    fix: str
    keys: tuple[str, ...] = field(default=())


def between(column: str, low: float | None, high: float | None, **words: str) -> Expectation:
    """Every value from `low` to `high`, both included; missing values are judged by `filled`."""
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Expectation(f"{column}.between", "ColumnValuesToBeBetween", arguments, column, **words)


def above(column: str, low: float, high: float | None, **words: str) -> Expectation:
    """Every value above `low`, and at most `high`."""
    arguments = {"column": column, "min_value": low, "max_value": high, "strict_min": True}
    return Expectation(f"{column}.above", "ColumnValuesToBeBetween", arguments, column, **words)


def among(column: str, values: Iterable[Any], **words: str) -> Expectation:
    """Every value one of `values`."""
    arguments = {"column": column, "value_set": list(values)}
    return Expectation(f"{column}.among", "ColumnValuesToBeInSet", arguments, column, **words)


def exactly(column: str, values: Iterable[Any], **words: str) -> Expectation:
    """The values that occur are `values`: each of them, and no other."""
    arguments = {"column": column, "value_set": list(values)}
    return Expectation(f"{column}.exactly", "ColumnDistinctValuesToEqualSet", arguments, column, **words)


def filled(*columns: str, **words: str) -> tuple[Expectation, ...]:
    """No value missing."""
    return tuple(
        Expectation(f"{column}.filled", "ColumnValuesToNotBeNull", {"column": column}, column, **words)
        for column in columns
    )


def empty(column: str, **words: str) -> Expectation:
    """Every value missing."""
    return Expectation(f"{column}.empty", "ColumnValuesToBeNull", {"column": column}, column, **words)


def equal(column: str, other: str, **words: str) -> Expectation:
    """Two columns equal in every row in which both are there."""
    arguments = {"column_A": column, "column_B": other, "ignore_row_if": "either_value_is_missing"}
    return Expectation(f"{column}.equals.{other}", "ColumnPairValuesToBeEqual", arguments, column, **words)


def pairs(column: str, other: str, allowed: Iterable[tuple[Any, Any]], **words: str) -> Expectation:
    """Every pair of two columns one of those allowed."""
    arguments = {"column_A": column, "column_B": other, "value_pairs_set": list(allowed)}
    return Expectation(f"{column}.with.{other}", "ColumnPairValuesToBeInSet", arguments, column, **words)


def unique(*columns: str, **words: str) -> Expectation:
    """No two rows with the same values."""
    if len(columns) == 1:
        return Expectation(
            f"{columns[0]}.unique", "ColumnValuesToBeUnique", {"column": columns[0]}, columns[0], **words
        )
    name = ".".join((*columns, "unique"))
    return Expectation(name, "CompoundColumnsToBeUnique", {"column_list": list(columns)}, ", ".join(columns), **words)


def total(column: str, low: float | None, high: float | None, what: str = "total", **words: str) -> Expectation:
    """Sum of a column from `low` to `high`."""
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Expectation(f"{column}.{what}", "ColumnSumToBeBetween", arguments, column, **words)


def rows(count: int, **words: str) -> Expectation:
    """Number of rows."""
    return Expectation("rows", "TableRowCountToEqual", {"value": count}, **words)


def columns(names: Iterable[str], **words: str) -> Expectation:
    """Columns, in their order."""
    return Expectation("columns", "TableColumnsToMatchOrderedList", {"column_list": list(names)}, **words)


def near(value: float, relative: float) -> tuple[float, float]:
    """Interval about a value; its half width is a share of the value, at least 1e-6."""
    half = max(abs(value) * relative, 1e-6)
    return value - half, value + half
