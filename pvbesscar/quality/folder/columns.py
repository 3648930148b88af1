"""Columns of a dataset's files, and a charger's year as CityLearn reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import MISSING, Table
from pvbesscar.oe2.numbers import NUMBER, numbers
from schemas.citylearn import CONNECTED
from schemas.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Rows = NDArray[np.int64]
Kind = Literal["energy_simulation", "weather", "pricing", "carbon_intensity", "charger_simulation"]

_FORECASTS = ("predicted_1", "predicted_2", "predicted_3")
_WEATHER_NOW = (
    "outdoor_dry_bulb_temperature",
    "outdoor_relative_humidity",
    "diffuse_solar_irradiance",
    "direct_solar_irradiance",
)
NEEDED: dict[Kind, tuple[str, ...]] = {
    "energy_simulation": (
        "month", "hour", "day_type", "indoor_dry_bulb_temperature", "non_shiftable_load", "dhw_demand",
        "cooling_demand", "heating_demand", "solar_generation",
    ),
    "weather": (*_WEATHER_NOW, *(f"{name}_{ahead}" for name in _WEATHER_NOW for ahead in _FORECASTS)),
    "pricing": ("electricity_pricing", *(f"electricity_pricing_{ahead}" for ahead in _FORECASTS)),
    "carbon_intensity": ("carbon_intensity",),
    "charger_simulation": (
        "electric_vehicle_charger_state", "electric_vehicle_id", "electric_vehicle_departure_time",
        "electric_vehicle_required_soc_departure", "electric_vehicle_estimated_arrival_time",
        "electric_vehicle_estimated_soc_arrival",
    ),
}  # fmt: skip
"""FileColumns without which CityLearn does not load a file."""

KINDS = tuple(NEEDED)

PARQUET_SUFFIXES = frozenset({".parquet", ".pq", ".parq"})
"""Endings that CityLearn takes for Parquet; it reads anything else as CSV."""

SESSION = "electric_vehicle_session_id"
KNOWN: dict[Kind, tuple[str, ...]] = {
    "energy_simulation": (
        "minutes", "seconds", "daylight_savings_status", "average_unmet_cooling_setpoint_difference",
        "indoor_relative_humidity", "occupant_count", "indoor_dry_bulb_temperature_cooling_set_point",
        "indoor_dry_bulb_temperature_heating_set_point", "hvac_mode", "power_outage", "comfort_band",
    ),
    "weather": (),
    "pricing": (),
    "carbon_intensity": (),
    "charger_simulation": (SESSION,),
}  # fmt: skip
"""Further columns that CityLearn takes."""

STATE, VEHICLE, DEPARTURE, REQUIRED, ARRIVAL, ARRIVAL_SOC = NEEDED["charger_simulation"]
TEXT = frozenset({STATE, VEHICLE, SESSION})


@dataclass(frozen=True, slots=True)
class FileColumns:
    """Columns of one file: numbers as float64 with NaN for what is missing, texts as codes into their values.

    Attributes
    ----------
    header
        All headers of the file, known or not.
    rows
        Number of rows of the file.
    numbers
        Values of each known numeric column, shape (rows,); one that holds no numbers is in `faults`. Of a charger's
        file only the rows that are simulated.
    texts
        Distinct values, and the index of each row's among them, of the same shape.
    faults
        Why a column can not be read as numbers, by column.
    foreign
        What the reader had to bear that CityLearn's does not: another separator, decimal commas, another encoding.
    """

    header: tuple[str, ...]
    rows: int
    numbers: dict[str, FloatArray]
    texts: dict[str, tuple[NDArray[Any], NDArray[np.int64]]]
    faults: dict[str, str]
    foreign: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Whether all of these columns could be read."""
        return all(name in self.numbers or name in self.texts for name in names)

    def text(self, name: str) -> NDArray[Any]:
        """Cells of a text column, shape (rows,)."""
        values, index = self.texts[name]
        return np.asarray(values[index])


