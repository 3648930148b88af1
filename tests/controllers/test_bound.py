"""Nothing scores below the bound: random and adversarial policies, and attempts to game the score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from pvbesscar.controllers.baselines import ConstantAction, NoControl, Rule
from pvbesscar.controllers.optimum import Optimum, PlannedController, solve
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.plant.actions import bess_action
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.state import PlantState, Setpoints, setpoints, setpoints_near
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from schemas.errors import ControllerError
from tests.builders import two_prices
from tests.controllers.plants import across_months, course, judged, plant, random_plant, random_tariff

SAMPLE, ALL = 12, 130
"""Plants tried; each is driven by all `POLICIES`."""


@dataclass
class Policy:
    """An action for each hour."""

    action: Callable[[PlantState], np.ndarray]
    name: str = "policy"

    def reset(self) -> None:
        """Nothing to forget."""

    def decide(self, state: PlantState) -> Setpoints:
        return setpoints(state, self.action(state))


@dataclass
class Raw:
    """Setpoints of its own, without an action."""

    ask: Callable[[PlantState], Setpoints]
    name: str = "raw"

    def reset(self) -> None:
        """Nothing to forget."""

    def decide(self, state: PlantState) -> Setpoints:
        return self.ask(state)


def net_of(state: PlantState) -> float:
    return float(state.data.mall_kwh[state.t] - state.data.pv_kwh[state.t])


def near_the_optimum(found: Optimum, rng: np.random.Generator, share: float) -> Policy:
    """The optimal plan, a little off."""

    def action(state: PlantState) -> np.ndarray:
        p, index = state.data.params, state.t - found.start
        bess_kw = found.plan.bess_kw[index] * (1.0 + share * rng.standard_normal())
        sockets = found.plan.socket_kw[index] / p.socket_kw + share * rng.standard_normal(p.sockets)
        return np.concatenate([[bess_action(p, bess_kw)], sockets])

    return Policy(action)


def policies(data: PlantData, found: Optimum, rng: np.random.Generator) -> list[object]:
    """Random ones, and such as someone would try who wants to cheat."""
    k = 1 + data.params.sockets
    level = float(np.median(data.mall_kwh))
    sun_first = np.concatenate([[0.0], np.ones(k - 1)])
    fixed = rng.random(k)
    return [
        NoControl(),
        Rule(),
        ConstantAction(float(rng.random())),
        PlannedController(found.plan),
        near_the_optimum(found, rng, 0.01),
        near_the_optimum(found, rng, 0.2),
        Policy(lambda _: rng.random(k)),
        Policy(lambda _: (rng.random(k) < 0.5).astype(float)),
        Policy(lambda _: fixed),
        # Discharge in surplus, to export from the battery; charge when everybody lacks.
        Policy(lambda s: np.full(k, 1.0 if net_of(s) < 0.0 else 0.0)),
        # Charge and discharge in turn, to burn surplus.
        Policy(lambda s: np.full(k, float(s.t % 2))),
        # Raise the import to that of the hour before, to have no ramp.
        Policy(lambda s: np.full(k, 0.0 if net_of(s) < s.last_import_kwh else 1.0)),
        # Hold the import at one level, whatever it takes.
        Policy(lambda s: np.full(k, 0.5 + (net_of(s) - level) / max(level, 1.0))),
        # Vehicles in the sun alone, the battery never.
        Policy(lambda s: sun_first if net_of(s) < 0.0 else 0.5 * (1.0 - sun_first)),
    ]  # fmt: skip


def worst_margin(seed: int, *, billed: bool = False) -> tuple[float, int]:
    """Least of `J - bound` over all policies on one random plant and stretch, and how many there were.

    Where power is `billed` the tariff is drawn, the battery wears, a month turns and the stretch may begin inside one.
    """
    rng = np.random.default_rng(seed + 1_000_000)
    sections: dict[str, Any] = {"tariff": random_tariff(rng)} if billed else {}
    data = random_plant(seed, control={"departure_guard": bool(seed % 4)}, **sections)
    if billed:
        data = across_months(data, int(rng.integers(1, data.hours)), rng)
        data = replace(data, params=data.params._replace(wear_pen_per_kwh=float(rng.uniform(0.0, 0.1))))
    start = int(rng.integers(0, 40))
    hours = int(rng.integers(1, data.hours - start + 1))
    # A stretch in which an excess falls may earn: it has no scale of its own.
    reference = no_control_reference(data, 0, data.hours) if billed else None
    found = solve(data, start=start, hours=hours, reference=reference)
    tried = policies(data, found, rng)
    return min(judged(data, one, found.reference, start, hours) - found.bound for one in tried), len(tried)


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_nothing_scores_below_the_bound(seed: int) -> None:
    margin, tried = worst_margin(seed)
    assert tried == 14
    assert margin >= 0.0


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_nothing_scores_below_the_bound_where_power_is_billed(seed: int) -> None:
    assert worst_margin(seed, billed=True)[0] >= 0.0


@pytest.mark.slow
def test_none_of_1820_policies_scores_below_the_bound_where_power_is_billed() -> None:
    margins = {seed: worst_margin(seed, billed=True) for seed in range(ALL)}
    assert sum(tried for _, tried in margins.values()) == 14 * ALL
    assert {seed: margin for seed, (margin, _) in margins.items() if margin < 0.0} == {}


@pytest.mark.slow
def test_none_of_1820_policies_scores_below_the_bound() -> None:
    margins = {seed: worst_margin(seed) for seed in range(ALL)}
    assert sum(tried for _, tried in margins.values()) == 14 * ALL
    assert {seed: margin for seed, (margin, _) in margins.items() if margin < 0.0} == {}


def test_the_bound_is_tight_enough_to_catch_a_cheat() -> None:
    # A plan of the other mode: charging from the grid scores below the bound of `dispatch`.
    data = course(14, mode="dispatch", tariff=two_prices(2.0))
    both = solve(data, mode="bidirectional")
    assert both.j < solve(data).bound - 1e-3
    with pytest.raises(ControllerError, match=r"asked to charge .* in `dispatch`"):
        rollout(Twin(data), Raw(lambda s: _cheat(s, both)))


def _cheat(state: PlantState, found: Optimum) -> Setpoints:
    charged = setpoints_near(state, 0.0, found.plan.socket_kw[state.t])
    return Setpoints(charged.socket_kw, max(found.plan.bess_kw[state.t], -max(net_of(state), 0.0)))


SUNNY = plant([0.0, 300.0, 300.0, 0.0], [50.0] * 4, [(0, 0, 4, 0.5), (4, 1, 3, 0.8)], "bidirectional")


def idle(sockets: np.ndarray | None = None, bess: float = 0.0) -> Raw:
    """No charging but what is given; nobody stands in the first hour at socket 4."""
    return Raw(lambda _: Setpoints(np.zeros(8) if sockets is None else sockets, bess))


def at(k: int, power: float) -> np.ndarray:
    result = np.zeros(8)
    result[k] = power
    return result


@pytest.mark.parametrize(
    ("controller", "words"),
    [
        (idle(at(0, 3.5)), "socket 0 is asked for 3.5 kW, where 1.47"),
        (idle(at(4, 1.0)), "socket 4 is asked for 1 kW, where 0 kW are needed"),
        (idle(at(0, -1.0)), "socket 0 is asked for -1 kW"),
        (idle(bess=-100.0), "discharge 100 kW, the site lacks 50 kW"),
        (idle(bess=3000.0), "asked for 3000 kW, its power is 2712 kW"),
        (idle(bess=float("nan")), "asked for nan kW"),
        (idle(at(0, float("nan"))), "asked for nan kW"),
    ],
)
def test_setpoints_beyond_the_limits_are_refused(controller: Raw, words: str) -> None:
    with pytest.raises(ControllerError, match=words):
        rollout(Twin(SUNNY), controller)


def test_a_vehicle_may_not_be_left_below_the_guard() -> None:
    late = plant([0.0] * 4, [50.0] * 4, [(0, 0, 1, 0.5)])
    with pytest.raises(ControllerError, match=r"socket 0 is asked for 0 kW, below the 1.47"):
        rollout(Twin(late), idle())


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
def test_tricks_gain_nothing(mode: str) -> None:
    # The same tricks by way of actions: the limits cut them, and what is left does not pay.
    data = course(7, 3, mode=mode)
    found = solve(data)
    k = 1 + data.params.sockets
    full = Policy(lambda _: np.ones(k))
    burning = Policy(lambda s: np.concatenate([[s.t % 2], np.ones(k - 1)]))
    exporting = Policy(lambda s: np.concatenate([[1.0 if net_of(s) < 0 else 0.0], np.ones(k - 1)]))
    level = Policy(lambda s: np.concatenate([[0.5 + (net_of(s) - s.last_import_kwh) / 5424.0], np.ones(k - 1)]))
    scores = [judged(data, trick, found.reference) for trick in (full, burning, exporting, level)]
    assert min(scores) >= found.bound
    # Vehicles end at their required state of charge, no higher: overcharging has no way in.
    ledger = rollout(Twin(data), full).frame
    assert ledger["ev_kwh"].sum() == pytest.approx(7 * 0.6 * 4 * 13.5 / 0.95, rel=1e-5)
    # Nothing is exported that the sun did not make in that hour, but for rounding.
    assert (ledger["export_kwh"] <= (ledger["pv_kwh"] - ledger["mall_kwh"]).clip(lower=0.0) + 1e-3).all()
