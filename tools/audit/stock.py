"""The stock CityLearn, driven by native actions along a ledger: grid exchange, vehicles and battery must come out."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pandas as pd

from tools.audit.dataset import LEAST_KWH, Year
from tools.audit.findings import Check

KWH = 0.01
"""CityLearn keeps its sums of some 3,000 kWh as float32."""
SOC = 1e-5


def drive(dataset: Path, year: Year, ledger: pd.DataFrame) -> Check:
    """Run the first window of a ledger of the rule, or of no control, on CityLearn as it is installed.

    The battery is asked for what the ledger says. Every vehicle is charged at full power up to its required SOC, as
    these two controllers do, so the ledger's sum over the sockets must come out of CityLearn's own vehicles.
    """
    check = Check("stock CityLearn on native actions, hour by hour [kWh; SOC x 1,000]", KWH)
    start, hours = int(ledger["t"].iloc[0]), len(ledger)
    env = _environment(dataset, start, hours)
    env.reset()
    (building,) = env.buildings
    chargers, storage = building.electric_vehicle_chargers, building.electrical_storage
    check.true(
        f"CityLearn's actions are {env.action_names[0][:2]}...", holds=len(env.action_names[0]) == len(chargers) + 1
    )
    for step in range(hours):
        row = ledger.iloc[step]
        sockets = [_full_power(charger, step, year) for charger in chargers]
        asked = (row["charge_kwh"] - row["discharge_kwh"]) / year.plant.power_kw
        env.step([[asked, *sockets]])
        where = f"hour {start + step}"
        drawn = sum(float(charger.electricity_consumption[step]) for charger in chargers)
        check.values(f"{where}, vehicles", row["ev_kwh"], drawn)
        exchange = float(env.net_electricity_consumption[step])
        check.values(f"{where}, grid exchange", row["import_kwh"] - row["export_kwh"] - row["curtailed_kwh"], exchange)
        check.values(f"{where}, battery", 1000.0 * row["bess_soc"], 1000.0 * float(storage.soc[step]))
    return check


def _environment(dataset: Path, start: int, hours: int) -> Any:  # noqa: ANN401, CityLearn is untyped
    from citylearn.citylearn import CityLearnEnv

    # It makes a transition less than it has rows.
    with contextlib.redirect_stdout(io.StringIO()):
        return CityLearnEnv(
            str(dataset / "schema.json"),
            central_agent=True,
            simulation_start_time_step=start,
            simulation_end_time_step=start + hours,
            episode_time_steps=hours + 1,
            offline=True,
        )


def _full_power(charger: Any, step: int, year: Year) -> float:  # noqa: ANN401, CityLearn is untyped
    """Share of a socket's power that serves its vehicle as far as its required SOC."""
    vehicle = charger.connected_electric_vehicle
    if vehicle is None:
        return 0.0
    required = float(charger.charger_simulation.electric_vehicle_required_soc_departure[step])
    missing = required - float(vehicle.battery.soc[step])
    need = missing * float(vehicle.battery.capacity) / year.plant.charger_efficiency
    return min(need, year.plant.socket_kw) / year.plant.socket_kw if need > LEAST_KWH else 0.0
