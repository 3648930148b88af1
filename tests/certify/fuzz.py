"""Mini-sites drawn at random: every battery, curve, charger and course of sessions that the dataset can hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pvbesscar.certify.compare import Differences, InMode, compare
from pvbesscar.certify.policies import Alternating, Constant, Random, Swing
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.baselines import NoControl, Rule
from pvbesscar.dataset.build import build
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.twin import Twin
from pvbesscar.store.workspace import Workspace
from schemas.settings import HOURS_PER_YEAR, Mode
from tests.builders import scenario, session, write_canonical

CURVES = ("flat", "rising", "falling", "peaked", "step", "ragged", "begins-late", "ends-early")


@dataclass(frozen=True)
class Case:
    """A mini-site and the hours to drive it through; `nothing` names what the battery has none of."""

    number: int
    sections: dict[str, Any]
    nothing: tuple[str, ...]
    sessions: list[dict[str, Any]]
    pv_kwh: np.ndarray
    mall_kwh: np.ndarray
    start: int
    hours: int
    policies: tuple[tuple[Controller, Mode], ...]


def _pick(rng: np.random.Generator, *values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def curve(rng: np.random.Generator, shape: str, low: float, high: float) -> tuple[tuple[float, float], ...]:
    """Piecewise linear curve of 2 to 6 points with ordinates in [low, high], also where it is extrapolated to."""
    n = int(rng.integers(2, 7))
    x = np.concatenate([[0.0], np.sort(rng.uniform(0.05, 0.95, n - 2)), [1.0]])
    y = rng.uniform(low, high, n)
    if shape == "flat":
        y[:] = y[0]
    elif shape in ("rising", "begins-late"):
        y.sort()
    elif shape in ("falling", "ends-early"):
        y = np.sort(y)[::-1]
    elif shape == "peaked":
        y = np.sort(y) - 0.0
        y[n // 2 :] = y[n // 2 :][::-1]
    elif shape == "step":
        at = rng.uniform(0.2, 0.8)
        x, y = np.array([0.0, at, at, 1.0]), np.array([low, low, high, high])
    if shape in ("begins-late", "ends-early"):
        # Extrapolated to the rest; near-level ends keep the ordinates within what CityLearn accepts.
        x = 0.1 + 0.8 * x
        y = 0.5 * (low + high) + 0.5 * (y - 0.5 * (low + high))
        edge, inner = (0, 1) if shape == "begins-late" else (-1, -2)
        y[edge] = y[inner] + 0.01 * (y[edge] - y[inner])
        far, inside = (-1, -2) if shape == "begins-late" else (0, 1)
        y[far] = y[inside] + 0.01 * (y[far] - y[inside])
    return tuple((float(a), float(b)) for a, b in zip(x, y, strict=True))


def battery(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """Battery: sizes from nothing to the site's, every shape of curve, losses from none to all."""
    capacity = _pick(rng, 4520.0, 100.3, 7.0, float(rng.uniform(1.0, 5000.0)), float(rng.uniform(1.0, 5000.0)))
    power = capacity * _pick(rng, 0.6, 0.05, 1.0, 3.0, float(rng.uniform(0.01, 4.0)))
    depth = _pick(rng, 0.8, 1.0, 0.5, float(rng.uniform(0.05, 1.0)))
    initial = _pick(rng, 1.0 - depth, 1.0, float(rng.uniform(1.0 - depth, 1.0)))
    return {
        "capacity_kwh": capacity,
        "power_kw": power,
        "efficiency": float(rng.uniform(0.3, 1.0)),
        "depth_of_discharge": depth,
        "initial_soc": initial,
        "loss_coefficient": _pick(rng, 0.0, 0.0, 0.001, float(rng.uniform(0.0, 0.2)), 1.0),
        "capacity_loss_coefficient": _pick(rng, 0.0, 0.0, 1e-4, 0.02, float(rng.uniform(0.0, 1.0))),
        "power_efficiency_curve": curve(rng, CURVES[number % len(CURVES)], 0.3, 1.0),
        "capacity_power_curve": curve(rng, CURVES[number // len(CURVES) % len(CURVES)], 0.0, 1.2),
    }


def course(
    rng: np.random.Generator, socket: int, first: int, last: int, vehicle: dict[str, Any]
) -> list[dict[str, Any]]:
    """Sessions of one socket, from before `first` to after `last` where the year lets them."""
    sessions = []
    t = max(first - int(rng.integers(0, 8)), 0)
    end = min(last + int(rng.integers(0, 8)), HOURS_PER_YEAR)
    back_to_back = rng.random() < 0.5
    while True:
        t += 0 if sessions and back_to_back and rng.random() < 0.6 else int(rng.integers(0, 7))
        stay = _pick(rng, 1, 1, 2, int(rng.integers(2, 14)))
        if t >= end:
            return sessions
        required = _pick(rng, 0.9, 0.9, 1.0, float(rng.uniform(0.05, 1.0)))
        soc = _pick(rng, 0.0, required, float(rng.uniform(0.0, 0.1)), float(rng.random()), float(rng.random()), 1.0)
        departure = min(t + stay, end)
        sessions.append(session(socket, t, departure, soc, required_soc=required, **vehicle))
        t = departure


def series(rng: np.random.Generator, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """PV and mall demand of a year, some hours none of either, of the size of the battery."""
    hour = np.arange(HOURS_PER_YEAR) % 24
    sun = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi))
    pv = sun * _pick(rng, 0.0, 1.0, 3.0) * scale * rng.uniform(0.2, 1.0, HOURS_PER_YEAR)
    mall = _pick(rng, 0.01, 0.3, 1.0, 2.0) * scale * rng.uniform(0.0, 1.0, HOURS_PER_YEAR)
    mall[rng.random(HOURS_PER_YEAR) < 0.05] = 0.0
    return pv, mall


def contract(number: int) -> dict[str, Any]:
    """Keys of a tariff: in two of three cases demand charges of every basis, a fee and an export limit."""
    rng = np.random.default_rng([20261126, number])  # of its own, so that the rest of a case stays what it is
    if number % 3 == 0:
        return {}
    night = [[0, 18], [23, 24]]
    history = rng.uniform(0.0, 300.0, 5).tolist()
    network = {"hours": [[18, 23]], "basis": "two_of_six_months", "history_kw": history, "pen_per_kw_month": 15.0}
    charges = [
        {"name": "peak", "hours": [[18, 23]], "pen_per_kw_month": _pick(rng, 0.0, 61.35)},
        {"name": "network"} | network,
        {"name": "excess", "hours": night, "basis": "excess", "over": "peak", "pen_per_kw_month": 15.52},
    ]
    limit = _pick(rng, None, 0.0, float(rng.uniform(0.0, 50.0)))
    return {"demand": charges, "fee_pen_per_month": _pick(rng, 0.0, 9.5), "export_limit_kw": limit}


def draw(number: int) -> Case:
    """Case of a number; the same number is the same case."""
    rng = np.random.default_rng([20261122, number])
    chargers, per_charger = int(rng.integers(1, 3)), int(rng.integers(1, 5))
    socket_kw = _pick(rng, 3.5, 1.0, 7.4, float(rng.uniform(0.3, 22.0)))
    moto_kwh, taxi_kwh = _pick(rng, 3.5, float(rng.uniform(0.5, 80.0))), _pick(rng, 10.0, float(rng.uniform(0.5, 80.0)))
    ev = {
        "source": "synthetic",
        "dwell_hours": 3,
        "chargers": chargers,
        "sockets_per_charger": per_charger,
        "moto_chargers": int(rng.integers(0, chargers + 1)),
        "socket_kw": socket_kw,
        "socket_min_kw": _pick(rng, 0.0, 0.0, 0.4 * socket_kw, socket_kw, float(rng.uniform(0.0, socket_kw))),
        "charger_efficiency": _pick(rng, 0.95, 1.0, float(rng.uniform(0.2, 1.0))),
        "moto_battery_kwh": moto_kwh,
        "mototaxi_battery_kwh": taxi_kwh,
    }
    hours = int(rng.integers(30, 61))
    start = _pick(rng, 0, HOURS_PER_YEAR - hours, int(rng.integers(0, HOURS_PER_YEAR - hours)))
    sessions = []
    for socket in range(chargers * per_charger):
        moto = socket // per_charger < ev["moto_chargers"]
        vehicle = {"vehicle_class": "moto" if moto else "mototaxi", "battery_kwh": moto_kwh if moto else taxi_kwh}
        if rng.random() < 0.9:
            sessions += course(rng, socket, start, start + hours, vehicle)
    if not sessions:
        # A year without sessions is refused before it is built.
        sessions.append(session(socket, start + 3, start + 5, 0.5, **vehicle))
    bess = battery(rng, number)
    nothing = {0: ("capacity",), 1: ("nominal_power",), 2: ("capacity", "nominal_power")}.get(number % 30, ())
    pv, mall = series(rng, max(bess["power_kw"], 10.0))
    mode: Mode = _pick(rng, "dispatch", "bidirectional")
    control = {"mode": mode, "departure_guard": bool(rng.random() < 0.8), "forecast": _pick(rng, "causal", "perfect")}
    tariff = {"feed_in_price": _pick(rng, 0.0, 0.1)} | contract(number)
    grid = {"carbon_kg_per_kwh": _pick(rng, 0.4521, 0.0)}
    others = (
        Rule(), NoControl(), Alternating(), Constant("idle", None, 0.0), Constant("full-charge", 0.0, 1.0),
        Constant("full-discharge", 1.0, 1.0),
    )  # fmt: skip
    policies = ((Random(number), "bidirectional"), (Random(number), "dispatch"), (Swing(number), mode),
                (_pick(rng, *others), mode))  # fmt: skip
    sections = {"ev": ev, "bess": bess, "control": control, "grid": grid, "tariff": tariff, "seed": number}
    return Case(number, sections, nothing, sessions, pv, mall, start, hours, policies)


def citylearn_of(case: Case, root: Path) -> CityLearnSim:
    """Build a case's dataset under `root` and load it."""
    settings = scenario(root, **case.sections)
    write_canonical(settings, case.sessions, pv_kwh=case.pv_kwh, mall_kwh=case.mall_kwh)
    build(settings, Workspace.of(settings))
    simulator = CityLearnSim(Workspace.of(settings).dataset)
    if case.nothing:
        # CityLearn loads no schema with an action for a battery of nothing: it is emptied after loading.
        data, storage = simulator.data, simulator.env.buildings[0].electrical_storage
        for name in case.nothing:
            setattr(storage, name, 0.0)
        gone = {{"capacity": "bess_kwh", "nominal_power": "bess_kw"}[name]: 0.0 for name in case.nothing}
        simulator._data = replace(
            data, params=data.params._replace(**gone), bess=data.bess._replace(**dict.fromkeys(case.nothing, 0.0))
        )
    return simulator


def differences_of(case: Case, root: Path) -> list[Differences]:
    """Compare CityLearn and the twin on a case, one result a policy."""
    simulator = citylearn_of(case, root)
    return [
        compare(reference, Twin(reference.data), policy, case.start, case.hours)
        for policy, reference in ((policy, InMode(simulator, mode)) for policy, mode in case.policies)
    ]
