"""Settings of the plant and its data: site, weather, PV, mall, chargers and vehicles, battery, grid."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from schemas.settings.fields import FilePath, Frozen, Minutes, MonthDay, PlainName, Unit, Zone, quantity


class DataSettings(Frozen):
    """Where inputs are read and everything else is written."""

    oe2_dir: FilePath = quantity(
        Path("data/interim/oe2"), "", "folder that relative OE2 file names start from", "docs/files.md"
    )
    root: FilePath = quantity(Path(), "", "folder that holds data/, checkpoints/ and outputs/", "the working directory")
    dataset_name: PlainName = quantity(
        "iquitos_ev_mall", "", "folder of the CityLearn dataset under data/processed/citylearn/", "docs/files.md"
    )


class SiteSettings(Frozen):
    """Where the plant stands and what its year looks like."""

    building: PlainName = quantity("Mall_Iquitos", "", "name of the building in CityLearn")
    latitude: float = quantity(-3.75, "deg", "latitude, north positive", ge=-66.0, le=66.0)
    longitude: float = quantity(-73.25, "deg", "longitude, east positive", ge=-180.0, le=180.0)
    altitude_m: float = quantity(104.0, "m", "height above the sea", ge=-430.0, le=6000.0)
    timezone: Zone = quantity("America/Lima", "", "IANA time zone; stamps are local time", "IANA tz database")
    year: int = quantity(
        2025,
        "",
        "declared year of series without stamps and of synthetic ones",
        "docs/design.md, Calendar",
        ge=1990,
        le=2100,
    )
    holidays: tuple[MonthDay, ...] = quantity(
        (
            "01-01", "2024-03-28", "2024-03-29", "2025-04-17", "2025-04-18", "05-01", "06-07", "06-29", "07-23",
            "07-28", "07-29", "08-06", "08-30", "10-08", "11-01", "12-08", "12-09", "12-25",
        ),
        "date", "public holidays, MM-DD each year or YYYY-MM-DD once", "Peru, Decreto Legislativo 713",
    )  # fmt: skip


DETECTED = "none: detected, or refused"


class FileSettings(Frozen):
    """How a file is written: what is not set is detected, and what the file does not prove is refused."""

    separator: Literal["comma", "semicolon", "tab", "pipe"] | None = quantity(
        None, "", "what stands between the file's cells", DETECTED
    )
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] | None = quantity(
        None, "", "encoding of the file's text", DETECTED
    )
    decimal: Literal["point", "comma"] | None = quantity(None, "", "decimal mark of the file's numbers", DETECTED)
    sheet: str | None = quantity(
        None, "", "sheet of an Excel workbook that holds the rows", "none: the only one, or refused"
    )
    stamps: Literal["none", "typical"] | None = quantity(
        None, "", "none: the rows have no stamps and are the declared year; typical: their years are not real, and "
        "each row takes its place in the declared one", "none: each row has its own stamp",
    )  # fmt: skip
    time_column: str | None = quantity(
        None, "", "header of the file's stamps, or of their dates", "none: known headers, or the only stamps"
    )
    dates: Literal["day_first", "month_first", "year_first"] | None = quantity(
        None, "", "order of dates like 01/02/2024 or 24/01/02 in the file", DETECTED
    )
    timestamps: Literal["start", "end", "middle"] | None = quantity(
        None, "", "which moment of its interval a stamp of the file names", DETECTED
    )
    interval_minutes: Minutes | None = quantity(
        None, "min", "length of the file's intervals; shorter ones are brought to hours", DETECTED
    )
    timezone: Zone | None = quantity(
        None, "", "IANA time zone of the file's stamps without offset", "none: as the header says, else site.timezone"
    )


class WeatherColumns(Frozen):
    """Headers of a weather file that has others than the known ones."""

    ghi: str | None = quantity(None, "", "header of global horizontal irradiance", "none: known headers")
    dni: str | None = quantity(None, "", "header of direct normal irradiance", "none: known headers")
    dhi: str | None = quantity(None, "", "header of diffuse horizontal irradiance", "none: known headers")
    temperature: str | None = quantity(None, "", "header of air temperature", "none: known headers")
    wind: str | None = quantity(None, "", "header of wind speed", "none: known headers")
    humidity: str | None = quantity(None, "", "header of relative humidity", "none: known headers, or left out")


class PvSettings(FileSettings):
    """The PV plant and where its yearly generation comes from."""

    dc_kwp: float = quantity(4162.0, "kWp", "DC rating", gt=0.0)
    ac_kw: float = quantity(3201.2, "kW", "AC rating of the inverters", gt=0.0)
    source: Literal["file", "model", "synthetic"] = quantity(
        ..., "", "file: a generation file; model: pvlib on the weather; synthetic: pvlib on the synthetic weather"
    )
    file: FilePath | None = quantity(None, "", "generation file, for `source: file`", "none: must be named")
    column: str | None = quantity(None, "", "column of AC power, or energy per interval", "none: known headers")
    unit: Unit | None = quantity(None, "", "unit of that column", "none: as its header ends, or refused")
    tilt_deg: float = quantity(10.0, "deg", "tilt of the modules", "least tilt that rain keeps clean", ge=0.0, le=90.0)
    azimuth_deg: float = quantity(0.0, "deg", "azimuth, 0 north, 180 south", "faces the equator", ge=0.0, lt=360.0)
    temperature_coefficient_per_k: float = quantity(
        -0.0037,
        "1/K",
        "power change per kelvin of cell temperature",
        "crystalline silicon, data sheets",
        le=0.0,
        ge=-0.01,
    )
    system_losses: float = quantity(
        0.14, "1", "soiling, mismatch, wiring, availability; not temperature, not the inverter",
        "PVWatts version 5 default, NREL/TP-6A20-62641", ge=0.0, lt=1.0,
    )  # fmt: skip
    inverter_efficiency: float = quantity(0.96, "1", "nominal efficiency", "PVWatts version 5 default", gt=0.5, le=1.0)


class WeatherSettings(FileSettings):
    """Irradiance, temperature and wind."""

    source: Literal["file", "synthetic"] = quantity(..., "", "a weather file, or synthetic")
    file: FilePath | None = quantity(None, "", "weather file, for `source: file`", "none: must be named")
    unit: Literal["W/m2", "kW/m2", "Wh/m2", "kWh/m2", "MJ/m2", "kJ/m2", "J/m2", "J/cm2"] | None = quantity(
        None,
        "",
        "unit of the irradiances: mean power, or energy per interval",
        "none: as their headers end, or refused",
    )
    temperature_unit: Literal["degC", "K", "degF"] | None = quantity(
        None, "", "unit of the air temperature", "none: as its header says, else degC"
    )
    wind_unit: Literal["m/s", "km/h", "mph", "kn", "ft/s"] | None = quantity(
        None, "", "unit of the wind speed", "none: as its header says, else m/s"
    )
    columns: WeatherColumns = WeatherColumns()
    decomposition: Literal["erbs", "erbs_driesse"] | None = quantity(
        None, "", "model that splits the GHI of a file without DNI and DHI", "none: such a file is refused"
    )
    annual_ghi_kwh_m2: float = quantity(
        1670.0,
        "kWh/m2",
        "yearly global horizontal irradiation of the synthetic year",
        "an assumption",
        gt=500.0,
        lt=3000.0,
    )


class MallSettings(FileSettings):
    """The demand of the mall without vehicles."""

    source: Literal["file", "synthetic"] = quantity(..., "", "a demand file, or synthetic")
    file: FilePath | None = quantity(None, "", "demand file, for `source: file`", "none: must be named")
    column: str | None = quantity(None, "", "column of power, or energy per interval", "none: known headers")
    unit: Unit | None = quantity(None, "", "unit of that column", "none: as its header ends, or refused")
    declared_kwh: float = quantity(3_358_876.0, "kWh/year", "yearly energy that the design declares", gt=0.0)
    scale_to_declared: bool = quantity(
        False, "", "keep the file's shape, scale its energy to declared_kwh; shown in the report", "off: measured stays"
    )
    open_hours: tuple[int, int] = quantity((9, 23), "h", "mall open, half open interval")


VehicleClass = Literal["moto", "mototaxi"]


class SessionColumns(Frozen):
    """Headers of a sessions file that has others than the known ones."""

    arrival: str | None = quantity(None, "", "header of arrivals: stamps, or hours of the year", "none: known headers")
    departure: str | None = quantity(None, "", "header of departures", "none: known headers")
    socket: str | None = quantity(None, "", "header of socket numbers, from 0", "none: known headers")
    station: str | None = quantity(None, "", "header of names of sockets or stations", "none: known headers")
    port: str | None = quantity(None, "", "header of a station's port or connector", "none: known headers")
    vehicle_class: str | None = quantity(None, "", "header of the class of vehicle", "none: known headers")
    battery_kwh: str | None = quantity(None, "", "header of battery capacities [kWh]", "none: known headers")
    arrival_soc: str | None = quantity(None, "", "header of SOC at arrival [1]", "none: known headers")
    required_soc: str | None = quantity(None, "", "header of SOC wanted at departure [1]", "none: known headers")
    energy: str | None = quantity(None, "", "header of the energy that a session charged", "none: known headers")


class EvSettings(FileSettings):
    """Chargers, sockets, vehicles and where their sessions come from."""

    chargers: int = quantity(32, "", "number of chargers", ge=1, le=128)
    sockets_per_charger: int = quantity(4, "", "sockets of one charger", ge=1, le=4)
    moto_chargers: int = quantity(28, "", "chargers 1 to this one serve motos, the rest mototaxis", ge=0)
    socket_kw: float = quantity(3.5, "kW", "power of one socket", gt=0.0)
    socket_min_kw: float = quantity(0.0, "kW", "least power of a socket that is on", ge=0.0)
    charger_efficiency: float = quantity(0.95, "1", "energy into the battery per energy drawn", gt=0.0, le=1.0)
    moto_battery_kwh: float = quantity(3.5, "kWh", "battery of a moto", gt=0.0)
    mototaxi_battery_kwh: float = quantity(10.0, "kWh", "battery of a mototaxi", gt=0.0)
    required_soc: float = quantity(0.90, "1", "state of charge that a vehicle must leave with", gt=0.0, le=1.0)
    declared_kwh: float = quantity(
        232_341.0, "kWh/year", "yearly energy at the charger that the design declares", gt=0.0
    )
    peak_hours: tuple[int, int] = quantity((18, 22), "h", "evening peak of arrivals, half open interval")
    source: Literal["sessions", "profile", "synthetic"] = quantity(
        ..., "", "sessions: a sessions file; profile: derived from hourly profiles; synthetic"
    )
    file: FilePath | None = quantity(None, "", "sessions or profile file", "none: must be named")
    unit: Unit | None = quantity(
        None, "", "unit of a profile's columns, or of a sessions file's energies",
        "none: as their headers end, else kWh for hourly profiles, or refused",
    )  # fmt: skip
    columns: SessionColumns = SessionColumns()
    rounding: Literal["inner", "outer", "nearest"] = quantity(
        "inner", "", "stays in whole hours: inner, only full hours count; outer, every hour that is touched; nearest",
        "inner: a vehicle is never there when it was not",
    )  # fmt: skip
    leave_out: tuple[Literal["short", "open", "outside"], ...] = quantity(
        (), "", "sessions that are left out and counted: short, of no full hour (else kept in their hour); open, "
        "without departure; outside, of another year", "none: kept, or refused",
    )  # fmt: skip
    file_class: VehicleClass | None = quantity(
        None, "", "class of vehicles of a sessions file that says neither class nor socket",
        "none: that of the sockets, or refused",
    )  # fmt: skip
    dwell_hours: int | None = quantity(
        None, "h", "how long a vehicle stays plugged in; required for derived and synthetic sessions",
        "none: an hourly profile does not say it", ge=1, le=24,
    )  # fmt: skip

    @property
    def sockets(self) -> int:
        """Number of sockets of the site."""
        return self.chargers * self.sockets_per_charger

    def vehicle_class(self, socket: int) -> VehicleClass:
        """Class of vehicle that socket `socket` (0-based) serves."""
        return "moto" if socket // self.sockets_per_charger < self.moto_chargers else "mototaxi"

    def battery_kwh(self, vehicle_class: VehicleClass) -> float:
        """Battery capacity of a vehicle class [kWh]."""
        return self.moto_battery_kwh if vehicle_class == "moto" else self.mototaxi_battery_kwh

    def socket_name(self, socket: int) -> str:
        """Name of socket `socket` (0-based): charger 1..32 and position A-D, e.g. `charger_07_B`."""
        charger, position = divmod(socket, self.sockets_per_charger)
        return f"charger_{charger + 1:02d}_{'ABCD'[position]}"

    @model_validator(mode="after")
    def _check(self) -> EvSettings:
        if self.source != "sessions" and self.dwell_hours is None:
            raise ValueError(
                f"`ev.dwell_hours` is required for `ev.source: {self.source}`: hourly energies do not say how long "
                "vehicles stay, and the answer decides what a controller can win"
            )
        if self.source != "synthetic" and self.file is None:
            raise ValueError(f"`ev.file` is required for `ev.source: {self.source}`")
        if self.moto_chargers > self.chargers:
            raise ValueError(f"`ev.moto_chargers` ({self.moto_chargers}) exceeds `ev.chargers` ({self.chargers})")
        if self.socket_min_kw > self.socket_kw:
            raise ValueError(f"`ev.socket_min_kw` ({self.socket_min_kw}) exceeds `ev.socket_kw` ({self.socket_kw})")
        return self


Curve = tuple[tuple[float, float], ...]


class BessSettings(Frozen):
    """The battery, in the terms of CityLearn's `Battery`."""

    capacity_kwh: float = quantity(4520.0, "kWh", "capacity", gt=0.0)
    power_kw: float = quantity(2712.0, "kW", "nominal power, both directions", gt=0.0)
    efficiency: float = quantity(0.90, "1", "round trip; CityLearn applies its square root each way", gt=0.0, le=1.0)
    depth_of_discharge: float = quantity(0.80, "1", "usable share of the capacity", gt=0.0, le=1.0)
    initial_soc: float = quantity(0.20, "1", "state of charge at the start of an episode", ge=0.0, le=1.0)
    loss_coefficient: float = quantity(0.0, "1/h", "standby loss", ge=0.0, le=1.0)
    capacity_loss_coefficient: float = quantity(0.0, "1", "capacity lost per full cycle", ge=0.0, le=1.0)
    wear_pen_per_kwh: float = quantity(
        0.0, "PEN/kWh", "wear of the battery per kWh that it takes or gives at its terminals; no line of the invoice",
        "none", ge=0.0,
    )  # fmt: skip
    power_efficiency_curve: Curve = quantity(
        ((0.0, 0.9), (1.0, 0.9)), "1", "round-trip efficiency over power / nominal power"
    )
    capacity_power_curve: Curve = quantity(((0.0, 1.0), (1.0, 1.0)), "1", "available power share over state of charge")

    @model_validator(mode="after")
    def _check(self) -> BessSettings:
        if self.initial_soc < 1.0 - self.depth_of_discharge - 1e-9:
            raise ValueError(
                f"`bess.initial_soc` ({self.initial_soc}) is below the reserve 1 - depth_of_discharge "
                f"({1 - self.depth_of_discharge:.3g}): CityLearn would create the missing energy from nothing"
            )
        return self


