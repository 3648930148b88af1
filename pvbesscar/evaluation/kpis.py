"""Key figures of a controller on some hours: a registry, each with its unit and its formula.

Tables, report and `docs/kpis.md` are made from `KPIS`. A figure that has no meaning on the hours judged (a share of
nothing, an optimum that was not asked for) is `None`, never zero.
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
class Judged:
    """One controller's ledgers and what its figures are measured against.

    Attributes
    ----------
    ledgers
        One or several stretches of hours.
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

    @property
    def hours(self) -> int:
        """Number of hours."""
        return sum(ledger.hours for ledger in self.ledgers)

    def j(self) -> float:
        """Score J on these hours."""
        return score(terms(self.ledgers), self.reference, self.weights)


Figure = Callable[[Judged], float | None]


@dataclass(frozen=True, slots=True)
class Kpi:
    """A key figure.

    Attributes
    ----------
    name
        Name in files.
    unit
        Unit, `1` for a ratio.
    title
        What it is, in a few words.
    formula
        How it is computed from the ledger's columns; `sum` and `max` run over the hours judged.
    of
        The computation.
    """

    name: str
    unit: str
    title: str
    formula: str
    of: Figure


_KPIS: dict[str, Kpi] = {}


def kpi(unit: str, title: str, formula: str) -> Callable[[Figure], Figure]:
    """Register the decorated function as a key figure under its own name."""

    def register(of: Figure) -> Figure:
        name = of.__name__
        _KPIS[name] = Kpi(name, unit, title, formula, of)
        return of

    return register


def all_kpis() -> tuple[Kpi, ...]:
    """All key figures, in the order in which tables show them."""
    return tuple(_KPIS.values())


def kpis(judged: Judged) -> dict[str, float | None]:
    """Every key figure of a controller, by name."""
    return {figure.name: figure.of(judged) for figure in all_kpis()}


def captured(no_control_j: float, j: float, optimum_j: float | None) -> float | None:
    """Share of what the optimum wins over no control that a controller wins [1].

    `None` without an optimum, or where the optimum wins nothing over no control.
    """
    if optimum_j is None or no_control_j - optimum_j <= SHARE_RESOLUTION:
        return None
    return (no_control_j - j) / (no_control_j - optimum_j)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


@kpi("1", "score J, lower is better", "sum over the terms of weight x total / total of no control")
def j(judged: Judged) -> float | None:
    """Score J."""
    return judged.j()


@kpi("1", "captured share", "(J(no control) - J) / (J(no control) - J*), J* of the mode acted in")
def captured_share(judged: Judged) -> float | None:
    """Share of what can be won that was won."""
    return captured(judged.no_control_j, judged.j(), judged.optimum_j)


@kpi("1", "mean reward of an hour", "mean of `reward`")
def mean_reward(judged: Judged) -> float | None:
    """Mean reward."""
    return judged.total("reward") / judged.hours


@kpi("kgCO2", "CO2 of the import (gross); a term of J", "sum of `import_kwh` x `carbon`")
def co2_kg(judged: Judged) -> float | None:
    """CO2 by the gross rule: an export earns no credit."""
    return judged.total("co2_kg")


@kpi("kgCO2", "CO2 by the net rule, reported apart", "sum of (`import_kwh` - `export_kwh`) x `carbon`")
def co2_net_kg(judged: Judged) -> float | None:
    """CO2 as if an exported kWh saved one of the grid."""
    frames = (ledger.frame for ledger in judged.ledgers)
    return float(sum(((frame["import_kwh"] - frame["export_kwh"]) * frame["carbon"]).sum() for frame in frames))


@kpi("kgCO2", "CO2 of fuel avoided by the vehicles, reported apart", "sum of `ev_kwh` x `grid.avoided_fuel_kg_per_kwh`")
def fuel_avoided_kg(judged: Judged) -> float | None:
    """CO2 of fuel that the charged energy replaces; never added to the grid's."""
    return judged.total("ev_kwh") * judged.avoided_fuel_kg_per_kwh


@kpi("PEN", "cost of energy; a term of J", "sum of `import_kwh` x `price` - `export_kwh` x feed-in price")
def cost_pen(judged: Judged) -> float | None:
    """Cost of energy."""
    return judged.total("cost_pen")


@kpi("kWh", "PV neither used nor stored; a term of J", "sum of `solar_kwh`")
def solar_kwh(judged: Judged) -> float | None:
    """PV lost to the site."""
    return judged.total("solar_kwh")


@kpi("kWh", "energy short at departure; a term of J", "sum of `ev_short_kwh`, in the batteries")
def ev_short_kwh(judged: Judged) -> float | None:
    """Energy short of the required state of charge."""
    return judged.total("ev_short_kwh")


