"""A dataset, read from CityLearn's own files, and its drawn years, put together as docs/scenarios.md says."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tools.audit.tariff import Tariff, added, read_tariff

FloatArray = NDArray[np.float64]
HOURS, DAYS, WEEK = 8760, 365, 7
NOMINAL = "nominal"
SINGLE = 5e-4
"""Two steps of a float32 at 2,048 to 4,096 kWh, where the PV of an hour ends [kWh]."""
LEAST_KWH = 1e-6
"""A need below this counts as zero (docs/design.md, "Vehicles")."""
TERMS = ("co2_kg", "solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh")
WEIGHTS = ("w_co2", "w_solar", "w_cost", "w_ev_service", "w_grid_stability")


@dataclass(frozen=True)
class Plant:
    """What docs/design.md calls the plant, from `schema.json` and `plant.json`."""

    capacity_kwh: float
    power_kw: float
    efficiency: float
    depth_of_discharge: float
    initial_soc: float
    socket_kw: float
    charger_efficiency: float
    wear: float
    bidirectional: bool
    guard: bool
    weights: tuple[float, ...]

    @property
    def reserve_kwh(self) -> float:
        """Energy that the battery keeps."""
        return (1.0 - self.depth_of_discharge) * self.capacity_kwh


@dataclass(frozen=True)
class Year:
    """A year: series of `HOURS` values, and sessions with the energy that each needs at the charger.

    Columns of `sessions`: `socket`, `arrival`, `departure`, `battery_kwh`, `arrival_soc`, `required_soc`, `need_kwh`.
    `calendar` has `month`, `hour` from 1, and `day_type`: 1 Monday ... 7 Sunday, 8 holiday. From `rule_import`, the
    rule's import of each hour, stretches inside the year are billed; it is zero where no demand is.
    """

    plant: Plant
    calendar: pd.DataFrame
    tariff: Tariff
    pv: FloatArray
    mall: FloatArray
    price: FloatArray
    carbon: FloatArray
    sessions: pd.DataFrame
    rule_import: FloatArray


def read_json(path: Path) -> Any:  # noqa: ANN401, JSON is what it is
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


class NotAuditedError(Exception):
    """The plant has parts that this audit does not know."""


def read_plant(dataset: Path) -> Plant:
    """Read the plant.

    Raises
    ------
    NotAuditedError
        Its sockets have a least power: then there is no bound.
    """
    schema, stored = read_json(dataset / "schema.json"), read_json(dataset / "plant.json")
    params = stored["params"]
    if params.get("socket_min_kw"):
        raise NotAuditedError(f"{dataset}: its sockets have a least power, which this audit does not know.")
    (building,) = schema["buildings"].values()
    battery = building["electrical_storage"]["attributes"]
    charger = next(iter(building["chargers"].values()))["attributes"]
    return Plant(
        capacity_kwh=battery["capacity"],
        power_kw=battery["nominal_power"],
        efficiency=battery["efficiency"],
        depth_of_discharge=battery["depth_of_discharge"],
        initial_soc=battery["initial_soc"],
        socket_kw=charger["max_charging_power"],
        charger_efficiency=charger["efficiency"],
        wear=params["wear_pen_per_kwh"],
        bidirectional=params["bidirectional"],
        guard=params["departure_guard"],
        weights=tuple(params[name] for name in WEIGHTS),
    )


def read_year(dataset: Path) -> Year:
    """Read the validated year from the files that CityLearn reads; it holds energies as float32."""
    schema, plant = read_json(dataset / "schema.json"), read_plant(dataset)
    (building,) = schema["buildings"].values()
    series = pd.read_csv(dataset / building["energy_simulation"])[:HOURS]
    kwp = building["pv"]["attributes"]["nominal_power"]
    price = pd.read_csv(dataset / building["pricing"])["electricity_pricing"][:HOURS]
    carbon = pd.read_csv(dataset / building["carbon_intensity"])["carbon_intensity"][:HOURS]
    return Year(
        plant,
        calendar=series[["month", "hour", "day_type"]],
        tariff=read_tariff(read_json(dataset / "plant.json")["tariff"], series),
        pv=_single(kwp * _single(series["solar_generation"]) / 1000.0),
        mall=_single(series["non_shiftable_load"]),
        price=_single(price),
        carbon=_single(carbon),
        sessions=_with_needs(_sessions(dataset, schema), plant),
        rule_import=pd.read_parquet(dataset / "hourly.parquet")["rule_import_kwh"].to_numpy(np.float64),
    )


def _single(values: Any) -> FloatArray:  # noqa: ANN401, columns and arrays
    return np.asarray(values, np.float64).astype(np.float32).astype(np.float64)


def _sessions(dataset: Path, schema: dict[str, Any]) -> pd.DataFrame:
    """Sessions as the charger files tell them: the rows in state 1, one session an id."""
    (building,) = schema["buildings"].values()
    capacity = {name: own["battery"]["attributes"]["capacity"] for name, own in schema["electric_vehicles_def"].items()}
    frames = []
    for socket, charger in enumerate(building["chargers"].values()):
        rows = pd.read_csv(dataset / charger["charger_simulation"], low_memory=False)
        rows = rows[rows["electric_vehicle_charger_state"] == 1].rename_axis("hour").reset_index()
        by_session = rows.groupby("electric_vehicle_session_id", sort=False)
        frames.append(
            pd.DataFrame(
                {
                    "socket": socket,
                    "arrival": by_session["hour"].min(),
                    "departure": by_session["hour"].max() + 1,
                    "battery_kwh": by_session["electric_vehicle_id"].first().map(capacity),
                    "arrival_soc": by_session["electric_vehicle_estimated_soc_arrival"].first(),
                    "required_soc": by_session["electric_vehicle_required_soc_departure"].first(),
                }
            )
        )
    return pd.concat(frames).sort_values(["arrival", "socket"], kind="stable", ignore_index=True)


def _with_needs(sessions: pd.DataFrame, plant: Plant) -> pd.DataFrame:
    missing = (_single(sessions["required_soc"]) - _single(sessions["arrival_soc"])).clip(min=0.0)
    need = missing * sessions["battery_kwh"] / plant.charger_efficiency
    return sessions.assign(need_kwh=need.where(need > LEAST_KWH, 0.0))


def read_recipes(dataset: Path) -> dict[str, pd.DataFrame]:
    """Rows of `scenarios.parquet` by scenario."""
    return dict(tuple(pd.read_parquet(dataset / "scenarios.parquet").groupby("scenario", sort=False)))


def drawn(year: Year, recipe: pd.DataFrame) -> Year:
    """Year that a recipe makes of the validated one."""
    day, hour = np.repeat(np.arange(DAYS), 24), np.tile(np.arange(24), DAYS)
    weather = recipe["weather_day"].to_numpy()[day] * 24 + hour
    demand = recipe["demand_day"].to_numpy()[day] * 24 + hour
    mall = _single(year.mall[demand] * recipe["load_factor"].to_numpy()[day])
    sessions = _moved(year.sessions, recipe["demand_day"].to_numpy())
    # Kinds of day come with the demand, and with them the hours of the tariff's bands.
    calendar = year.calendar.assign(day_type=year.calendar["day_type"].to_numpy()[demand])
    tariff = read_tariff(year.tariff.told, calendar)
    price = np.sum([inside * pen for inside, pen in tariff.energy.values()], axis=0)
    own = replace(
        year, pv=year.pv[weather], mall=mall, price=_single(price), sessions=sessions, calendar=calendar, tariff=tariff
    )
    return replace(own, rule_import=run_rule(own)) if year.tariff.charges else own


def run_rule(year: Year) -> FloatArray:
    """Import of the rule in each hour of a year [kWh], to what the simulators' float32 makes of it."""
    plant, eta = year.plant, math.sqrt(year.plant.efficiency)
    net = year.mall - year.pv + full_power(year, 0, len(year.pv))
    stored = max(plant.initial_soc * plant.capacity_kwh, plant.reserve_kwh)
    bought = np.zeros(len(net))
    for hour, lacking in enumerate(net):
        charge = min(max(-lacking, 0.0), plant.power_kw, (plant.capacity_kwh - stored) / eta)
        discharge = min(max(lacking, 0.0), plant.power_kw, (stored - plant.reserve_kwh) * eta)
        stored += charge * eta - discharge / eta
        bought[hour] = max(lacking + charge - discharge, 0.0)
    return bought


