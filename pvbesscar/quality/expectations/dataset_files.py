"""The files of a CityLearn dataset as they lie on the disk, and what the suites on them share."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pvbesscar.quality.expectations.suite import (
    Expectation,
    among,
    total,
)
from schemas.errors import QualityError
from schemas.results import DatasetManifest
from schemas.settings import HOURS_PER_YEAR, Settings

ROWS = HOURS_PER_YEAR + 1
"""The last row repeats row 0, so that CityLearn makes a transition of every hour."""
BUILDING = (
    "month", "hour", "day_type", "daylight_savings_status", "indoor_dry_bulb_temperature", "non_shiftable_load",
    "dhw_demand", "cooling_demand", "heating_demand", "solar_generation",
)  # fmt: skip
WEATHER = (
    "outdoor_dry_bulb_temperature", "outdoor_relative_humidity", "diffuse_solar_irradiance",
    "direct_solar_irradiance",
)  # fmt: skip
WEATHER_LIMITS = ((-60.0, 58.0), (0.0, 105.0), (0.0, 1500.0), (0.0, 1500.0))
"""deg C, %, W/m2: extremes of the WMO archive, wet sensors, and the solar constant with a tenth for the meter."""
FORECAST_LIMITS = {
    "outdoor_dry_bulb_temperature": (-80.0, 80.0),
    "outdoor_relative_humidity": (-50.0, 200.0),
    "diffuse_solar_irradiance": (0.0, None),
    "direct_solar_irradiance": (0.0, None),
}
"""The same for forecasts. Those of irradiance have no upper limit: the beam of a low sun, scaled by the clear sky of
the next hour, comes to 6,100 W/m2 on measured years. No observation of the schema uses them."""
AHEAD = (1, 2, 3)
PRICE = "electricity_pricing"
VEHICLE = "electric_vehicle_"
STATE = f"{VEHICLE}charger_state"
CHARGER = (
    STATE, *(f"{VEHICLE}{name}" for name in (
        "id", "departure_time", "required_soc_departure", "estimated_arrival_time", "estimated_soc_arrival",
        "session_id",
    )),
)  # fmt: skip
ID, LEAVES_IN, REQUIRED, ARRIVES_IN, ARRIVAL_SOC, SESSION = CHARGER[1:]
ROUNDING = 1e-9
"""Of a ratio that was written as text and read again."""
SUM_TOLERANCE = 1e-6
"""Relative; the manifest sums float32 values, the files hold them in full."""
PV_SLACK = 0.01
"""What a meter of class 0.5 may show above the AC rating, twice."""
REBUILD = "run `pvbesscar build` again; if it stays, it is a fault of the dataset's code, tell the maintainers"
PERCENT = "a percentage: CityLearn reads values above 1 as percent and others as ratios, cell by cell"
EDITED = "the file was changed after it was made, or the code that makes it is wrong"


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """A dataset as it was read.

    Attributes
    ----------
    schema, building
        `schema.json`, and the entry of the site's building in it.
    tables
        Each CSV file that the schema names and that is there, by name.
    sessions
        `sessions.parquet`, which the twin reads where CityLearn reads the charger files.
    waived
        Rules of the quality gate whose findings the site accepts.
    """

    folder: Path
    settings: Settings
    manifest: DatasetManifest
    schema: Mapping[str, Any]
    building: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    sessions: pd.DataFrame
    waived: Collection[str]

    def declared(self, rule: str, column: str, energy: float, key: str, extra: float = 0.0) -> tuple[Expectation, ...]:
        """The sum of a column is a declared energy, unless the site accepts the gate's finding that it is not.

        Parameters
        ----------
        rule
            The gate's rule on that energy.
        energy
            As declared by the setting `key`, in the unit of the column.
        extra
            What the column holds beside the year, its closing row.
        """
        if rule in self.waived:
            return ()
        low, high = (energy * (1.0 + sign * self.settings.quality.energy_tolerance) for sign in (-1.0, 1.0))
        words = {"cause": "another site, unit or interval", "fix": f"set `{key}` to what is true"}
        return (total(column, low + extra, high + extra, "declared", **words),)

    @property
    def chargers(self) -> dict[str, str]:
        """File of each charger, as the schema names it."""
        return {name: str(one.get("charger_simulation")) for name, one in self.building.get("chargers", {}).items()}


def read_dataset(folder: Path, settings: Settings, waived: Collection[str]) -> DatasetFiles:
    """Schema, manifest, sessions of the twin and every CSV file that the schema names and that is there.

    Raises
    ------
    QualityError
        One of them can not be read at all.
    """
    schema = json.loads(_text(folder / "schema.json"))
    manifest = DatasetManifest.model_validate_json(_text(folder / "manifest.json"))
    building = schema.get("buildings", {}).get(settings.site.building, {})
    named = [building.get(key) for key in ("energy_simulation", "weather", "pricing", "carbon_intensity")]
    named += [one.get("charger_simulation") for one in building.get("chargers", {}).values()]
    tables = {name: _table(folder / name) for name in named if name is not None and (folder / name).is_file()}
    try:
        sessions = pd.read_parquet(folder / "sessions.parquet")
    except (OSError, ValueError) as error:
        raise QualityError(f"sessions.parquet of the dataset can not be read: {error}.", hint=REBUILD) from error
    return DatasetFiles(folder, settings, manifest, schema, building, tables, sessions, waived)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QualityError(f"{path.name} of the dataset can not be read: {error}.", hint=REBUILD) from error


def _table(path: Path) -> pd.DataFrame:
    """Read a CSV file of CityLearn; ids are text, also where a file has none."""
    try:
        return pd.read_csv(path, dtype={ID: "str", SESSION: "str"})
    except (OSError, ValueError) as error:
        raise QualityError(f"{path.name} of the dataset is no table: {error}.", hint=REBUILD) from error


def as_word(value: Any) -> str:  # noqa: ANN401, any value of JSON
    """Text of a value, the same for 3 and 3.0 and for a tuple and a list."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(as_word(one) for one in value)}]"
    return f"{value:.12g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def value_at(tree: Any, path: str) -> Any:  # noqa: ANN401
    """Value in a tree of JSON objects by its dotted path; `missing` where there is none."""
    for key in path.split("."):
        tree = tree.get(key, "missing") if isinstance(tree, dict) else "missing"
    return tree


def values_of(tree: Any, declared: Mapping[str, Any]) -> dict[str, str]:  # noqa: ANN401
    """Values of a tree at the declared paths, as words that can be compared."""
    return {key: as_word(value_at(tree, key)) for key in declared}


def as_declared(declared: Mapping[str, Any]) -> tuple[Expectation, ...]:
    """Every declared path has its declared value."""
    return tuple(among(key, [as_word(value)]) for key, value in declared.items())


CONFIGURED = "the schema is of another configuration, or was edited"


def vehicles_due(settings: Settings) -> dict[str, float]:
    """Battery capacity [kWh] of the vehicle of each socket, by its id: the class, then the socket's name."""
    ev = settings.ev
    kinds = [ev.vehicle_class(socket) for socket in range(ev.sockets)]
    return {f"{kind}_{ev.socket_name(socket)}": ev.battery_kwh(kind) for socket, kind in enumerate(kinds)}
