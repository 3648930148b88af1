"""Which settings the result of each stage depends on.

`tests/lineage/test_stages.py` runs the stages and holds what they ask of the settings to these lists.
"""

from __future__ import annotations

from collections.abc import Callable

from pvbesscar.agents.settings import RECIPE, START, model_settings
from pvbesscar.dataset.settings import DATASET_SETTINGS
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.stage import Include, SiteFile
from schemas.settings import Agent, EvSettings, FileSettings, Settings

LAYOUT = frozenset(FileSettings.model_fields)
"""How a file is written; asked for where there is one."""
WEATHER_UNITS = frozenset({"unit", "temperature_unit", "wind_unit"})


SESSIONS_AS_RECORDED = frozenset({"columns", "rounding", "leave_out", "file_class"})
"""How a sessions file is read; asked for where there is one."""


def ingest_settings(run: RunContext) -> Include:
    """Settings that the canonical year depends on: those of the sources that are configured."""
    settings = run.settings
    sources = (settings.weather.source, settings.mall.source, settings.ev.source)
    site = {"latitude", "longitude", "altitude_m", "timezone", "year"}
    if "synthetic" in sources[1:]:
        site |= {"holidays"}
    own: Include = {"name": True, "seed": True, "site": site, "fills": True}
    own["weather"] = {"source", *({"annual_ghi_kwh_m2"} if settings.weather.source == "synthetic" else
                                  {"file", "columns", "decomposition"} | WEATHER_UNITS | LAYOUT)}  # fmt: skip
    own["pv"] = {"source", *({"file", "column", "unit"} | LAYOUT if settings.pv.source == "file" else {
        "dc_kwp", "ac_kw", "tilt_deg", "azimuth_deg", "temperature_coefficient_per_k", "system_losses",
        "inverter_efficiency",
    })}  # fmt: skip
    mall = {"source"}
    if "synthetic" in (settings.mall.source, settings.ev.source):
        mall |= {"open_hours"}
    if settings.mall.source == "synthetic":
        mall |= {"declared_kwh"}
    else:
        mall |= {"file", "column", "unit", "scale_to_declared"} | LAYOUT
        mall |= {"declared_kwh"} if settings.mall.scale_to_declared else set()
    own["mall"] = mall
    ev = set(EvSettings.model_fields) - {"socket_min_kw"}
    if settings.ev.source == "synthetic":
        ev -= {"file", "unit"} | LAYOUT
    else:
        ev -= {"declared_kwh", "peak_hours"}
    own["ev"] = ev - ({"dwell_hours"} if settings.ev.source == "sessions" else SESSIONS_AS_RECORDED)
    own["carbon"] = {"source"}
    if settings.carbon.source == "file":
        own["carbon"] |= {"file", "column", "unit", "measure"} | LAYOUT
    if site_files(settings):
        own["data"] = {"oe2_dir"}
    return own


def site_files(settings: Settings) -> tuple[SiteFile, ...]:
    """Files of the site that a scenario reads."""
    folder, ev = settings.data.oe2_dir, settings.ev
    named = [
        (series, f"{series}.file", own.file)
        for series, own in (("weather", settings.weather), ("pv", settings.pv), ("mall", settings.mall))
        if own.source == "file"
    ]
    if settings.carbon.source == "file":
        named.append(("carbon", "carbon.file", settings.carbon.file))
    if ev.source != "synthetic":
        named.append(("ev_profile" if ev.source == "profile" else "sessions", "ev.file", ev.file))
    named += [
        ("weather" if fill.source == "weather" else fill.series, f"fills.{number}.file", fill.file)
        for number, fill in enumerate(settings.fills)
        if fill.file is not None
    ]
    return tuple(SiteFile(key, series, folder / file) for series, key, file in named if file is not None)


def rule_settings(_run: RunContext) -> Include:
    """Settings that the quality rules ask for."""
    return {
        "name": True,
        "site": {"latitude", "longitude", "altitude_m", "timezone", "year"},
        "weather": {"source"},
        "pv": {"dc_kwp", "ac_kw", "source", "tilt_deg", "azimuth_deg"},
        "mall": {"source", "declared_kwh", "open_hours"},
        "ev": {
            "source", "chargers", "sockets_per_charger", "moto_chargers", "socket_kw", "charger_efficiency",
            "moto_battery_kwh", "mototaxi_battery_kwh", "declared_kwh",
        },
        "bess": {"capacity_kwh", "power_kw", "efficiency"},
        "grid": {"carbon_kg_per_kwh", "kind", "fuel", "generation_efficiency"},
        "carbon": {"source"},
        "tariff": True,
        "quality": {"energy_tolerance", "waivers"},
    }  # fmt: skip


def build_settings(_run: RunContext) -> Include:
    """Settings that the dataset depends on, and what its facts repeat."""
    return DATASET_SETTINGS | {
        "name": True,
        "mall": {"declared_kwh", "open_hours"},
        "quality": {"energy_tolerance", "second_reading"},
    }


def training_settings(agent: Agent) -> Callable[[RunContext], Include]:
    """Settings that the model of an agent depends on."""

    def settings(run: RunContext) -> Include:
        own: Include = model_settings(agent, run.settings, run.profile)
        # The models are the same without these; the checkpoints and the rewards beside them are not.
        own["training"][run.profile] |= {"checkpoint_every"}
        return own | {"evaluation": {"window_hours"}}

    return settings


def evaluation_settings(run: RunContext) -> Include:
    """Settings that the evaluation depends on."""
    training: Include = dict.fromkeys(("agents", "seed", *RECIPE, "simulator", "scenarios", "plants"), True)
    training |= dict.fromkeys(run.settings.training.agents, True)
    own = {
        "steps",
        "sac_steps",
        "episode_hours",
        "evaluate_on",
        "scenarios",
        "nominal_on",
        "controllers",
        "validate_every",
        *START,
    }
    training[run.profile] = own
    return {
        "name": True,
        "training": training,
        "evaluation": {"window_hours"},
        "weights": True,
        "quality": {"second_reading"},
        "bess": {"depth_of_discharge", "wear_pen_per_kwh"},
        "grid": {"avoided_fuel_kg_per_kwh"},
        "tariff": True,
    }


def everything(_run: RunContext) -> Include:
    """The report prints them all."""
    return dict.fromkeys(Settings.model_fields, True)
