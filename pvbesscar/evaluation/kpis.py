"""Key performance indicators (KPIs) of a controller on some hours of the year, each with its unit and formula.

Tables, report and `docs/kpis.md` are made from `KPIS`. A KPI without a meaning on these hours (the share of a sum that
is zero, an optimum that was not computed) is `None`, never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pvbesscar.evaluation.score import score, terms
from pvbesscar.simulation.rollout import Ledger
from schemas.results import ScoreTerms
from schemas.settings import WeightSettings

SHARE_RESOLUTION = 1e-6
"""Least distance in J between no control and the optimum of which a share is taken."""


@dataclass(frozen=True, slots=True)
class ControllerRun:
    """Hours that one controller ran, and what its KPIs are measured against.

    Attributes
    ----------
    ledgers
        Hourly ledgers of one or several stretches of the year.
    reference
        Totals of the five terms under no control on the same hours (EV service: the energy required).
    weights
        Weights of J.
    bess_kwh
        Capacity of the battery [kWh].
    avoided_fuel_kg_per_kwh
        Fuel emissions avoided per kWh charged [kgCO2/kWh].
    no_control_j
        J of no control on the same hours.
    optimum_j
        Lower bound J* of the mode that the controller acts in, on the same hours; `None` where it was not computed.
    """

    ledgers: Sequence[Ledger]
    reference: ScoreTerms
    weights: WeightSettings
    bess_kwh: float
    avoided_fuel_kg_per_kwh: float
    no_control_j: float
    optimum_j: float | None = None

    def total(self, column: str) -> float:
        """Sum of a ledger column over all hours."""
        return sum(ledger.total(column) for ledger in self.ledgers)

    def ratio(self, part: str, whole: str) -> float | None:
        """Ratio of the sums of two ledger columns [1]; `None` where the second is zero."""
        return _ratio(self.total(part), self.total(whole))

    @property
    def hours(self) -> int:
        """Number of hours."""
        return sum(ledger.hours for ledger in self.ledgers)

    @property
    def j(self) -> float:
        """Score J on these hours."""
        return score(terms(self.ledgers), self.reference, self.weights)


@dataclass(frozen=True, slots=True)
class Kpi:
    """A KPI.

    Attributes
    ----------
    name
        Name in files.
    unit
        Unit, `1` for a ratio.
    title
        What it is, in a few words.
    formula
        How it is computed from the ledger's columns; `sum` and `max` run over the hours of the run.
    value
        Computes it.
    """

    name: str
    unit: str
    title: str
    formula: str
    value: Callable[[ControllerRun], float | None]


def _sum(column: str, unit: str, title: str, formula: str) -> Kpi:
    """KPI that is the sum of the ledger column of its name."""
    return Kpi(column, unit, title, formula, lambda run: run.total(column))


def captured(no_control_j: float, j: float, optimum_j: float | None) -> float | None:
    """Share of what the optimum wins over no control that a controller wins [1] (docs/design.md, "Reward and score").

    `None` without an optimum, or where the optimum wins nothing over no control.
    """
    if optimum_j is None or no_control_j - optimum_j <= SHARE_RESOLUTION:
        return None
    return (no_control_j - j) / (no_control_j - optimum_j)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def _co2_net_kg(run: ControllerRun) -> float:
    """CO2 as if an exported kWh saved one of the grid."""
    frames = (ledger.frame for ledger in run.ledgers)
    return float(sum(((frame["import_kwh"] - frame["export_kwh"]) * frame["carbon"]).sum() for frame in frames))


def _self_consumption(run: ControllerRun) -> float | None:
    """Share of the PV that is used on the site; the battery never exports, so all that is not used is PV."""
    unused = run.ratio("solar_kwh", "pv_kwh")
    return None if unused is None else 1.0 - unused


def _self_sufficiency(run: ControllerRun) -> float | None:
    """Share of the demand that the grid does not supply; below 0 where the import also covers storage losses."""
    imported = _ratio(run.total("import_kwh"), run.total("mall_kwh") + run.total("ev_kwh"))
    return None if imported is None else 1.0 - imported


def _peak_kw(run: ControllerRun) -> float:
    return max(float(ledger.frame["import_kwh"].max()) for ledger in run.ledgers)


def _mean_daily_peak_kw(run: ControllerRun) -> float:
    """Mean over local calendar days."""
    daily = [
        ledger.frame.groupby(pd.DatetimeIndex(ledger.frame["timestamp"]).date)["import_kwh"].max()
        for ledger in run.ledgers
    ]
    return float(pd.concat(daily).mean())


def _spread_over_sockets(run: ControllerRun) -> float | None:
    """How unequally the sockets are served; 0 when all are served alike."""
    served = [ledger.served for ledger in run.ledgers if ledger.served is not None]
    if len(served) < len(run.ledgers):
        return None
    required, short = np.sum(served, axis=0)
    used = required > 0.0
    return float(np.std(short[used] / required[used])) if used.any() else None


def _throughput_kwh(run: ControllerRun) -> float:
    return run.total("charge_kwh") + run.total("discharge_kwh")


# fmt: off
KPIS = (
    Kpi("j", "1", "score J, lower is better", "sum over the terms of weight x total / total of no control",
        lambda run: run.j),
    Kpi("captured_share", "1", "captured share",
        "(J(no control) - J) / (J(no control) - J*), J* of the mode acted in",
        lambda run: captured(run.no_control_j, run.j, run.optimum_j)),
    Kpi("mean_reward", "1", "mean reward of an hour", "mean of `reward`", lambda run: run.total("reward") / run.hours),
    _sum("co2_kg", "kgCO2", "CO2 of the import (gross); a term of J", "sum of `import_kwh` x `carbon`"),
    Kpi("co2_net_kg", "kgCO2", "CO2 by the net rule, reported apart",
        "sum of (`import_kwh` - `export_kwh`) x `carbon`", _co2_net_kg),
    Kpi("fuel_avoided_kg", "kgCO2", "CO2 of fuel avoided by the vehicles, reported apart",
        "sum of `ev_kwh` x `grid.avoided_fuel_kg_per_kwh`",
        lambda run: run.total("ev_kwh") * run.avoided_fuel_kg_per_kwh),
    _sum("cost_pen", "PEN", "bill and wear; a term of J",
         "sum of `import_kwh` x `price` - `export_kwh` x feed-in price + `demand_pen` + `wear_pen`"),
    _sum("solar_kwh", "kWh", "PV neither used nor stored; a term of J", "sum of `solar_kwh`"),
    _sum("ev_short_kwh", "kWh", "energy short at departure; a term of J", "sum of `ev_short_kwh`, in the batteries"),
    # The first hour of a stretch has no hour before it and adds nothing.
    _sum("ramping_kwh", "kWh", "ramping of the import; a term of J",
         "sum of abs(import of an hour - import of the hour before)"),
    _sum("import_kwh", "kWh", "import from the grid", "sum of `import_kwh`"),
    _sum("export_kwh", "kWh", "export to the grid", "sum of `export_kwh`"),
    Kpi("self_consumption", "1", "self-consumption", "1 - sum of `solar_kwh` / sum of `pv_kwh`", _self_consumption),
    Kpi("self_sufficiency", "1", "self-sufficiency",
        "1 - sum of `import_kwh` / sum of (`mall_kwh` + `ev_kwh`)", _self_sufficiency),
    Kpi("peak_kw", "kW", "highest import of an hour", "max of `import_kwh` over all hours", _peak_kw),
    Kpi("mean_daily_peak_kw", "kW", "mean daily peak",
        "mean over the days of the day's highest `import_kwh`", _mean_daily_peak_kw),
    Kpi("load_factor", "1", "load factor of the import", "mean of `import_kwh` / max of `import_kwh`",
        lambda run: _ratio(run.total("import_kwh") / run.hours, _peak_kw(run))),
    Kpi("departures_met_share", "1", "departures met", "sum of `departures_met` / sum of `departures`",
        lambda run: run.ratio("departures_met", "departures")),
    # Feasible: some charging power could have met the departure.
    Kpi("met_when_feasible", "1", "departures met when feasible",
        "sum of `departures_met_feasible` / sum of `departures_feasible`",
        lambda run: run.ratio("departures_met_feasible", "departures_feasible")),
    Kpi("mean_shortfall_kwh", "kWh", "mean shortfall of a departure", "sum of `ev_short_kwh` / sum of `departures`",
        lambda run: run.ratio("ev_short_kwh", "departures")),
    Kpi("spread_over_sockets", "1", "spread over sockets",
        "standard deviation over the sockets of (energy short / energy required by their departures)",
        _spread_over_sockets),
    Kpi("bess_cycles", "1", "full cycles of the battery",
        "(sum of `charge_kwh` + sum of `discharge_kwh`) / (2 x capacity)",
        lambda run: _ratio(_throughput_kwh(run), 2.0 * run.bess_kwh)),
    Kpi("bess_throughput_kwh", "kWh", "throughput of the battery",
        "sum of `charge_kwh` + sum of `discharge_kwh`, at its terminals", _throughput_kwh),
)
# fmt: on
"""All KPIs, in the order in which tables show them."""


def kpi_values(run: ControllerRun) -> dict[str, float | None]:
    """Every KPI of a controller, by name."""
    return {kpi.name: kpi.value(run) for kpi in KPIS}
