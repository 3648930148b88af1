"""Plants of eight sockets and a few days, made of arrays: nothing is read, written or built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.reference import scale
from pvbesscar.evaluation.score import terms
from pvbesscar.oe2.calendar import day_types
from pvbesscar.plant.data import PlantData, Sessions, bess_battery, net_load_forecast, occupancy, perfect_forecast
from pvbesscar.plant.params import plant_params
from pvbesscar.plant.rule import rule_import
from pvbesscar.plant.tariff import energy_price, hours_to_change, tariff_of
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from schemas.results import ScoreTerms
from schemas.settings import Settings
from tests.builders import MINI_EV, two_prices

SYNTHETIC: dict[str, Any] = {"source": "synthetic"}
BATTERY_KWH = np.array([3.5] * 4 + [10.0] * 4)
FLAT = {"power_efficiency_curve": ((0.0, 0.9), (1.0, 0.9)), "capacity_power_curve": ((0.0, 1.0), (1.0, 1.0))}

Visit = tuple[int, int, int, float]
"""Socket (0-3 motos, 4-7 mototaxis), arrival, departure, state of charge on arrival."""


def settings(**sections: Any) -> Settings:
    """Settings of a site of two chargers; `sections` replace whole keys."""
    raw = {"name": "tiny", "weather": SYNTHETIC, "pv": SYNTHETIC, "mall": SYNTHETIC, "ev": MINI_EV}
    return Settings.model_validate(raw | sections)


def plant(
    pv: Sequence[float] | np.ndarray,
    mall: Sequence[float] | np.ndarray,
    visits: Sequence[Visit] = (),
    mode: str = "dispatch",
    **sections: Any,
) -> PlantData:
    """A plant that lives as many hours as `pv` has, from midnight of 2025-01-01 (a Wednesday, a holiday) on."""
    control = {"mode": mode} | sections.pop("control", {})
    own = settings(control=control, **sections)
    pv_kwh, mall_kwh = (np.asarray(values, dtype=np.float32).astype(np.float64) for values in (pv, mall))
    stamps = pd.date_range("2025-01-01", periods=pv_kwh.size, freq="h", tz="America/Lima")
    calendar = np.column_stack([stamps.hour, stamps.month, day_types(stamps, own.site.holidays)]).astype(np.int64)
    price = energy_price(own.tariff, calendar[:, 0], calendar[:, 2])
    columns = [np.array([visit[i] for visit in visits], dtype=np.int64) for i in range(3)]
    sessions = Sessions(
        *columns, BATTERY_KWH[columns[0]], np.array([visit[3] for visit in visits], dtype=np.float32),
        np.full(len(visits), own.ev.required_soc, dtype=np.float32),
    )  # fmt: skip
    params = plant_params(own, mall_scale_kw=max(float(mall_kwh.max()), 1.0))
    occupant, hours_left = occupancy(sessions, pv_kwh.size, params.sockets)
    curves = {name: getattr(own.bess, name) for name in FLAT}
    causal = perfect_forecast(pv_kwh, mall_kwh)
    data = PlantData(
        params=params,
        pv_kwh=pv_kwh,
        mall_kwh=mall_kwh,
        price=price,
        carbon=np.full(pv_kwh.size, own.grid.carbon_kg_per_kwh),
        forecast=causal,
        net_forecast=net_load_forecast(pv_kwh, mall_kwh, causal),
        calendar=calendar,
        price_next=np.roll(price, -1),
        hours_to_tariff_change=hours_to_change(price),
        tariff=tariff_of(own.tariff, calendar, np.zeros(pv_kwh.size)),
        sessions=sessions,
        occupant=occupant,
        hours_left=hours_left,
        reference=np.ones(5),
        ev_kwh=BATTERY_KWH,
        bess=bess_battery(params, curves),
        stamps_utc=stamps.tz_convert("UTC").tz_localize(None).to_numpy(),
        timezone=own.site.timezone,
        forecast_kind="causal",
        digest="tiny",
    )
    return data.with_rule_import(rule_import(data))


def random_tariff(rng: np.random.Generator) -> dict[str, Any]:
    """A tariff with demand charges of every basis, in bands that may overlap; prices that make an excess pay or not."""
    first = int(rng.integers(1, 20))
    peak = [(first, int(rng.integers(first + 1, 24)))]
    rest = [pair for pair in ((0, peak[0][0]), (peak[0][1], 24)) if pair[0] < pair[1]]
    price = [float(value) for value in rng.uniform(0.0, 3.0, 4)]
    return two_prices(float(rng.uniform(0.3, 0.9)), 0.28, peak[0]) | {
        "source": "drawn for a test",
        "feed_in_price": float(rng.choice([0.0, 0.1])),
        "export_limit_kw": None if rng.random() < 0.5 else float(rng.uniform(0.0, 200.0)),
        "fee_pen_per_month": float(rng.uniform(0.0, 20.0)),
        "demand": [
            {"name": "inside", "hours": peak, "pen_per_kw_month": price[0]},
            {"name": "whole", "pen_per_kw_month": price[1], "basis": "two_of_six_months",
             "history_kw": [float(value) for value in rng.uniform(0.0, 400.0, 5)]},
            {"name": "outside", "hours": rest, "pen_per_kw_month": price[2], "basis": "excess", "over": "inside"},
            {"name": "maximum", "hours": rest, "pen_per_kw_month": price[3]},
        ],
    }  # fmt: skip


def across_months(data: PlantData, turn: int, rng: np.random.Generator) -> PlantData:
    """The same hours with a month's turn before hour `turn`, and another course of the rule before the stretch."""
    month = (np.arange(data.hours) >= turn).astype(np.int64)
    calendar = data.calendar.copy()
    calendar[:, 1] = 1 + month
    own = data.tariff._replace(month=month, rule_import_kwh=data.mall_kwh * rng.uniform(0.0, 1.5, data.hours))
    return replace(data, calendar=calendar, tariff=own)


