"""Devices in the schema: values that can be built, and none that CityLearn would draw at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.folder.dataset_folder import CITYLEARN, DatasetFolder, folder_rule, mapping, number, short_name
from pvbesscar.quality.folder.rules.schema import listed, said

ENERGY_MODEL = f"{CITYLEARN}, energy_model.py"
CURVES = ("power_efficiency_curve", "capacity_power_curve")
BATTERY, HEAT_PUMP, HEATER, TANK = "Battery", "HeatPump", "ElectricHeater", "StorageTank"
DRAWN = {
    BATTERY: ("efficiency", "loss_coefficient", "capacity_loss_coefficient", *CURVES),
    HEAT_PUMP: ("efficiency", "target_heating_temperature", "target_cooling_temperature"),
    HEATER: ("efficiency",),
    TANK: ("efficiency", "loss_coefficient"),
}
"""Attributes that CityLearn draws at random where the schema is silent, by the class of the device."""

DRAWN_OF_A_VEHICLE = ("initial_soc", "efficiency", "capacity_loss_coefficient", *CURVES)

DEFAULTS = {
    "electrical_storage": ("capacity", "nominal_power", "depth_of_discharge", "initial_soc"),
    "pv": ("nominal_power", "generation_mode"),
}
DEFAULTS_OF_A_CHARGER = (
    "efficiency",
    "max_charging_power",
    "min_charging_power",
    "max_discharging_power",
    "min_discharging_power",
)
PARTS = (
    "electrical_storage", "cooling_device", "heating_device", "dhw_device", "cooling_storage", "heating_storage",
    "dhw_storage",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """Values that an attribute may have, in its unit."""

    low: float
    high: float
    unit: str
    open_below: bool = False

    def holds(self, value: float | None) -> bool:
        """Whether a value lies in the span; what is no number does not."""
        return value is not None and (self.low < value if self.open_below else self.low <= value) and value <= self.high

    @property
    def words(self) -> str:
        """The span as a limit."""
        return f"{'above' if self.open_below else 'from'} {self.low:g} to {self.high:g}{self.unit and f' {self.unit}'}"


SHARE = Span(0.0, 1.0, "", open_below=True)
RATIO = Span(0.0, 1.0, "")
STORAGE_SPANS = {
    "capacity": Span(0.0, 1e6, "kWh", open_below=True),
    "nominal_power": Span(0.0, 1e6, "kW", open_below=True),
    "efficiency": SHARE,
    "depth_of_discharge": SHARE,
    "initial_soc": RATIO,
    "loss_coefficient": Span(0.0, 0.05, "per hour"),
    "capacity_loss_coefficient": Span(0.0, 0.01, "per cycle"),
}
VEHICLE_SPANS = STORAGE_SPANS | {"capacity": Span(0.2, 1000.0, "kWh"), "nominal_power": Span(0.05, 2000.0, "kW")}
CHARGER_SPANS = {
    "efficiency": SHARE,
    "max_charging_power": Span(0.0, 1000.0, "kW", open_below=True),
    "min_charging_power": Span(0.0, 1000.0, "kW"),
    "max_discharging_power": Span(0.0, 1000.0, "kW"),
    "min_discharging_power": Span(0.0, 1000.0, "kW"),
}
PV_SPANS = {"nominal_power": Span(0.0, 1e6, "kW", open_below=True)}


def attributes(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Attributes of a device."""
    return mapping(part.get("attributes"))


