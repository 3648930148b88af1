"""CityLearn's schema.json for the site, every physical parameter set: what is unset CityLearn draws at random."""

from __future__ import annotations

from typing import Any

from schemas.settings import HOURS_PER_YEAR, EvSettings, Settings

BUILDING_FILE = "building.csv"
WEATHER_FILE = "weather.csv"
PRICING_FILE = "pricing.csv"
CARBON_FILE = "carbon_intensity.csv"

SHARED_OBSERVATIONS = (
    "month", "day_type", "hour", "outdoor_dry_bulb_temperature", "diffuse_solar_irradiance",
    "direct_solar_irradiance", "carbon_intensity", "electricity_pricing", "electricity_pricing_predicted_1",
    "electricity_pricing_predicted_2", "electricity_pricing_predicted_3",
)  # fmt: skip
OWN_OBSERVATIONS = (
    "non_shiftable_load", "solar_generation", "electrical_storage_soc", "net_electricity_consumption",
)  # fmt: skip
CHARGER_OBSERVATIONS = (
    "electric_vehicle_charger_connected_state", "connected_electric_vehicle_at_charger_soc",
    "connected_electric_vehicle_at_charger_departure_time",
    "connected_electric_vehicle_at_charger_required_soc_departure",
)  # fmt: skip

FLAT_EFFICIENCY = [[0.0, 1.0], [1.0, 1.0]]


def charger_file(ev: EvSettings, socket: int) -> str:
    """File name of a socket's charger simulation."""
    return f"{ev.socket_name(socket)}.csv"


def vehicle_name(ev: EvSettings, socket: int) -> str:
    """Id of the vehicles of a socket: one id a socket, sessions are told apart by session id."""
    return f"{ev.vehicle_class(socket)}_{ev.socket_name(socket)}"


def _observations() -> dict[str, Any]:
    shared = {name: {"active": True, "shared_in_central_agent": True} for name in SHARED_OBSERVATIONS}
    own = {name: {"active": True, "shared_in_central_agent": False} for name in OWN_OBSERVATIONS}
    charger = {name: {"active": True, "shared_in_central_agent": False} for name in CHARGER_OBSERVATIONS}
    return {**shared, **own, **charger}


def _charger(ev: EvSettings, socket: int) -> dict[str, Any]:
    return {
        "type": "citylearn.electric_vehicle_charger.Charger",
        "charger_simulation": charger_file(ev, socket),
        "noise_std": 0.0,
        "attributes": {
            "nominal_power": ev.socket_kw,
            "efficiency": ev.charger_efficiency,
            "charger_type": 0,
            "max_charging_power": ev.socket_kw,
            "min_charging_power": ev.socket_min_kw,
            "max_discharging_power": 0.0,
            "min_discharging_power": 0.0,
        },
    }


def _vehicle(ev: EvSettings, socket: int) -> dict[str, Any]:
    return {
        "include": True,
        "battery": {
            "type": "citylearn.energy_model.Battery",
            "autosize": False,
            "attributes": {
                "capacity": ev.battery_kwh(ev.vehicle_class(socket)),
                "nominal_power": ev.socket_kw,
                "initial_soc": ev.required_soc,
                "efficiency": 1.0,
                # Below 1 - depth_of_discharge CityLearn lifts a SOC to the reserve with no energy spent.
                "depth_of_discharge": 1.0,
                "loss_coefficient": 0.0,
                "capacity_loss_coefficient": 0.0,
                "power_efficiency_curve": FLAT_EFFICIENCY,
                "capacity_power_curve": FLAT_EFFICIENCY,
            },
        },
    }


def _building(settings: Settings) -> dict[str, Any]:
    bess, ev = settings.bess, settings.ev
    return {
        "include": True,
        "energy_simulation": BUILDING_FILE,
        "weather": WEATHER_FILE,
        "pricing": PRICING_FILE,
        "carbon_intensity": CARBON_FILE,
        "noise_std": 0.0,
        "inactive_observations": [],
        "inactive_actions": [],
        "pv": {
            "type": "citylearn.energy_model.PV",
            "autosize": False,
            "attributes": {"nominal_power": settings.pv.dc_kwp, "generation_mode": "per_kw"},
        },
        "electrical_storage": {
            "type": "citylearn.energy_model.Battery",
            "autosize": False,
            "attributes": {
                "capacity": bess.capacity_kwh,
                "nominal_power": bess.power_kw,
                "efficiency": bess.efficiency,
                "depth_of_discharge": bess.depth_of_discharge,
                "initial_soc": bess.initial_soc,
                "loss_coefficient": bess.loss_coefficient,
                "capacity_loss_coefficient": bess.capacity_loss_coefficient,
                "power_efficiency_curve": [list(point) for point in bess.power_efficiency_curve],
                "capacity_power_curve": [list(point) for point in bess.capacity_power_curve],
            },
        },
        "chargers": {ev.socket_name(k): _charger(ev, k) for k in range(ev.sockets)},
    }


def citylearn_schema(settings: Settings) -> dict[str, Any]:
    """Schema of the site's dataset; its root directory is the folder it lies in."""
    ev = settings.ev
    return {
        "random_seed": settings.seed,
        "root_directory": None,
        "central_agent": True,
        "simulation_start_time_step": 0,
        "simulation_end_time_step": HOURS_PER_YEAR,
        "episode_time_steps": HOURS_PER_YEAR + 1,
        "rolling_episode_split": False,
        "random_episode_split": False,
        "seconds_per_time_step": 3600,
        "start_date": f"{settings.site.year}-01-01",
        "observations": _observations(),
        "actions": {
            "electrical_storage": {"active": True},
            "electric_vehicle_storage": {"active": True},
        },
        "reward_function": {"type": "citylearn.reward_function.RewardFunction", "attributes": None},
        "electric_vehicles_def": {vehicle_name(ev, k): _vehicle(ev, k) for k in range(ev.sockets)},
        "buildings": {settings.site.building: _building(settings)},
    }
