"""Perturbed test years: the first test scenario with one thing gone wrong.

Every perturbation takes away, moves or repeats what is there; nothing is invented.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.arithmetic import draws, functions
from pvbesscar.dataset.years import DAYS, WEEK, DrawnYear, with_forecasts
from pvbesscar.plant.data import FORECAST_COLUMNS, occupancy, sessions_from_columns
from pvbesscar.plant.params import PlantParams
from schemas.settings import ScenarioSettings

FORECAST_MEMORY = 0.8
"""Correlation of a forecast's error from one hour to the next."""

Generator = np.random.Generator
Years = Sequence[DrawnYear]
Perturbed = tuple[DrawnYear, PlantParams]


def forecast_error(years: Years, params: PlantParams, settings: ScenarioSettings, generator: Generator) -> Perturbed:
    """Forecasts that are wrong by a factor with a memory; what happens is as it was."""
    hourly = years[0].hourly
    sigma, changed = settings.forecast_error, {}
    new = np.sqrt(1.0 - FORECAST_MEMORY * FORECAST_MEMORY)
    for series, most in (("pv", params.pv_ac_kw), ("mall", np.inf)):
        steps = draws.standard_normal(generator, len(hourly))
        course = np.empty(len(hourly))
        course[0] = steps[0]
        for hour in range(1, course.size):
            course[hour] = FORECAST_MEMORY * course[hour - 1] + new * steps[hour]
        factor = functions.exp(sigma * course - sigma * sigma / 2.0)
        for name in FORECAST_COLUMNS:
            if name.startswith(series):
                changed[f"{name}_kwh"] = np.minimum(hourly[f"{name}_kwh"].to_numpy(np.float64) * factor, most)
    return replace(years[0], hourly=hourly.assign(**changed)), params


def chargers_out(years: Years, params: PlantParams, settings: ScenarioSettings, generator: Generator) -> Perturbed:
    """Some chargers are out of order all year; vehicles that come to their sockets go elsewhere."""
    chargers = params.sockets // params.sockets_per_charger
    out = generator.choice(chargers, max(1, round(settings.chargers_out * chargers)), replace=False)
    sessions = years[0].sessions
    gone = np.isin(sessions["socket"].to_numpy() // params.sockets_per_charger, out)
    return replace(years[0], sessions=sessions[~gone].reset_index(drop=True)), params


def battery_out(years: Years, params: PlantParams, _settings: ScenarioSettings, _generator: Generator) -> Perturbed:
    """Battery without power in either direction; what it stores stays where it is."""
    return years[0], params._replace(bess_kw=0.0)


def arrivals_minus(years: Years, params: PlantParams, settings: ScenarioSettings, generator: Generator) -> Perturbed:
    """Fewer vehicles: a share of the sessions, chosen by chance, does not take place."""
    sessions = years[0].sessions
    gone = generator.permutation(len(sessions))[: round(settings.arrivals_change * len(sessions))]
    keep = np.ones(len(sessions), dtype=np.bool_)
    keep[gone] = False
    return replace(years[0], sessions=sessions[keep].reset_index(drop=True)), params


def arrivals_plus(years: Years, params: PlantParams, settings: ScenarioSettings, generator: Generator) -> Perturbed:
    """More vehicles: sessions of the second test scenario at sockets of their class that are free.

    Where the sockets are taken fewer come than asked for: a site has no more room than it has.
    """
    own, others = years[0].sessions, years[-1].sessions
    occupant, _ = occupancy(sessions_from_columns(own), DAYS * 24, params.sockets)
    free = occupant < 0
    added = _seated(others, free, generator, round(settings.arrivals_change * len(own)), _sockets_by_class(own))
    sessions = pd.concat([own, added], ignore_index=True)
    ordered = sessions.sort_values(["arrival", "socket"], kind="stable", ignore_index=True)
    return replace(years[0], sessions=ordered), params


def _sockets_by_class(sessions: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
    return {str(kind): np.sort(rows.unique()) for kind, rows in sessions.groupby("vehicle_class")["socket"]}


def _seated(
    candidates: pd.DataFrame,
    free: NDArray[np.bool_],
    generator: Generator,
    wanted: int,
    sockets: dict[str, NDArray[np.int64]],
) -> pd.DataFrame:
    """As many candidates as wanted, in an order of chance, each at a free socket of its class."""
    arrival, departure = (candidates[name].to_numpy(np.int64) for name in ("arrival", "departure"))
    kind = candidates["vehicle_class"].to_numpy()
    rows: list[int] = []
    seats: list[int] = []
    for row in generator.permutation(len(candidates)):
        if len(rows) == wanted:
            break
        own = sockets.get(str(kind[row]))
        if own is None:
            continue
        stay = slice(arrival[row], departure[row])
        places = own[free[stay][:, own].all(axis=0)]
        if places.size:
            free[stay, places[0]] = False
            rows.append(row)
            seats.append(places[0])
    return candidates.iloc[rows].assign(socket=np.array(seats, dtype=np.int64))


def cloudy_month(years: Years, params: PlantParams, settings: ScenarioSettings, _generator: Generator) -> Perturbed:
    """A month whose days have the PV of the cloudiest week of that year."""
    hourly = years[0].hourly
    weekly = hourly["pv_kwh"].to_numpy()[: DAYS // WEEK * WEEK * 24].reshape(-1, WEEK * 24).sum(axis=1)
    day = np.arange(DAYS)
    cloudy = hourly["month"].to_numpy()[::24] == settings.cloudy_month
    source = np.where(cloudy, int(np.argmin(weekly)) * WEEK + day % WEEK, day)
    rows = (source[:, None] * 24 + np.arange(24)).ravel()
    changed = {name: hourly[name].to_numpy()[rows] for name in ("pv_kwh", "pv_w_per_kw", "clear_ghi_w_m2")}
    return replace(years[0], hourly=with_forecasts(hourly.assign(**changed), params)), params


def short_stays(years: Years, params: PlantParams, _settings: ScenarioSettings, _generator: Generator) -> Perturbed:
    """Every vehicle leaves after one hour, whatever it needs."""
    sessions = years[0].sessions
    return replace(years[0], sessions=sessions.assign(departure=sessions["arrival"] + 1)), params


Perturbation = Callable[[Years, PlantParams, ScenarioSettings, Generator], Perturbed]

PERTURBATIONS: dict[str, Perturbation] = {
    "forecast-error": forecast_error,
    "chargers-out": chargers_out,
    "battery-out": battery_out,
    "arrivals-plus": arrivals_plus,
    "arrivals-minus": arrivals_minus,
    "cloudy-month": cloudy_month,
    "short-stays": short_stays,
}


def perturbed(name: str, years: Years, params: PlantParams, settings: ScenarioSettings, seed: int) -> Perturbed:
    """Perturb the first of the test scenarios.

    Parameters
    ----------
    name
        One of `PERTURBATIONS`.
    years
        The first test scenarios, one or two.
    params
        The plant.
    """
    # By its name, so that another perturbation, wherever it stands, leaves the draws of this one as they are.
    generator = np.random.default_rng([seed, 9, *name.encode()])
    return PERTURBATIONS[name](years, params, settings, generator)