@kpi("kWh", "ramping of the import; a term of J", "sum of abs(import of an hour - import of the hour before)")
def ramping_kwh(judged: Judged) -> float | None:
    """Ramping; the first hour of a stretch has none."""
    return judged.total("ramping_kwh")


@kpi("kWh", "import from the grid", "sum of `import_kwh`")
def import_kwh(judged: Judged) -> float | None:
    """Energy bought."""
    return judged.total("import_kwh")


@kpi("kWh", "export to the grid", "sum of `export_kwh`")
def export_kwh(judged: Judged) -> float | None:
    """Energy given away."""
    return judged.total("export_kwh")


@kpi("1", "self-consumption", "1 - sum of `export_kwh` / sum of `pv_kwh`")
def self_consumption(judged: Judged) -> float | None:
    """Share of the PV that stays on the site; the battery never exports, so all export is PV."""
    lost = _ratio(judged.total("export_kwh"), judged.total("pv_kwh"))
    return None if lost is None else 1.0 - lost


@kpi("1", "self-sufficiency", "1 - sum of `import_kwh` / sum of (`mall_kwh` + `ev_kwh`)")
def self_sufficiency(judged: Judged) -> float | None:
    """Share of the demand that the grid did not supply; below 0 where storage losses are bought."""
    bought = _ratio(judged.total("import_kwh"), judged.total("mall_kwh") + judged.total("ev_kwh"))
    return None if bought is None else 1.0 - bought


@kpi("kW", "highest import of an hour", "max of `import_kwh` over all hours")
def peak_kw(judged: Judged) -> float | None:
    """Peak of the hours judged; of a year, the yearly peak."""
    return max(float(ledger.frame["import_kwh"].max()) for ledger in judged.ledgers)


@kpi("kW", "mean daily peak", "mean over the days of the day's highest `import_kwh`")
def mean_daily_peak_kw(judged: Judged) -> float | None:
    """Mean over local calendar days of their highest import."""
    daily = [
        ledger.frame.groupby(pd.DatetimeIndex(ledger.frame["timestamp"]).date)["import_kwh"].max()
        for ledger in judged.ledgers
    ]
    return float(pd.concat(daily).mean())


@kpi("1", "load factor of the import", "mean of `import_kwh` / max of `import_kwh`")
def load_factor(judged: Judged) -> float | None:
    """Mean over peak of the import; 1 is flat."""
    return _ratio(judged.total("import_kwh") / judged.hours, peak_kw(judged) or 0.0)


@kpi("1", "departures met", "sum of `departures_met` / sum of `departures`")
def departures_met_share(judged: Judged) -> float | None:
    """Share of the vehicles that leave with their required state of charge."""
    return _ratio(judged.total("departures_met"), judged.total("departures"))


@kpi("1", "departures met when feasible", "sum of `departures_met_feasible` / sum of `departures_feasible`")
def met_when_feasible(judged: Judged) -> float | None:
    """Same share among the vehicles that some power could have served."""
    return _ratio(judged.total("departures_met_feasible"), judged.total("departures_feasible"))


@kpi("kWh", "mean shortfall of a departure", "sum of `ev_short_kwh` / sum of `departures`")
def mean_shortfall_kwh(judged: Judged) -> float | None:
    """Energy short per departing vehicle, in its battery."""
    return _ratio(judged.total("ev_short_kwh"), judged.total("departures"))


@kpi(
    "1",
    "spread over sockets",
    "standard deviation over the sockets of (energy short / energy required by their departures)",
)
def spread_over_sockets(judged: Judged) -> float | None:
    """How unequally the sockets are served; 0 when all are served alike."""
    served = [ledger.served for ledger in judged.ledgers if ledger.served is not None]
    if len(served) < len(judged.ledgers):
        return None
    required, short = np.sum(served, axis=0)
    used = required > 0.0
    return float(np.std(short[used] / required[used])) if used.any() else None


@kpi(
    "1",
    "full cycles of the battery",
    "(sum of `charge_kwh` + sum of `discharge_kwh`) / (2 x capacity)",
)
def bess_cycles(judged: Judged) -> float | None:
    """Equivalent full cycles."""
    return _ratio(judged.total("charge_kwh") + judged.total("discharge_kwh"), 2.0 * judged.bess_kwh)


@kpi("kWh", "throughput of the battery", "sum of `charge_kwh` + sum of `discharge_kwh`, at its terminals")
def bess_throughput_kwh(judged: Judged) -> float | None:
    """Energy through the battery's terminals, both ways."""
    return judged.total("charge_kwh") + judged.total("discharge_kwh")