Fuel = Literal["residual_fuel_oil", "diesel", "natural_gas"]
FUEL_KG_PER_TJ: dict[Fuel, float] = {"residual_fuel_oil": 77_400.0, "diesel": 74_100.0, "natural_gas": 56_100.0}
"""CO2 of a fuel's combustion per heat [kgCO2/TJ], lower heating value: IPCC (2006), Guidelines, volume 2, table 2.2."""
TJ_PER_KWH = 3.6e-6


class CarbonSettings(FileSettings):
    """Where the carbon intensity of the import comes from."""

    source: Literal["declared", "fuel", "file"] = quantity(
        "declared",
        "",
        "declared: `grid.carbon_kg_per_kwh`; fuel: of `grid.fuel` at `grid.generation_efficiency`; file: hour by hour",
        "the design's constant",
    )
    file: FilePath | None = quantity(None, "", "file of hourly intensities, for `source: file`", "none: must be named")
    column: str | None = quantity(None, "", "column of the intensity", "none: known headers")
    unit: Literal["kg/kWh", "g/kWh"] | None = quantity(
        None, "", "unit of that column", "none: as its header ends, or refused"
    )
    measure: Literal["average", "marginal"] | None = quantity(
        None, "", "what the file's intensity is of: all generation, or the next kWh", "none: must be said for a file"
    )

    @model_validator(mode="after")
    def _check(self) -> CarbonSettings:
        missing = [name for name in ("file", "measure") if getattr(self, name) is None]
        if self.source == "file" and missing:
            raise ValueError(f"`carbon.{missing[0]}` is required for `carbon.source: file`")
        return self


