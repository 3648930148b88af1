"""CityLearn's own sums (`evaluate_v2`) by the names of the ledger's columns, and its equality with the twin."""

from __future__ import annotations

from collections.abc import Sequence

from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.simulation.rollout import Ledger
from pvbesscar.simulation.windows import Stretch
from schemas.errors import SimulationError
from schemas.results import CityLearnCheck

LEVEL = "building"
V2_NAMES = {
    "import_kwh": "building_energy_grid_total_import_control_kwh",
    "export_kwh": "building_energy_grid_total_export_control_kwh",
    "co2_kg": "building_emissions_total_control_kgco2",
    "cost_pen": "building_cost_total_control_eur",
    "ev_kwh": "building_ev_total_charge_kwh",
    "charge_kwh": "building_battery_total_charge_kwh",
    "discharge_kwh": "building_battery_total_discharge_kwh",
    "departures": "building_ev_events_departure_count",
}
"""Figures of `evaluate_v2`, by the ledger's column of the same meaning; CityLearn writes EUR for any currency.

CityLearn knows energy prices and no export limit: its cost is that of the import, its export that without curtailment.
"""


def citylearn_sums(simulator: CityLearnSim) -> dict[str, float]:
    """Sums over the episode that has just ended, by the name of the ledger's column.

    Raises
    ------
    SimulationError
        This version of CityLearn has other names for its figures.
    """
    # Business as usual would be simulated in a second environment.
    table = simulator.env.evaluate_v2(include_business_as_usual=False)
    own = table[table["level"] == LEVEL].set_index("cost_function")["value"]
    absent = [name for name in V2_NAMES.values() if name not in own.index]
    if absent:
        raise SimulationError(
            f"CityLearn's `evaluate_v2` has no `{absent[0]}`.",
            hint="install from requirements.lock (`make install`).",
        )
    return {column: float(own[name]) for column, name in V2_NAMES.items()}


def citylearn_check(
    stretches: Sequence[Stretch], ledgers: Sequence[Ledger], sums: Sequence[dict[str, float]]
) -> CityLearnCheck:
    """Sums of the ledgers of hours that CityLearn simulated, beside its own (`citylearn_sums` of each stretch)."""
    return CityLearnCheck(
        judged_on=tuple(stretch.name for stretch in stretches),
        hours=sum(ledger.hours for ledger in ledgers),
        ledger={name: sum(_without_contract(ledger, name) for ledger in ledgers) for name in V2_NAMES},
        evaluate_v2={name: sum(part[name] for part in sums) for name in V2_NAMES},
    )


def _without_contract(ledger: Ledger, column: str) -> float:
    """Sum of a ledger's column as it is without feed-in, demand charges, fee, wear and export limit."""
    if column == "cost_pen":
        return float((ledger.frame["import_kwh"] * ledger.frame["price"]).sum())
    return ledger.total(column) + (ledger.total("curtailed_kwh") if column == "export_kwh" else 0.0)


def require_equal(stretch: Stretch, controller: str, twin: Ledger, citylearn: Ledger) -> None:
    """Refuse two ledgers of the same hours that differ in a single bit.

    Raises
    ------
    SimulationError
        They differ: the first hour and column are named.
    """
    for column in twin.frame.columns:
        ours, theirs = twin.frame[column].to_numpy(), citylearn.frame[column].to_numpy()
        other = (ours != theirs).nonzero()[0]  # NaN equals nothing and is refused too
        if other.size:
            hour = other[0]
            raise SimulationError(
                f"`{controller}` on `{stretch.name}`, hour {stretch.start + hour}: the twin gives {column} "
                f"{ours[hour]!r}, CityLearn {theirs[hour]!r}; nothing was published.",
                hint="`pvbesscar certify --force` shows where the twin departs from CityLearn; "
                "`--set training.full.nominal_on=citylearn` evaluates on CityLearn alone.",
            )