def _moved(sessions: pd.DataFrame, source: NDArray[np.int64]) -> pd.DataFrame:
    """Sessions of the source days on their new days; a stay over the edge of its week displaces who comes in it."""
    by_day = dict(tuple(sessions.groupby(sessions["arrival"] // 24)))
    placed = []
    for day, origin in enumerate(source):
        if origin in by_day:
            own, shift = by_day[origin], 24 * (day - origin)
            placed.append(own.assign(arrival=own["arrival"] + shift, departure=own["departure"] + shift))
    moved = pd.concat(placed, ignore_index=True)
    moved = moved[moved["departure"] <= HOURS].reset_index(drop=True)
    week = 24 * WEEK
    edge = week * (moved["arrival"] // week + 1)
    gone: set[int] = set()
    for index in moved.index[moved["departure"] > edge]:
        if index in gone:
            continue
        stay = moved.loc[index]
        later = (moved["socket"] == stay["socket"]) & (moved["arrival"] >= edge[index])
        gone |= set(moved.index[later & (moved["arrival"] < stay["departure"])])
    return moved.drop(index=list(gone)).reset_index(drop=True)


def no_control(year: Year, start: int, hours: int) -> dict[str, float]:
    """Totals that scale the five terms on some hours: those under no control, its bill before export earns anything.

    For EV service it is the energy that departures require.
    """
    stop = start + hours
    net = year.mall[start:stop] - year.pv[start:stop] + full_power(year, start, hours)
    bought, sold = net.clip(min=0.0), (-net).clip(min=0.0)
    own = year.sessions
    leaves = own[(own["departure"] > start) & (own["departure"] <= stop)]
    required = (_single(leaves["required_soc"]) - _single(leaves["arrival_soc"])).clip(min=0.0) * leaves["battery_kwh"]
    return {
        "co2_kg": float((bought * year.carbon[start:stop]).sum()),
        "solar_kwh": float(sold.sum()),
        "cost_pen": float((bought * year.price[start:stop]).sum() + demand_pen(year, bought, start).sum()),
        "ev_short_kwh": float(required.sum()),
        "ramping_kwh": float(np.abs(np.diff(bought)).sum()),
    }


def demand_pen(year: Year, imports: FloatArray, start: int) -> FloatArray:
    """What each hour of a stretch adds to demand charges and fee [PEN]."""
    return added(year.tariff, imports, start, year.rule_import)


def full_power(year: Year, start: int, hours: int) -> FloatArray:
    """Demand of vehicles that charge at full power from their arrival on, in some hours [kWh]."""
    demand, plant = np.zeros(hours), year.plant
    own = year.sessions[(year.sessions["departure"] > start) & (year.sessions["arrival"] < start + hours)]
    begin = own["arrival"].to_numpy().clip(min=start)
    left = own["need_kwh"].to_numpy().copy()
    for step in range(int((own["departure"].to_numpy() - begin).max(initial=0))):
        now = begin + step
        there = (now < own["departure"].to_numpy()) & (now < start + hours)
        energy = np.where(there, left.clip(max=plant.socket_kw), 0.0)
        np.add.at(demand, (now - start)[there], energy[there])
        left -= energy
    return demand


def score(totals: dict[str, float], reference: dict[str, float], weights: tuple[float, ...]) -> float:
    """J: the sum over the terms of weight x total / total of no control; a term without a scale is left out."""
    parts = zip(TERMS, weights, strict=True)
    return sum(weight * totals[name] / reference[name] for name, weight in parts if reference[name] > 0.0)
