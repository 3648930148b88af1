"""Settings of a scenario: frozen, every number with its unit and the source of its default.

`pvbesscar config show` prints them all with unit and origin; `docs/configuration.md` is made from this module.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

HOURS_PER_YEAR = 8760
SITE_SOURCE = "OE2 design of the Iquitos mall"

Agent = Literal["sac", "ppo", "a2c"]
AGENTS: tuple[Agent, ...] = ("sac", "ppo", "a2c")
Mode = Literal["dispatch", "bidirectional"]
NominalOn = Literal["citylearn", "twin", "both"]
VehicleClass = Literal["moto", "mototaxi"]


def quantity(default: Any, unit: str, description: str, source: str = SITE_SOURCE, **limits: Any) -> Any:  # noqa: ANN401
    """Declare a setting with its unit and the source of its default (`...` as default: the key is required)."""
    return Field(default, description=description, json_schema_extra={"unit": unit, "source": source}, **limits)


class Frozen(BaseModel):
    """Base of all settings: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


def _is_month_day_or_date(value: str) -> str:
    if not re.fullmatch(r"(\d{4}-)?\d{2}-\d{2}", value):
        msg = f"`{value}` is neither MM-DD nor YYYY-MM-DD"
        raise ValueError(msg)
    dt.date.fromisoformat(value if len(value) > 5 else f"2024-{value}")
    return value


def _is_plain_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", value):
        msg = f"`{value}` is not a plain name (letters, digits, `_`, `-`; at most 64)"
        raise ValueError(msg)
    return value


def _is_zone(value: str) -> str:
    # Zone names are looked up as files: a name with dots or a leading slash is no zone.
    msg = f"`{value[:60]}` is no IANA time zone; a name like `America/Lima` or `UTC` is"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", value):
        raise ValueError(msg)
    try:
        zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(msg) from error
    return value


def _is_path(value: Path) -> Path:
    text = str(value)
    if len(text) > 1000 or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        msg = "no path: it is longer than 1,000 characters or holds control characters"
        raise ValueError(msg)
    return value


def _divides_the_hour(value: int) -> int:
    if 60 % value:
        msg = f"{value} minutes do not divide an hour"
        raise ValueError(msg)
    return value


MonthDay = Annotated[str, AfterValidator(_is_month_day_or_date)]
PlainName = Annotated[str, AfterValidator(_is_plain_name)]
Zone = Annotated[str, AfterValidator(_is_zone)]
FilePath = Annotated[Path, AfterValidator(_is_path)]
Minutes = Annotated[int, Field(ge=1, le=60), AfterValidator(_divides_the_hour)]
Unit = Literal["W", "kW", "MW", "kWh", "Wh", "MWh"]


class DataSettings(Frozen):
    """Where inputs are read and everything else is written."""

    oe2_dir: FilePath = quantity(
        Path("data/interim/oe2"), "", "folder that relative OE2 file names start from", "DESIGN, the house"
    )
    root: FilePath = quantity(Path(), "", "folder that holds data/, checkpoints/ and outputs/", "the working directory")
    dataset_name: PlainName = quantity(
        "iquitos_ev_mall", "", "folder of the CityLearn dataset under data/processed/citylearn/", "DESIGN"
    )


