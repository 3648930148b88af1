"""A year of the plant as arrays: series, sessions and battery, read from a dataset folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant.battery import Battery
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.tariff import Tariff, hours_to_change, tariff_of
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.files import read_json
from schemas.errors import StaleError
from schemas.settings import Mode, TariffSettings

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Int32Array = NDArray[np.int32]

PLANT_FILE = "plant.json"
HOURLY_FILE = "hourly.parquet"
SESSIONS_FILE = "sessions.parquet"

RULE_IMPORT_COLUMN = "rule_import_kwh"
FORECAST_COLUMNS = ("pv_next", "pv_next3", "mall_next", "mall_next3")


class Columns(Protocol):
    """Arrays of one length by name: a dictionary, or a pandas frame."""

    def __getitem__(self, name: Any, /) -> Any:  # noqa: ANN401, whatever NumPy makes an array of
        """Column `name`."""


class Sessions(NamedTuple):
    """Charging sessions of a year, one row each; `departure` is exclusive.

    All arrays have shape (n_sessions,); states of charge are ratios, held as float32 like CityLearn holds them.
    """

    socket: IntArray
    arrival: IntArray
    departure: IntArray
    battery_kwh: FloatArray
    arrival_soc: NDArray[np.float32]
    required_soc: NDArray[np.float32]


class Exogenous(NamedTuple):
    """What hour `t` of the year brings to the plant from outside; no controller changes it. Units as in `PlantData`."""

    t: int
    pv_kwh: float
    mall_kwh: float
    price: float
    carbon: float
    price_next: float
    hours_to_tariff_change: int
    forecast: FloatArray
    calendar: IntArray


@dataclass(frozen=True, slots=True)
class PlantData:
    """One year of one plant, N hours and K sockets.

    Attributes
    ----------
    params
        The plant.
    pv_kwh, mall_kwh
        Energy of each hour, shape (N,) [kWh], as CityLearn holds it (float32 values).
    price, carbon
        Import price [PEN/kWh] and carbon intensity [kgCO2/kWh], shape (N,).
    forecast
        Columns `FORECAST_COLUMNS`, shape (N, 4) [kWh]: next hour, and mean of the next three.
    net_forecast
        Mall less PV of the next 24 hours as it is known now, shape (N, 24) [kWh]; see `net_load_forecast`.
    calendar
        Hour of day, month, day type (1 Monday ... 7 Sunday, 8 holiday), shape (N, 3).
    price_next
        Price of the following hour, shape (N,).
    hours_to_tariff_change
        Hours until the price differs from now, shape (N,).
    sessions
        The year's sessions.
    occupant
        Session at socket k in hour t, or -1; shape (N, K).
    hours_left
        Hours until that session departs, this hour included, 0 if none; shape (N, K).
    ev_kwh
        Battery capacity of each socket's vehicles, shape (K,) [kWh].
    bess
        The battery, as CityLearn's schema names it.
    reference
        Totals X of the five terms under no control over the year (EV service: energy required), shape (5,).
    tariff
        Demand charges and fee, and the rule's import that a stretch inside the year begins from.
    stamps_utc, timezone
        Start of each hour as datetime64 in UTC, shape (N,), and the IANA name of the site's time zone.
    forecast_kind
        `causal` or `perfect`.
    digest
        Identity of the dataset.
    """

    params: PlantParams
    pv_kwh: FloatArray
    mall_kwh: FloatArray
    price: FloatArray
    carbon: FloatArray
    forecast: FloatArray
    calendar: IntArray
    price_next: FloatArray
    hours_to_tariff_change: IntArray
    net_forecast: FloatArray
    tariff: Tariff
    sessions: Sessions
    occupant: Int32Array
    hours_left: Int32Array
    reference: FloatArray
    ev_kwh: FloatArray
    bess: Battery
    stamps_utc: NDArray[np.datetime64]
    timezone: str
    forecast_kind: str
    digest: str

    @property
    def hours(self) -> int:
        """Number of hours N."""
        return int(self.pv_kwh.size)

    @property
    def stamps(self) -> pd.DatetimeIndex:
        """Start of each hour in local time, shape (N,)."""
        import pandas as pd  # noqa: PLC0415 (0.8 s that the twin does without)

        return pd.DatetimeIndex(self.stamps_utc, tz="UTC").tz_convert(self.timezone)

    def exogenous(self, t: int) -> Exogenous:
        """What hour `t` brings from outside."""
        return Exogenous(
            t, self.pv_kwh[t], self.mall_kwh[t], self.price[t], self.carbon[t], self.price_next[t],
            self.hours_to_tariff_change[t], self.forecast[t], self.calendar[t],
        )  # fmt: skip

    def with_mode(self, mode: Mode) -> PlantData:
        """Return the same year for a plant whose battery action means `mode`."""
        return replace(self, params=self.params._replace(bidirectional=mode == "bidirectional"))

    def with_rule_import(self, import_kwh: FloatArray) -> PlantData:
        """Return the same year with the import of the rule, shape (N,) [kWh], that its stretches begin from."""
        return replace(self, tariff=self.tariff._replace(rule_import_kwh=np.asarray(import_kwh, np.float64)))

    def window_start(self, month_day: str) -> int:
        """First hour at or after a month and day (MM-DD or YYYY-MM-DD) of this year."""
        month, day = (int(part) for part in month_day.split("-")[-2:])
        stamps = self.stamps
        later = (stamps.month > month) | ((stamps.month == month) & (stamps.day >= day))
        if not later.any():
            raise StaleError(
                f"the year {stamps[0]} to {stamps[-1]} has no hour at or after {month_day}.",
                hint="set `evaluation.windows` to starts inside the year.",
            )
        return int(np.argmax(later))


def occupancy(sessions: Sessions, hours: int, sockets: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Session (or -1) at each socket in each hour, and the hours that it has left, both of shape (hours, sockets)."""
    occupant = np.full((hours, sockets), -1, dtype=np.int32)
    hours_left = np.zeros((hours, sockets), dtype=np.int32)
    stay = sessions.departure - sessions.arrival
    index = np.repeat(np.arange(stay.size), stay)
    # Hours since arrival, for all hours of all sessions in a row: 0, 1, ..., stay - 1, 0, 1, ...
    step = np.arange(index.size) - np.repeat(np.cumsum(stay) - stay, stay)
    where = (sessions.arrival[index] + step, sessions.socket[index])
    occupant[where] = index
    hours_left[where] = stay[index] - step
    return occupant, hours_left


