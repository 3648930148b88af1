"""Physical and score parameters of one plant."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from schemas.settings import HOURS_PER_YEAR, Settings

TERMS = ("co2", "solar", "cost", "ev_service", "grid_stability")
"""The five terms of reward and score, in the order of every array that holds them."""

NEED_EPSILON_KWH = 1e-6
"""Energy below which a vehicle counts as served [kWh]: CityLearn keeps states of charge as float32."""

MET_TOLERANCE_SOC = 1e-4
"""A departure is met when its state of charge is within this of the required one."""


class PlantParams(NamedTuple):
    """Parameters of the plant; a named tuple of numbers, so that compiled functions can take it whole.

    `export_limit_kw` is infinite where nothing limits export.

    Powers in kW, energies in kWh, states of charge and efficiencies as ratios, hours as hours of the day.
    """

    sockets: int
    sockets_per_charger: int
    socket_kw: float
    socket_min_kw: float
    charger_efficiency: float
    bess_kwh: float
    bess_kw: float
    bess_efficiency: float
    bess_depth_of_discharge: float
    bess_initial_soc: float
    bess_loss_coefficient: float
    bess_capacity_loss_coefficient: float
    pv_dc_kwp: float
    pv_ac_kw: float
    peak_price: float
    feed_in_price: float
    export_limit_kw: float
    wear_pen_per_kwh: float
    carbon_scale: float
    mall_scale_kw: float
    bidirectional: bool
    departure_guard: bool
    hours: int
    w_co2: float
    w_solar: float
    w_cost: float
    w_ev_service: float
    w_grid_stability: float

    @property
    def weights(self) -> tuple[float, float, float, float, float]:
        """Weights in the order of `TERMS`."""
        return (self.w_co2, self.w_solar, self.w_cost, self.w_ev_service, self.w_grid_stability)

    def as_json(self) -> dict[str, Any]:
        """Fields for a JSON file, which knows no infinity."""
        return self._asdict() | {"export_limit_kw": None if math.isinf(self.export_limit_kw) else self.export_limit_kw}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> PlantParams:
        """Parameters that `as_json` has stored."""
        limit = stored["export_limit_kw"]
        return cls(**stored | {"export_limit_kw": math.inf if limit is None else limit})

    @property
    def mode(self) -> str:
        """Name of the action mode."""
        return "bidirectional" if self.bidirectional else "dispatch"


def plant_params(settings: Settings, *, mall_scale_kw: float) -> PlantParams:
    """Parameters of a scenario's plant; `mall_scale_kw` scales loads in the observation (the year's peak)."""
    ev, bess, grid, weights = settings.ev, settings.bess, settings.grid, settings.weights
    return PlantParams(
        sockets=ev.sockets,
        sockets_per_charger=ev.sockets_per_charger,
        socket_kw=ev.socket_kw,
        socket_min_kw=ev.socket_min_kw,
        charger_efficiency=ev.charger_efficiency,
        bess_kwh=bess.capacity_kwh,
        bess_kw=bess.power_kw,
        bess_efficiency=bess.efficiency,
        bess_depth_of_discharge=bess.depth_of_discharge,
        bess_initial_soc=bess.initial_soc,
        bess_loss_coefficient=bess.loss_coefficient,
        bess_capacity_loss_coefficient=bess.capacity_loss_coefficient,
        pv_dc_kwp=settings.pv.dc_kwp,
        pv_ac_kw=settings.pv.ac_kw,
        peak_price=settings.tariff.highest_price,
        feed_in_price=settings.tariff.feed_in_price,
        export_limit_kw=math.inf if settings.tariff.export_limit_kw is None else settings.tariff.export_limit_kw,
        wear_pen_per_kwh=bess.wear_pen_per_kwh,
        carbon_scale=grid.carbon_kg_per_kwh,
        mall_scale_kw=mall_scale_kw,
        bidirectional=settings.control.mode == "bidirectional",
        departure_guard=settings.control.departure_guard,
        hours=HOURS_PER_YEAR,
        w_co2=weights.co2,
        w_solar=weights.solar,
        w_cost=weights.cost,
        w_ev_service=weights.ev_service,
        w_grid_stability=weights.grid_stability,
    )
