"""What CityLearn's own `evaluate_v2` says about the hours just simulated, under the ledger's names."""

from __future__ import annotations

from collections.abc import Sequence

from pvbesscar.plant.citylearn_sim import CityLearnSim
from schemas.errors import SimulationError

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
"""Figures of `evaluate_v2` that mean what a column of the ledger means; CityLearn says EUR whatever the currency is."""


def citylearn_sums(simulator: CityLearnSim) -> dict[str, float]:
    """Sums over the episode that has just ended, by the name of the ledger's column.

    Raises
    ------
    SimulationError
        This CityLearn names its figures otherwise.
    """
    table = simulator.env.evaluate_v2(include_business_as_usual=False)
    own = table[table["level"] == LEVEL].set_index("cost_function")["value"]
    absent = [name for name in V2_NAMES.values() if name not in own.index]
    if absent:
        raise SimulationError(
            f"CityLearn's `evaluate_v2` has no `{absent[0]}`.",
            hint="install from requirements.lock (`make install`).",
        )
    return {column: float(own[name]) for column, name in V2_NAMES.items()}


def added(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    """Sums over several episodes."""
    return {name: sum(part[name] for part in parts) for name in (parts[0] if parts else {})}
