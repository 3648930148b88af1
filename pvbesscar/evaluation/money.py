"""What the year costs under each controller, and what each one saves, from the ledgers of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pvbesscar.controllers.registry import MPC_PERFECT_DAY, NO_CONTROL, OPTIMUM, RULE
from pvbesscar.evaluation.bill import COLUMNS, DEMAND, ENERGY, EXPORT, FEE, Bill, bill_of
from pvbesscar.evaluation.evaluate import REPORT_FILE, ledger_name
from pvbesscar.store.files import read_model, sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.errors import StaleError
from schemas.results import EvaluationReport, Interval, ScenarioResult
from schemas.settings import HOURS_PER_YEAR, Settings, TariffSettings

FORESIGHT = frozenset({MPC_PERFECT_DAY, OPTIMUM})
"""Controllers that are told the future; no site can have them."""
HEAD = ("controller", "energy", "demand", "fee", "export", "bill", "less than no control", "less than the rule")
AGAIN = "run `pvbesscar evaluate --profile full` with this configuration."


def bills_of(workspace: Workspace, settings: Settings, tariff: TariffSettings, scenario: str) -> dict[str, Bill]:
    """Bill of every controller that was evaluated on a whole year, under any tariff.

    Raises
    ------
    StaleError
        There is no evaluation of this scenario, or not on whole years, or its ledgers were changed.
    """
    path = workspace.evaluation / REPORT_FILE
    report = read_model(
        path, EvaluationReport, missing="there is no evaluation to bill", wrong="no evaluation report", hint=AGAIN
    )
    judged = next((one for one in report.scenarios if one.scenario == scenario), None)
    if judged is None or report.scenario != settings.name:
        names = ", ".join(one.scenario for one in report.scenarios)
        raise StaleError(f"{path}: of {report.scenario}, years {names}; `{scenario}` is none of them.", hint=AGAIN)
    controllers = [result.controller for result in judged.ranking]
    if ledger_name(scenario, OPTIMUM) in report.files:
        controllers.append(OPTIMUM)
    return {name: bill_of(_ledger(workspace, report, ledger_name(scenario, name)), tariff) for name in controllers}


def _ledger(workspace: Workspace, report: EvaluationReport, name: str) -> pd.DataFrame:
    path = workspace.evaluation / name
    if not path.is_file() or report.files.get(name) != sha256_file(path):
        raise StaleError(f"{path}: not the ledger that was evaluated.", hint=AGAIN)
    present = set(pq.read_schema(path).names)
    frame = pd.read_parquet(path, columns=[column for column in COLUMNS if column in present])
    if len(frame) != HOURS_PER_YEAR:
        raise StaleError(f"{path}: {len(frame):,} hours are no year; a bill is of whole months.", hint=AGAIN)
    return frame


def bill_rows(bills: Mapping[str, Bill]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of the table of bills, the lowest first [PEN a year]."""
    rows = []
    for name, own in sorted(bills.items(), key=lambda entry: entry[1].pen()):
        saved = [
            "" if other not in bills or other == name else f"{bills[other].pen() - own.pen():,.2f}"
            for other in (NO_CONTROL, RULE)
        ]
        parts = [f"{own.pen(kind):,.2f}" for kind in (ENERGY, DEMAND, FEE, EXPORT)]
        rows.append((name, *parts, f"{own.pen():,.2f}", *saved))
    return HEAD, rows


def line_frame(bills: Mapping[str, Mapping[str, Bill]]) -> pd.DataFrame:
    """Every line of every bill, by tariff and controller."""
    return pd.DataFrame(
        [
            {
                "tariff": tariff, "controller": name, "month": line.month, "kind": line.kind, "line": line.name,
                "quantity": line.quantity, "unit": line.unit, "price_pen": line.price, "pen": line.pen,
                "set_by": "; ".join(line.set_by),
            }
            for tariff, own in bills.items()
            for name, bill in own.items()
            for line in bill.lines
        ]
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Saving:
    """What a controller pays less than another in a year, bill and wear.

    Attributes
    ----------
    against
        The other controller.
    pen
        In the mean year, below zero where it pays more [PEN].
    interval
        95 %, over the source weeks of the test years; `None` where there are none. What power costs is laid to the days
        on which a month's demand rose.
    years
        Number of years that the mean is of.
    """

    against: str
    pen: float
    interval: Interval | None
    years: int

    @property
    def certain(self) -> bool | None:
        """Whether the interval excludes zero; `None` without an interval."""
        return None if self.interval is None else self.interval[0] > 0.0 or self.interval[1] < 0.0


def savings(report: EvaluationReport, controller: str) -> tuple[Saving, ...]:
    """Saving of a controller against no control and the rule, on the test years where there are some."""
    tests = next((own for own in report.sets if own.name == "test"), None)
    judged = [one for one in report.scenarios if tests and one.scenario in tests.scenarios] or [report.main]
    entries = {} if tests is None else {entry.controller: entry.saving_intervals for entry in tests.entries}
    costs = [{result.controller: result.terms.cost_pen for result in one.ranking} for one in judged]
    found = []
    for other in (NO_CONTROL, RULE):
        if other != controller and all(other in own and controller in own for own in costs):
            less = np.array([own[other] - own[controller] for own in costs])
            found.append(Saving(other, float(less.mean()), entries.get(controller, {}).get(other), less.size))
    return tuple(found)


def cheapest(scenario: ScenarioResult) -> str | None:
    """Controller of the lowest cost that a site can have; `None` where none was judged."""
    able = [result for result in scenario.ranking if result.controller not in FORESIGHT]
    return min(able, key=lambda result: result.terms.cost_pen).controller if able else None