class SiteSettings(Frozen):
    """Where the plant stands and what its year looks like."""

    building: PlainName = quantity("Mall_Iquitos", "", "name of the building in CityLearn")
    latitude: float = quantity(-3.75, "deg", "latitude, north positive", ge=-66.0, le=66.0)
    longitude: float = quantity(-73.25, "deg", "longitude, east positive", ge=-180.0, le=180.0)
    altitude_m: float = quantity(104.0, "m", "height above the sea", ge=-430.0, le=6000.0)
    timezone: Zone = quantity("America/Lima", "", "IANA time zone; stamps are local time", "IANA tz database")
    year: int = quantity(
        2025, "", "declared year of series without stamps and of synthetic ones", "DESIGN, calendar", ge=1990, le=2100
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
    dates: Literal["day_first", "month_first"] | None = quantity(
        None, "", "order of dates like 01/02/2024 in the file", DETECTED
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
    temperature: str | None = quantity(None, "", "header of air temperature [deg C]", "none: known headers")
    wind: str | None = quantity(None, "", "header of wind speed [m/s]", "none: known headers")
    humidity: str | None = quantity(None, "", "header of relative humidity [%]", "none: known headers, or left out")


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
    unit: Literal["W/m2", "kW/m2", "Wh/m2", "kWh/m2"] | None = quantity(
        None,
        "",
        "unit of the irradiances: mean power, or energy per interval",
        "none: as their headers end, or refused",
    )
    columns: WeatherColumns = WeatherColumns()
    decomposition: Literal["erbs", "erbs_driesse"] | None = quantity(
        None, "", "model that splits the GHI of a file without DNI and DHI", "none: such a file is refused"
    )
    annual_ghi_kwh_m2: float = quantity(
        1670.0, "kWh/m2", "yearly global horizontal irradiation of the synthetic year", "DESIGN", gt=500.0, lt=3000.0
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
        None, "", "unit of a profile's columns", "none: as their headers end, else kWh for hourly rows, or refused"
    )
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
            msg = (
                f"`ev.dwell_hours` is required for `ev.source: {self.source}`: hourly energies do not say how long "
                "vehicles stay, and the answer decides what a controller can win"
            )
            raise ValueError(msg)
        if self.source != "synthetic" and self.file is None:
            msg = f"`ev.file` is required for `ev.source: {self.source}`"
            raise ValueError(msg)
        if self.moto_chargers > self.chargers:
            msg = f"`ev.moto_chargers` ({self.moto_chargers}) exceeds `ev.chargers` ({self.chargers})"
            raise ValueError(msg)
        if self.socket_min_kw > self.socket_kw:
            msg = f"`ev.socket_min_kw` ({self.socket_min_kw}) exceeds `ev.socket_kw` ({self.socket_kw})"
            raise ValueError(msg)
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
    power_efficiency_curve: Curve = quantity(
        ((0.0, 0.9), (1.0, 0.9)), "1", "round-trip efficiency over power / nominal power"
    )
    capacity_power_curve: Curve = quantity(((0.0, 1.0), (1.0, 1.0)), "1", "available power share over state of charge")

    @model_validator(mode="after")
    def _check(self) -> BessSettings:
        if self.initial_soc < 1.0 - self.depth_of_discharge - 1e-9:
            msg = (
                f"`bess.initial_soc` ({self.initial_soc}) is below the reserve 1 - depth_of_discharge "
                f"({1 - self.depth_of_discharge:.3g}): CityLearn would create the missing energy from nothing"
            )
            raise ValueError(msg)
        return self


class GridSettings(Frozen):
    """Tariff and carbon intensity of the isolated thermal grid."""

    carbon_kg_per_kwh: float = quantity(0.4521, "kgCO2/kWh", "carbon intensity of the import", ge=0.0)
    peak_price: float = quantity(0.45, "PEN/kWh", "price in the tariff peak", ge=0.0)
    base_price: float = quantity(0.28, "PEN/kWh", "price otherwise", ge=0.0)
    feed_in_price: float = quantity(0.0, "PEN/kWh", "what an exported kWh earns", ge=0.0)
    peak_hours: tuple[int, int] = quantity((18, 23), "h", "tariff peak, half open interval")
    avoided_fuel_kg_per_kwh: float = quantity(
        2.146, "kgCO2/kWh", "fuel emissions avoided per kWh charged; reported apart, never added", ge=0.0
    )


class WeightSettings(Frozen):
    """Weights of the reward and of the score J."""

    co2: float = quantity(0.50, "1", "CO2 of the import", "DESIGN, score", ge=0.0, le=1.0)
    solar: float = quantity(0.20, "1", "PV neither used nor stored", "DESIGN, score", ge=0.0, le=1.0)
    cost: float = quantity(0.15, "1", "cost of energy", "DESIGN, score", ge=0.0, le=1.0)
    ev_service: float = quantity(
        0.10, "1", "energy short of the required SOC at departure", "DESIGN, score", ge=0.0, le=1.0
    )
    grid_stability: float = quantity(
        0.05, "1", "change of the import from hour to hour", "DESIGN, score", ge=0.0, le=1.0
    )

    @model_validator(mode="after")
    def _check(self) -> WeightSettings:
        total = self.co2 + self.solar + self.cost + self.ev_service + self.grid_stability
        if abs(total - 1.0) > 1e-9:
            msg = f"the five weights add up to {total:.6g}, not to 1"
            raise ValueError(msg)
        return self


class ControlSettings(Frozen):
    """How an action becomes setpoints, and what the observation may know."""

    mode: Mode = quantity("dispatch", "", "what the battery's action means", "DESIGN, actions")
    departure_guard: bool = quantity(True, "", "raise sockets to what the departure still needs", "DESIGN, actions")
    forecast: Literal["causal", "perfect"] = quantity(
        "causal", "", "perfect is for ablation only and named in the report", "DESIGN, observation"
    )


class Window(Frozen):
    """A fixed stretch of the year, used for validation."""

    name: PlainName = quantity(..., "", "name of the window")
    start: MonthDay = quantity(..., "date", "first day, MM-DD or YYYY-MM-DD")
    hours: int = quantity(168, "h", "length", "a week", ge=24, le=HOURS_PER_YEAR)


class Profile(Frozen):
    """How long agents train and on what they are judged."""

    steps: int = quantity(..., "steps", "environment steps of each agent", "DESIGN, profiles", ge=1)
    episode_hours: int = quantity(..., "h", "length of an episode", "DESIGN, profiles", ge=24, le=HOURS_PER_YEAR)
    evaluate_on: Literal["windows", "year"] = quantity(..., "", "what controllers are judged on", "DESIGN, profiles")
    checkpoint_every: int = quantity(..., "steps", "steps between checkpoints", "DESIGN, profiles", ge=1)
    scenarios: tuple[str, ...] = quantity(
        ("nominal",), "", "sets of scenarios or scenarios that controllers are judged on", "the validated year"
    )
    nominal_on: NominalOn = quantity(
        "citylearn",
        "",
        "what simulates the validated year when controllers are judged; `both`: the twin, and CityLearn runs every "
        "controller again on the validation windows, where the two must agree bit for bit",
        "CityLearn has the last word",
    )
    controllers: tuple[str, ...] = quantity(
        ("no-control", "rule", "constant-1"), "", "controllers judged beside the agents", "those that are quick"
    )


class SacSettings(Frozen):
    """Soft actor-critic, Stable-Baselines3's names."""

    learning_rate: float = quantity(3e-4, "1", "step size", "SB3 default", gt=0.0)
    buffer_size: int = quantity(50_000, "steps", "replay buffer", "fits 24 GiB with three trainers", ge=1)
    batch_size: int = quantity(256, "steps", "batch", "SB3 default", ge=1)
    learning_starts: int = quantity(
        500, "steps", "random actions before the first update", "a fifth of smoke's start", ge=0
    )
    update_every: int = quantity(
        32, "steps", "steps of all plants together between updates", "measured: the learner is the limit", ge=1
    )
    gradient_steps: int = quantity(2, "", "updates each time", "measured: the learner is the limit", ge=1)
    gamma: float = quantity(0.98, "1", "discount per hour", "a horizon of two days", gt=0.0, le=1.0)
    net_arch: tuple[int, ...] = quantity((256, 256), "", "hidden layers", "SB3 default")


class PpoSettings(Frozen):
    """Proximal policy optimisation, Stable-Baselines3's names."""

    learning_rate: float = quantity(3e-4, "1", "step size", "SB3 default", gt=0.0)
    update_every: int = quantity(
        1024, "steps", "steps of all plants together between updates", "32 plants of 32 hours", ge=2
    )
    batch_size: int = quantity(256, "steps", "batch", "divides update_every", ge=2)
    n_epochs: int = quantity(10, "", "passes over each rollout", "SB3 default", ge=1)
    gamma: float = quantity(0.98, "1", "discount per hour", "a horizon of two days", gt=0.0, le=1.0)
    log_std_init: float = quantity(-1.5, "1", "log of the initial spread of actions", "actions live in [0, 1]")
    net_arch: tuple[int, ...] = quantity((256, 256), "", "hidden layers", "as SAC")


class A2cSettings(Frozen):
    """Advantage actor-critic, Stable-Baselines3's names."""

    learning_rate: float = quantity(7e-4, "1", "step size", "SB3 default", gt=0.0)
    update_every: int = quantity(
        256, "steps", "steps of all plants together between updates", "32 plants of 8 hours", ge=1
    )
    gamma: float = quantity(0.98, "1", "discount per hour", "a horizon of two days", gt=0.0, le=1.0)
    log_std_init: float = quantity(-1.5, "1", "log of the initial spread of actions", "actions live in [0, 1]")
    net_arch: tuple[int, ...] = quantity((256, 256), "", "hidden layers", "as SAC")


class TrainingSettings(Frozen):
    """What the agents learn with."""

    agents: tuple[Agent, ...] = quantity(AGENTS, "", "which agents to train", "DESIGN")
    seed: int = quantity(
        42, "", "seed of what learns from the data: agents, the search of the tuned rule", "any", ge=0, lt=2**31
    )
    simulator: Literal["twin", "citylearn"] = quantity(
        "twin", "", "what agents train on: CityLearn's certified twin, or CityLearn itself", "DESIGN"
    )
    scenarios: Literal["nominal", "training"] = quantity(
        "training",
        "",
        "years that agents train on: the validated one, or the training scenarios",
        "an agent is judged on weeks that it has not seen",
    )
    plants: int = quantity(32, "", "plants that the twin runs at once; CityLearn runs one", "measured", ge=1, le=1024)
    sequential: bool = quantity(False, "", "train one after another instead of in parallel", "off")
    timeout_h: float | None = quantity(
        None, "h", "longest time that one agent may train; the others are not touched", "no limit", gt=0.0
    )
    sac: SacSettings = SacSettings()
    ppo: PpoSettings = PpoSettings()
    a2c: A2cSettings = A2cSettings()
    smoke: Profile = Profile(steps=5_000, episode_hours=168, evaluate_on="windows", checkpoint_every=50_000)
    full: Profile = Profile(
        steps=100_000,
        episode_hours=168,
        evaluate_on="year",
        checkpoint_every=50_000,
        scenarios=("nominal", "test"),
        # A year of one controller takes CityLearn and its `evaluate_v2` a minute and a half.
        nominal_on="both",
        controllers=("no-control", "rule", "constant-1", "tuned-rule", "mpc", "mpc-perfect-day"),
    )

    @model_validator(mode="after")
    def _check(self) -> TrainingSettings:
        if self.simulator == "citylearn" and self.scenarios == "training":
            msg = (
                "`training.simulator: citylearn` trains on the dataset's own year: set `training.scenarios: nominal`, "
                "or train on the twin"
            )
            raise ValueError(msg)
        return self


class EvaluationSettings(Frozen):
    """What controllers are judged on."""

    windows: tuple[Window, ...] = quantity(
        (
            Window(name="wet", start="03-10"),
            Window(name="dry", start="08-11"),
            Window(name="holiday", start="12-22"),
        ),
        "", "validation windows: name, start, hours", "a wet week, a dry week, Christmas",
    )  # fmt: skip


class ScenarioSettings(Frozen):
    """Plausible years drawn from the validated one, week by week; see docs/scenarios.md."""

    training: int = quantity(20, "years", "years that agents train and rules are fitted on", "DESIGN, scenarios", ge=0)
    validation: int = quantity(5, "years", "years to choose settings by", "DESIGN, scenarios", ge=0, le=99)
    test: int = quantity(
        10, "years", "years to judge on; none of their weeks is in training", "DESIGN, scenarios", ge=0
    )
    wet_months: tuple[int, ...] = quantity(
        (11, 12, 1, 2, 3, 4, 5), "", "months of the wet season; the others are dry", "SENAMHI, climate of Iquitos"
    )
    load_noise: float = quantity(
        0.03, "1", "standard deviation of a day's factor on the mall's demand", "an assumption", ge=0.0, le=0.3
    )
    load_memory: float = quantity(
        0.7, "1", "correlation of that factor from one day to the next", "an assumption", ge=0.0, lt=1.0
    )
    forecast_error: float = quantity(
        0.2, "1", "`forecast-error`: standard deviation of the factor on each forecast", "an assumption", ge=0.0, le=1.0
    )
    chargers_out: float = quantity(
        0.1, "1", "`chargers-out`: share of the chargers that are out of order", "DESIGN, scenarios", ge=0.0, lt=1.0
    )
    arrivals_change: float = quantity(
        0.2, "1", "`arrivals-plus`, `arrivals-minus`: share of the sessions", "DESIGN, scenarios", ge=0.0, lt=1.0
    )
    cloudy_month: int = quantity(
        8, "", "`cloudy-month`: the month whose days are the cloudiest week's", "the sunniest season", ge=1, le=12
    )

    @model_validator(mode="after")
    def _check(self) -> ScenarioSettings:
        if not set(self.wet_months) <= set(range(1, 13)):
            msg = f"`scenarios.wet_months` = {list(self.wet_months)} are no months 1 to 12"
            raise ValueError(msg)
        return self


class Waiver(Frozen):
    """A finding that the site has looked at and accepts until a date; false solar can not be waived."""

    rule: str = quantity(..., "", "id of the rule", min_length=3, max_length=64)
    reason: str = quantity(..., "", "why the finding is accepted, in words for the report", min_length=10)
    until: dt.date = quantity(..., "date", "last day on which the waiver holds")


class QualitySettings(Frozen):
    """Limits of the quality gate that the site may set, and the findings that it accepts."""

    waivers: tuple[Waiver, ...] = quantity(
        (), "", "findings accepted for a while: rule, reason, until (a date); judged against `date`", "none"
    )
    data_docs: bool = quantity(
        False,
        "",
        "write Great Expectations' Data Docs beside the quality report; they open offline",
        "off: they repeat the report, and importing the library takes some 7 s",
    )

    energy_tolerance: float = quantity(
        0.01, "1", "how far a yearly energy may be from the declared one", "DESIGN, quality", gt=0.0, le=0.5
    )


class RunSettings(Frozen):
    """How runs get on with one another; no result depends on it."""

    when_busy: Literal["wait", "refuse"] = quantity(
        "wait", "", "what a run does while another one is at work in the same project folder", "nothing is lost"
    )


class Settings(Frozen):
    """One scenario, whole."""

    name: PlainName = quantity(..., "", "name of the scenario")
    description: str = quantity("", "", "one line for the report", "none")
    seed: int = quantity(42, "", "seed of the data: synthetic series and drawn years", "any", ge=0, lt=2**31)
    date: dt.date | None = quantity(None, "", "declared date of the run, for waivers", "today, when not set")
    data: DataSettings = DataSettings()
    site: SiteSettings = SiteSettings()
    weather: WeatherSettings
    pv: PvSettings
    mall: MallSettings
    ev: EvSettings
    bess: BessSettings = BessSettings()
    grid: GridSettings = GridSettings()
    weights: WeightSettings = WeightSettings()
    control: ControlSettings = ControlSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    scenarios: ScenarioSettings = ScenarioSettings()
    quality: QualitySettings = QualitySettings()
    runs: RunSettings = RunSettings()

    def profile(self, name: str) -> Profile:
        """Profile `smoke` or `full` of the training."""
        profile: Profile = getattr(self.training, name)
        return profile

    @model_validator(mode="after")
    def _check(self) -> Settings:
        for key, section in (("weather", self.weather), ("pv", self.pv), ("mall", self.mall)):
            if section.source == "file" and section.file is None:
                msg = f"`{key}.file` is required for `{key}.source: file`"
                raise ValueError(msg)
        if self.pv.source == "synthetic" and self.weather.source != "synthetic":
            msg = (
                "`pv.source: synthetic` needs `weather.source: synthetic`; for measured weather use `pv.source: model`"
            )
            raise ValueError(msg)
        if self.pv.source == "model" and self.weather.source != "file":
            msg = "`pv.source: model` needs `weather.source: file`; for synthetic weather use `pv.source: synthetic`"
            raise ValueError(msg)
        for key, hours in (
            ("mall.open_hours", self.mall.open_hours),
            ("ev.peak_hours", self.ev.peak_hours),
            ("grid.peak_hours", self.grid.peak_hours),
        ):
            if not 0 <= hours[0] < hours[1] <= 24:
                msg = f"`{key}` = {list(hours)} is no half open interval within [0, 24]"
                raise ValueError(msg)
        return self