class GridSettings(Frozen):
    """Carbon intensity and connection of the isolated thermal grid."""

    carbon_kg_per_kwh: float = quantity(
        0.4521,
        "kgCO2/kWh",
        "carbon intensity of the import, for `carbon.source: declared`",
        "OE2 design; flagged by the rule `carbon.fuel`",
        ge=0.0,
    )
    kind: Literal["isolated", "interconnected"] = quantity(
        "isolated", "", "isolated: what the site buys is made by plants of one fuel nearby", "the grid of Iquitos"
    )
    fuel: Fuel = quantity(
        "residual_fuel_oil", "", "fuel of an isolated grid's plants", "an assumption: engines on heavy fuel oil"
    )
    generation_efficiency: float = quantity(
        0.40,
        "1",
        "electricity at the site per lower heating value of the fuel",
        "an assumption: medium-speed diesel engines, own use and grid losses deducted",
        gt=0.0,
        le=1.0,
    )
    import_limit_kw: float | None = quantity(
        None, "kW", "greatest import of the connection; for sizing alone, no simulator sheds load", "no limit", gt=0.0
    )
    avoided_fuel_kg_per_kwh: float = quantity(
        2.146, "kgCO2/kWh", "fuel emissions avoided per kWh charged; reported apart, never added", ge=0.0
    )

    def fuel_kg_per_kwh(self) -> float:
        """Carbon intensity of the fuel at the efficiency of generation [kgCO2/kWh]."""
        return FUEL_KG_PER_TJ[self.fuel] * TJ_PER_KWH / self.generation_efficiency
