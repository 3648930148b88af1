"""A sparse linear program, its solution by HiGHS, and a lower bound from its duals; rows that all programs share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import highspy
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pvbesscar.arithmetic.linear import dot
from schemas.errors import ControllerError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNLIMITED = 1e12
"""Stands for infinity in row bounds, so that the bound's sums stay finite; no energy of a plant comes near it."""


@dataclass(frozen=True, slots=True)
class Lp:
    """Minimise `cost @ x` with `row_lower <= matrix @ x <= row_upper` and `lower <= x <= upper`.

    Attributes
    ----------
    cost, lower, upper
        One entry a column, shape (n,).
    row_lower, row_upper
        One entry a row, shape (m,).
    matrix
        Shape (m, n), compressed by columns.
    slack, row_slack
        By how much the simulators may pass the bounds of columns and rows, because they compute in rounded numbers.
    """

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    matrix: sp.csc_matrix
    slack: FloatArray
    row_slack: FloatArray

    def highs(self) -> Any:  # noqa: ANN401 (highspy is untyped)
        """Model in HiGHS, quiet and on one thread: the same answer on every machine."""
        model = highspy.Highs()  # type: ignore[no-untyped-call] # highspy is not typed throughout
        for option, value in (("output_flag", False), ("threads", 1)):
            model.setOptionValue(option, value)
        lp = highspy.HighsLp()
        lp.num_row_, lp.num_col_ = self.matrix.shape
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = self.cost, self.lower, self.upper
        lp.row_lower_, lp.row_upper_ = self.row_lower, self.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = self.matrix.indptr
        lp.a_matrix_.index_ = self.matrix.indices
        lp.a_matrix_.value_ = self.matrix.data
        model.passModel(lp)
        return model


class Builder:
    """Collects columns, rows and entries, block by block."""

    def __init__(self) -> None:
        self._columns: list[tuple[FloatArray, ...]] = []
        self._rows: list[tuple[FloatArray, ...]] = []
        self._entries: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._prices: list[tuple[IntArray, float]] = []
        self._n = self._m = 0

    def columns(
        self,
        count: int,
        lower: FloatArray | float,
        upper: FloatArray | float,
        cost: FloatArray | float = 0.0,
        slack: FloatArray | float = 0.0,
    ) -> IntArray:
        """Append columns; returns their numbers, shape (count,)."""
        self._columns.append(_spread(count, cost, lower, upper, slack))
        self._n += count
        return np.arange(self._n - count, self._n)

    def price(self, columns: IntArray, cost: float) -> None:
        """Add to the cost of columns."""
        self._prices.append((columns, cost))

    def rows(
        self, count: int, lower: FloatArray | float, upper: FloatArray | float, slack: FloatArray | float = 0.0
    ) -> IntArray:
        """Append rows; returns their numbers, shape (count,)."""
        self._rows.append(_spread(count, lower, upper, slack))
        self._m += count
        return np.arange(self._m - count, self._m)

    def add(self, rows: IntArray, columns: IntArray, values: FloatArray | float) -> None:
        """Put values where rows and columns meet, all of one shape; values on one place add up."""
        (spread,) = _spread(rows.size, values)
        self._entries.append((rows, columns, spread))

    def build(self) -> Lp:
        """Return the program collected."""
        rows, columns, values = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        cost, lower, upper, slack = (np.concatenate(part) for part in zip(*self._columns, strict=True))
        for priced, added in self._prices:
            cost[priced] += added
        row_lower, row_upper, row_slack = (np.concatenate(part) for part in zip(*self._rows, strict=True))
        matrix = sp.csc_matrix((values, (rows, columns)), shape=(self._m, self._n))
        return Lp(cost, lower, upper, row_lower, row_upper, matrix, slack, row_slack)


class SiteColumns(NamedTuple):
    """Columns of a site's energies, one an hour, shape (H,): all in kWh, `stored` at the end of the hour."""

    imported: IntArray
    exported: IntArray
    charged: IntArray
    discharged: IntArray
    stored: IntArray
    vehicles: IntArray


def balance_rows(b: Builder, site: SiteColumns, net_kwh: FloatArray | float) -> IntArray:
    """Energy balance: import and discharge supply export, charge, vehicles and the net load of each hour.

    Parameters
    ----------
    net_kwh
        Demand less PV, without vehicles, shape (H,).
    """
    rows = b.rows(site.imported.size, net_kwh, net_kwh)
    for columns, sign in (
        (site.imported, 1.0), (site.exported, -1.0), (site.charged, -1.0), (site.discharged, 1.0),
        (site.vehicles, -1.0),
    ):  # fmt: skip
        b.add(rows, columns, sign)
    return rows


def storage_rows(
    b: Builder, site: SiteColumns, before: FloatArray | float, one_way: float, slack: float = 0.0
) -> IntArray:
    """Energy stored at the end of each hour: that of the hour before, plus what is charged, less what is discharged.

    Parameters
    ----------
    before
        Energy stored at the beginning in the first hour, 0 in the others, shape (H,).
    one_way
        Efficiency of charging, and of discharging.
    """
    rows = b.rows(site.stored.size, before, before, slack=slack)
    b.add(rows, site.stored, 1.0)
    b.add(rows[1:], site.stored[:-1], -1.0)
    b.add(rows, site.charged, -one_way)
    b.add(rows, site.discharged, 1.0 / one_way)
    return rows