def perfect_forecast(pv_kwh: FloatArray, mall_kwh: FloatArray) -> FloatArray:
    """Forecast columns filled with what will happen, for ablation only; shape (N, 4)."""
    columns = []
    for series in (pv_kwh, mall_kwh):
        ahead = [np.roll(series, -step) for step in (1, 2, 3)]
        columns += [ahead[0], (ahead[0] + ahead[1] + ahead[2]) / 3.0]
    return np.column_stack(columns)


def net_load_forecast(pv_kwh: FloatArray, mall_kwh: FloatArray, forecast: FloatArray) -> FloatArray:
    """Mall less PV of the next 24 hours, as it is known in each hour, shape (N, 24) [kWh].

    Yesterday's course, corrected by the forecasts of 1 h and of the mean of 3 h: of the mall by their difference from
    yesterday, of PV by their ratio to it (at most 2). The corrections hold for 3 hours and fade until the 24th. In
    the first day of the year the present hour stands for what no yesterday tells.

    Parameters
    ----------
    pv_kwh, mall_kwh
        Energy of each hour, shape (N,).
    forecast
        Columns `FORECAST_COLUMNS`, shape (N, 4).
    """
    ahead = np.arange(1, 25)
    hour = np.arange(pv_kwh.size)[:, None]
    yesterday = np.where(hour + ahead >= 24, hour + ahead - 24, hour)
    kept = np.minimum(1.0, (24 - ahead) / 21.0)
    pv, mall = pv_kwh[yesterday], mall_kwh[yesterday]
    near = pv[:, 0] + pv[:, 1] + pv[:, 2]
    ratio = np.divide(3.0 * forecast[:, 1], near, out=np.ones_like(near), where=near > 0.0)
    pv *= 1.0 + (np.minimum(ratio, 2.0) - 1.0)[:, None] * kept
    mall += (forecast[:, 3] - (mall[:, 0] + mall[:, 1] + mall[:, 2]) / 3.0)[:, None] * kept
    pv[:, 0], mall[:, 0] = forecast[:, 0], forecast[:, 2]
    result: FloatArray = np.maximum(mall, 0.0) - pv
    return result


def perfect_net_load(pv_kwh: FloatArray, mall_kwh: FloatArray) -> FloatArray:
    """Mall less PV of the next 24 hours as it will be, for ablation only; shape (N, 24) [kWh]."""
    return np.column_stack([np.roll(mall_kwh - pv_kwh, -step) for step in range(1, 25)])


def sessions_from_columns(columns: Columns) -> Sessions:
    """Sessions from columns named as in a canonical sessions file."""
    kinds = (np.int64, np.int64, np.int64, np.float64, np.float32, np.float32)
    return Sessions(*(np.asarray(columns[name], kind) for name, kind in zip(Sessions._fields, kinds, strict=True)))