def _devices(folder: DatasetFolder) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Key, class and schema of every device of every building that CityLearn makes with attributes of its own."""
    for name, building in folder.buildings.items():
        for part in PARTS:
            device = mapping(building.get(part))
            if device:
                yield f"buildings.{name}.{part}", str(device.get("type", "")).rpartition(".")[2], device


def _silent(found: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if found.get(name) is None]


@folder_rule(
    "physics.random",
    "warning",
    "no physics is drawn at random",
    looks_at=("schema.json, devices and vehicles",),
    rationale="Efficiency, losses and curves that the schema leaves unset are drawn at random, per seed: a battery "
    "loses 0.1 to 0.9 % an hour, or takes 25 % of its power at full SOC, and nobody chose it. "
    "CityLearn's own examples are published like that.",
    reference=f"{ENERGY_MODEL}, _get_property_value and Battery; internal/loading.py, load_electric_vehicle",
    cause="a schema with only capacity and power of its batteries, as in many examples",
    fix="set every attribute named; `[[0, 1], [1, 1]]` is a flat curve",
)
def random_physics(folder: DatasetFolder) -> Iterator[Violation]:
    """Name every attribute that is drawn, of each device and vehicle."""
    drawn = {key: _silent(attributes(device), DRAWN.get(kind, ())) for key, kind, device in _devices(folder)}
    for name, battery in folder.vehicles.items():
        drawn[f"electric_vehicles_def.{name}.battery"] = _silent(battery, DRAWN_OF_A_VEHICLE)
    for key, silent in drawn.items():
        if silent:
            names = listed(silent)
            message = (
                f"the schema is silent on {names}: CityLearn draws {'them' if len(silent) > 1 else 'it'} at random"
            )
            yield said(f"{key}.attributes", f"no {names}", "a value for each", message)


@folder_rule(
    "physics.default",
    "warning",
    "no rating is left to a default",
    looks_at=("schema.json, devices and chargers",),
    rationale="A charger without ratings takes and gives back 50 kW, a battery without capacity has none, and the "
    "unit of `solar_generation` hangs on `generation_mode` (W per kW where it is unset).",
    reference=f"{ENERGY_MODEL}; electric_vehicle_charger.py, setters",
    cause="a schema that relies on the defaults of one version",
    fix="set every attribute named",
)
def default_physics(folder: DatasetFolder) -> Iterator[Violation]:
    """Name every rating that is a default."""
    left: dict[str, list[str]] = {}
    for name, building in folder.buildings.items():
        for part, ratings in DEFAULTS.items():
            if mapping(building.get(part)):
                left[f"buildings.{name}.{part}"] = _silent(attributes(building[part]), ratings)
        for charger, config in folder.chargers(name).items():
            left[f"buildings.{name}.chargers.{charger}"] = _silent(attributes(config), DEFAULTS_OF_A_CHARGER)
    for key, silent in left.items():
        if silent:
            names = listed(silent)
            yield said(f"{key}.attributes", f"no {names}", "a value for each", f"left to the default: {names}")


@folder_rule(
    "physics.autosize",
    "warning",
    "no device is sized at random",
    looks_at=("schema.json, devices",),
    rationale="`autosize` draws a device of its own from a sample of others, which CityLearn fetches over the network; "
    "what it finds replaces the ratings of the schema.",
    reference=f"{ENERGY_MODEL}, autosize",
    cause="copied from an example on sizing",
    fix="set `autosize` to false and give the ratings",
)
def autosize(folder: DatasetFolder) -> Iterator[Violation]:
    """Find devices that are sized."""
    parts = [(f"buildings.{name}.pv", mapping(one.get("pv"))) for name, one in folder.buildings.items()]
    parts += [(key, device) for key, _, device in _devices(folder)]
    for key, device in parts:
        value = device.get("autosize", False)
        if str(value).strip().lower() not in {"false", "0", "no", "none"}:
            yield said(f"{key}.autosize", short_name(value), "false", f"`{short_name(key)}` is sized at random")


@folder_rule(
    "physics.range",
    "error",
    "ratings and efficiencies of things that exist",
    looks_at=("schema.json, devices, vehicles and chargers",),
    rationale="Powers are kW, energies kWh, efficiencies and SOC ratios. A battery gives back no more than it took, "
    "the largest chargers give some 1,000 kW, vehicles have 0.2 to 1,000 kWh.",
    reference="IEC 62933-2-1; IEC 61851-23 and MCS (SAE J3271) for chargers",
    cause="W for kW, Wh for kWh, percent for ratio, or zero where nobody knew",
    fix="correct the value in the schema",
)
def physical_range(folder: DatasetFolder) -> Iterator[Violation]:
    """Hold every number that is set against what exists."""
    for name, building in folder.buildings.items():
        for part, spans in (("electrical_storage", STORAGE_SPANS), ("pv", PV_SPANS)):
            yield from _outside(f"buildings.{name}.{part}.attributes", attributes(mapping(building.get(part))), spans)
        for charger, config in folder.chargers(name).items():
            key = f"buildings.{name}.chargers.{charger}.attributes"
            yield from _outside(key, attributes(config), CHARGER_SPANS)
            yield from _crossed(key, attributes(config))
    for name, battery in folder.vehicles.items():
        yield from _outside(f"electric_vehicles_def.{name}.battery.attributes", battery, VEHICLE_SPANS)


def _outside(key: str, found: Mapping[str, Any], spans: Mapping[str, Span]) -> Iterator[Violation]:
    for name, span in spans.items():
        value = found.get(name)
        if value is not None and not span.holds(number(value)):
            seen = short_name(value) + (f" {span.unit}" if span.unit else "")
            yield said(f"{key}.{name}", seen, span.words, f"`{name}` is {seen}")
    for name in CURVES:
        if found.get(name) is not None and not _is_curve(found[name]):
            limit = "pairs of ratios, the first from 0 to 1 and rising, the second above 0"
            yield said(f"{key}.{name}", short_name(found[name]), limit, f"`{name}` is no curve")


def _is_curve(value: object) -> bool:
    if not isinstance(value, list) or len(value) < 2:
        return False
    pairs = [[number(part) for part in point] for point in value if isinstance(point, list)]
    if len(pairs) < len(value) or any(len(pair) != 2 for pair in pairs):
        return False
    at, level = ([pair[i] for pair in pairs] for i in (0, 1))
    rises = all(a is not None and b is not None and a < b for a, b in pairwise(at))
    return rises and at[0] == 0.0 and at[-1] == 1.0 and all(SHARE.holds(one) for one in level)


def _crossed(key: str, found: Mapping[str, Any]) -> Iterator[Violation]:
    for way in ("charging", "discharging"):
        least, most = (number(found.get(f"{end}_{way}_power")) for end in ("min", "max"))
        if least is not None and most is not None and least > most:
            seen = f"{least:g} kW at least, {most:g} kW at most"
            yield said(f"{key}.min_{way}_power", seen, f"at most {most:g} kW", f"{way} power: {seen}")


@folder_rule(
    "physics.reserve",
    "warning",
    "vehicles may be empty",
    looks_at=("schema.json, vehicles",),
    rationale="A vehicle that arrives below `1 - depth_of_discharge` is lifted to that reserve without any energy: the "
    "simulator makes energy from nothing.",
    reference="CityLearn 3.0.2, energy_model.py, Battery: a SOC below the reserve is set to it, without energy",
    cause="the depth of discharge of a stationary battery, copied",
    fix="set `depth_of_discharge` of vehicles to 1.0",
)
def reserve(folder: DatasetFolder) -> Iterator[Violation]:
    """Find vehicles with a reserve."""
    for name, battery in folder.vehicles.items():
        depth = number(battery.get("depth_of_discharge"))
        if depth is not None and SHARE.holds(depth) and depth < 1.0:
            key = f"electric_vehicles_def.{name}.battery.attributes.depth_of_discharge"
            yield said(key, f"{depth:g}", "1", f"below a SOC of {1.0 - depth:.3g} energy comes from nothing")