def set_columns(model: Any, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:  # noqa: ANN401
    """Change bounds of columns of a model in HiGHS, which is untyped."""
    model.changeColsBounds(columns.size, columns.astype(np.int32), lower, upper)


def set_rows(model: Any, rows: IntArray, lower: FloatArray, upper: FloatArray) -> None:  # noqa: ANN401
    """Change bounds of rows of a model in HiGHS, which is untyped."""
    model.changeRowsBounds(rows.size, rows.astype(np.int32), lower, upper)


class Bounds(NamedTuple):
    """Bounds of some columns or rows of a model in HiGHS, which is untyped, set together: a call costs microseconds.

    Attributes
    ----------
    numbers
        Of the columns or rows, shape (n,).
    lower, upper
        Their bounds, shape (n,); written in place.
    """

    numbers: NDArray[np.int32]
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(cls, numbers: IntArray, lower: float, upper: float) -> Bounds:
        """Bounds that are all the same at first."""
        return cls(numbers.astype(np.int32), np.full(numbers.size, lower), np.full(numbers.size, upper))

    def set_columns(self, model: Any) -> None:  # noqa: ANN401
        """Change the bounds of the columns of a model."""
        model.changeColsBounds(self.numbers.size, self.numbers, self.lower, self.upper)

    def set_rows(self, model: Any) -> None:  # noqa: ANN401
        """Change the bounds of the rows of a model."""
        model.changeRowsBounds(self.numbers.size, self.numbers, self.lower, self.upper)


def _spread(count: int, *values: FloatArray | float) -> tuple[FloatArray, ...]:
    return tuple(np.broadcast_to(np.asarray(value, dtype=np.float64), count) for value in values)


@dataclass(frozen=True, slots=True)
class Solution:
    """What HiGHS found, and what it proves.

    Attributes
    ----------
    x, duals
        Values of the columns, shape (n,), and duals of the rows, shape (m,).
    objective
        `cost @ x`.
    bound
        No point within the bounds, loosened by their slacks, has a lower objective (see `dual_bound`).
    allowance
        How much of the distance between `objective` and `bound` is due to the slacks.
    status
        Status that HiGHS reports.
    seconds
        Wall time of the solver.
    """

    x: FloatArray
    duals: FloatArray
    objective: float
    bound: float
    allowance: float
    status: str
    seconds: float


def dual_bound(lp: Lp, y: FloatArray, *, slack: bool = True) -> tuple[float, float]:
    """Lower bound of a program from any row duals, and the part of it that its slacks cost.

    For every `x` and every `y`: `cost @ x = y @ (matrix @ x) + (cost - matrix.T @ y) @ x`. Each term is at least its
    least value within its bounds, so the sum of these is a lower bound, whatever `y` is: it needs no optimal solution,
    no complementarity and none of the solver's tolerances, only finite bounds. Good duals make it tight. Neumaier and
    Shcherbina (2004), doi:10.1007/s10107-003-0433-3.

    Parameters
    ----------
    lp
        The program; every column has finite bounds.
    y
        Duals of the rows, shape (m,).
    slack
        Whether the bounds are loosened by what the simulators may pass them.
    """
    # Reduced costs: what a unit of each column costs beside the rows' prices `y`.
    z = lp.cost - lp.matrix.T @ y
    value = float(_least(y, lp.row_lower, lp.row_upper).sum() + _least(z, lp.lower, lp.upper).sum())
    if not slack:
        return value, 0.0
    # An unbounded side has a dual of the wrong sign only by rounding; the truth stays within its other terms.
    allowance = dot(np.abs(y), lp.row_slack) + dot(np.abs(z), lp.slack)
    return value - allowance, allowance


def _least(weight: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    result: FloatArray = np.where(weight > 0.0, weight * lower, np.where(weight < 0.0, weight * upper, 0.0))
    return result


def one_sided(lp: Lp, y: FloatArray) -> FloatArray:
    """Duals with the sign that rows with one open side allow: the others are set to zero."""
    open_below, open_above = lp.row_lower <= -UNLIMITED, lp.row_upper >= UNLIMITED
    result: FloatArray = np.where(open_below, np.minimum(y, 0.0), np.where(open_above, np.maximum(y, 0.0), y))
    return result


def solve_lp(lp: Lp, what: str) -> Solution:
    """Solve a program; `what` names it in the error.

    Raises
    ------
    ControllerError
        HiGHS found no optimum.
    """
    began = time.perf_counter()
    model = lp.highs()
    model.run()
    if model.getModelStatus() == highspy.HighsModelStatus.kUnknown:
        # Bounds as wide as `UNLIMITED` can leave the postsolve short of the optimum by a hair's breadth.
        model.clearSolver()
        model.setOptionValue("presolve", "off")
        model.run()
    seconds = time.perf_counter() - began
    status = model.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise ControllerError(
            f"{what}: HiGHS ends with `{model.modelStatusToString(status)}` after {seconds:.1f} s, at no optimum.",
            hint="look for energies in the dataset that are not finite or too large by orders of magnitude.",
        )
    solution = model.getSolution()
    bound, allowance = dual_bound(lp, one_sided(lp, np.array(solution.row_dual)))
    return Solution(
        x=np.array(solution.col_value),
        duals=np.array(solution.row_dual),
        objective=float(model.getObjectiveValue()),
        bound=bound,
        allowance=allowance,
        status=str(model.modelStatusToString(status)),
        seconds=seconds,
    )