def random_plant(seed: int, days: int = 3, **sections: Any) -> PlantData:
    """A plant with a random mall, sun, battery and visits, some of them infeasible; the seed decides all."""
    rng = np.random.default_rng(seed)
    hours, hour = 24 * days, np.arange(24 * days) % 24
    sun = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * rng.uniform(0.2, 1.0, hours)
    scale_kw = float(rng.uniform(20.0, 400.0))
    mall = scale_kw * rng.uniform(0.2, 1.0, hours)
    capacity = scale_kw * float(rng.uniform(0.2, 5.0))
    bess = {
        "capacity_kwh": capacity,
        "power_kw": capacity * float(rng.uniform(0.1, 1.0)),
        "depth_of_discharge": 0.8,
        "initial_soc": float(rng.uniform(0.2, 1.0)),
    }
    visits = []
    for socket in range(8):
        t = int(rng.integers(0, 8))
        while t < hours - 1:
            stay = int(rng.integers(1, 9))
            visits.append((socket, t, min(t + stay, hours), float(rng.uniform(0.05, 0.95))))
            t += stay + int(rng.integers(0, 6))
    pv = scale_kw * float(rng.uniform(0.5, 3.0)) * sun
    return plant(
        pv, mall, visits, **({"bess": bess, "mode": str(rng.choice(["dispatch", "bidirectional"]))} | sections)
    )


def course(days: int, seed: int = 0, **sections: Any) -> PlantData:
    """A plant whose days are alike but for clouds and the mall's weekends."""
    rng = np.random.default_rng(seed)
    hour = np.arange(24 * days) % 24
    cloud = np.repeat(rng.uniform(0.4, 1.0, days), 24)
    pv = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 1500.0 * cloud
    mall = np.where((hour >= 9) & (hour < 23), 900.0, 200.0) * (1.0 + 0.03 * rng.standard_normal(24 * days))
    visits = [(k, 24 * day + 15 + k % 4, 24 * day + 19 + k % 4, 0.3) for day in range(days) for k in range(8)]
    return plant(pv, mall, visits, **sections)


def judged(
    data: PlantData, controller: Controller, reference: ScoreTerms, start: int = 0, hours: int | None = None
) -> float:
    """J of a controller on the twin, by a reference given."""
    found = terms([rollout(Twin(data), controller, start, hours)])
    totals = np.array([found.co2_kg, found.solar_kwh, found.cost_pen, found.ev_short_kwh, found.ramping_kwh])
    return float(scale(data.params, reference) @ totals)