def parsed(table: Table, kind: Kind, last: int | None = None) -> FileColumns:
    """Columns of a file that CityLearn knows; one that holds no plain numbers is a fault, not an error.

    Parameters
    ----------
    last
        Last row that CityLearn reads: nothing is kept of a charger's rows behind it; None: all are.
    """
    end = len(table.lines) if last is None or kind != "charger_simulation" else last + 1
    read: dict[str, FloatArray] = {}
    texts: dict[str, tuple[NDArray[Any], NDArray[np.int64]]] = {}
    faults: dict[str, str] = {}
    foreign = [] if table.separator == "," or len(table.header) == 1 else [f"cells separated by `{table.separator}`"]
    # CityLearn takes a file for what its name ends in.
    meant = "Parquet" if table.path.suffix.lower() in PARQUET_SUFFIXES else "UTF-8"
    if not table.encoding.startswith(meant):
        foreign.append(f"{table.encoding} in a file named as {meant}")
    for name in (*NEEDED[kind], *KNOWN[kind]):
        if name not in table.columns:
            continue
        if name in TEXT:
            values, index = np.unique(np.array(table.columns[name], dtype=object).astype(str), return_inverse=True)
            texts[name] = values, index.astype(np.int64)[:end]
            continue
        try:
            column, steps = numbers(table, name)
        except InputError as error:
            faults[name] = error.message
            continue
        read[name] = column[:end]
        foreign += list(steps)
    return FileColumns(tuple(table.header), len(table.lines), read, texts, faults, tuple(foreign))


@dataclass(frozen=True, slots=True)
class Course:
    """A charger's year as CityLearn understands it, had it the states that the file shows.

    Attributes
    ----------
    state
        1 connected, 2 incoming, 3 away; NaN for what is no number, shape (rows,).
    whole
        Whether every cell is a whole number. pandas reads a column with an empty cell or a `1.0` as decimal numbers,
        and CityLearn takes no decimal number for a state: one such cell leaves the charger without a state all year.
    vehicle, session
        Ids, empty where there is none, shape (rows,).
    countdown
        Rows until departure, shape (rows,).
    required, arrival
        SOC wanted at departure and expected at arrival, as ratios, NaN where there is none, shape (rows,).
    """

    state: FloatArray
    whole: bool
    vehicle: NDArray[np.str_]
    session: NDArray[np.str_]
    countdown: FloatArray
    required: FloatArray
    arrival: FloatArray

    @property
    def connected(self) -> BoolArray:
        """Rows with a vehicle."""
        return np.asarray(self.state == CONNECTED)

    @property
    def begins(self) -> Rows:
        """First row of each stay."""
        return np.flatnonzero(self.connected & ~np.append([False], self.stays))

    @property
    def ends(self) -> Rows:
        """Last row of each stay."""
        return np.flatnonzero(self.connected & ~np.append(self.stays, [False]))

    @property
    def stays(self) -> BoolArray:
        """Whether each row and the next belong to one stay, shape (rows - 1,)."""
        both = self.connected[:-1] & self.connected[1:]
        same = (self.vehicle[:-1] == self.vehicle[1:]) & (self.session[:-1] == self.session[1:])
        return np.asarray(both & same)


def course(columns: FileColumns) -> Course | None:
    """Course of a charger, or None where a column is missing or holds no numbers."""
    if not columns.has(STATE, VEHICLE, DEPARTURE, REQUIRED, ARRIVAL_SOC):
        return None
    values, index = columns.texts[STATE]
    if index.size < 2:
        return None
    parsed_states = np.array([float(value) if _is_number(value) else np.nan for value in values], dtype=np.float64)
    return Course(
        state=parsed_states[index],
        whole=all(value.isascii() and value.isdigit() for value in values),
        vehicle=_names(columns, VEHICLE),
        session=_names(columns, SESSION),
        countdown=columns.numbers[DEPARTURE],
        required=soc_ratio(columns.numbers[REQUIRED]),
        arrival=soc_ratio(columns.numbers[ARRIVAL_SOC]),
    )


def soc_ratio(values: FloatArray) -> FloatArray:
    """SOC as CityLearn reads it: above 1 a percentage, value by value; below 0 none."""
    ratio = np.where(values > 1.0, values / 100.0, values).clip(max=1.0)
    return np.where(values < 0.0, np.nan, ratio)


def _names(columns: FileColumns, column: str) -> NDArray[np.str_]:
    if column not in columns.texts:
        return np.full(columns.texts[STATE][1].size, "", dtype=np.str_)
    values, index = columns.texts[column]
    return np.array(["" if value.casefold() in MISSING else value for value in values], dtype=np.str_)[index]


def _is_number(cell: str) -> bool:
    return cell.casefold() not in MISSING and NUMBER.fullmatch(cell) is not None