def bess_battery(params: PlantParams, batteries: dict[str, Any]) -> Battery:
    """Battery of the site, its curves as arrays of shape (2, n)."""
    curves = [
        np.ascontiguousarray(np.array(batteries[name], dtype=np.float64).T)
        for name in ("power_efficiency_curve", "capacity_power_curve")
    ]
    return Battery(
        params.bess_kwh,
        params.bess_kw,
        params.bess_depth_of_discharge,
        params.bess_loss_coefficient,
        params.bess_capacity_loss_coefficient,
        *curves,
    )


def load_plant(dataset: Path) -> PlantData:
    """Read a dataset folder's plant.

    Parameters
    ----------
    dataset
        Folder written by the `build` stage.

    Raises
    ------
    StaleError
        The folder is missing or is not what its manifest says.
    """
    manifest = read_manifest(dataset)
    stored: dict[str, Any] = read_json(dataset / PLANT_FILE)
    missing = {"params", "batteries", "reference", "forecast", "tariff"} - stored.keys()
    if missing or stored["params"].keys() != set(PlantParams._fields):
        raise StaleError(
            f"{dataset / PLANT_FILE}: written by another version of pvbesscar.",
            hint="run `pvbesscar build --config CONFIG` again; it replaces the whole folder.",
        )
    hourly, timezone = read_columns(dataset / HOURLY_FILE)
    sessions, _ = read_columns(dataset / SESSIONS_FILE)
    data = assemble(
        PlantParams.of_json(stored["params"]),
        stored["batteries"],
        hourly,
        sessions,
        timezone,
        reference=np.array([stored["reference"][name] for name in stored["reference"]]),
        forecast_kind=stored["forecast"],
        digest=manifest.digest,
        tariff=TariffSettings.model_validate(stored["tariff"]),
    )
    return data.with_rule_import(hourly[RULE_IMPORT_COLUMN])


def read_columns(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """Numbers and stamps of a Parquet file as arrays by name, stamps in UTC, and the stamps' time zone (or "")."""
    # `ParquetFile` and DLPack, for `read_table` and `to_numpy` both import pandas: a second before the first step.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(path) as file:
        table = file.read()
    columns: dict[str, NDArray[Any]] = {}
    timezone = ""
    for field in table.schema:
        values, view = table.column(field.name), ""
        if pa.types.is_timestamp(field.type):
            timezone = timezone or field.type.tz or ""
            values, view = values.cast(pa.int64()), f"datetime64[{field.type.unit}]"
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            array = np.concatenate([np.from_dlpack(chunk) for chunk in values.chunks])
            columns[field.name] = array.view(view) if view else array
    return columns, timezone


def assemble(
    params: PlantParams,
    batteries: dict[str, Any],
    hourly: Columns,
    sessions_columns: Columns,
    timezone: str,
    reference: FloatArray,
    forecast_kind: str,
    digest: str,
    tariff: TariffSettings,
) -> PlantData:
    """Arrays of a plant's year from its hourly and session columns (named as `build` writes them).

    The rule's import is left at zero; see `PlantData.with_rule_import`.

    `hourly["timestamp"]` is in UTC without saying so (datetime64), `timezone` is the site's.
    """
    pv_kwh = np.asarray(hourly["pv_kwh"], np.float64)
    mall_kwh = np.asarray(hourly["mall_kwh"], np.float64)
    price = np.asarray(hourly["price"], np.float64)
    sessions = sessions_from_columns(sessions_columns)
    occupant, hours_left = occupancy(sessions, pv_kwh.size, params.sockets)
    causal = _matrix(hourly, [f"{name}_kwh" for name in FORECAST_COLUMNS], np.float64)
    perfect = forecast_kind == "perfect"
    calendar = _matrix(hourly, ["hour", "month", "day_type"], np.int64)
    return PlantData(
        params=params,
        pv_kwh=pv_kwh,
        mall_kwh=mall_kwh,
        price=price,
        carbon=np.asarray(hourly["carbon"], np.float64),
        forecast=np.ascontiguousarray(perfect_forecast(pv_kwh, mall_kwh) if perfect else causal),
        net_forecast=perfect_net_load(pv_kwh, mall_kwh) if perfect else net_load_forecast(pv_kwh, mall_kwh, causal),
        calendar=calendar,
        price_next=np.roll(price, -1),
        hours_to_tariff_change=hours_to_change(price),
        tariff=tariff_of(tariff, calendar, np.zeros(pv_kwh.size)),
        sessions=sessions,
        occupant=occupant,
        hours_left=hours_left,
        reference=reference,
        ev_kwh=np.array(batteries["ev_kwh"], dtype=np.float64),
        bess=bess_battery(params, batteries),
        stamps_utc=np.asarray(hourly["timestamp"]),
        timezone=timezone,
        forecast_kind=forecast_kind,
        digest=digest,
    )


def _matrix(columns: Columns, names: Sequence[str], dtype: type) -> NDArray[Any]:
    return np.ascontiguousarray(np.column_stack([np.asarray(columns[name], dtype) for name in names]))
