"""Many plants whose reward is the regret against a perfect-foresight plan of their year.

The score's reward is mostly a constant, what the hour costs whatever is done, and what an action saves comes hours
later, when the sky has long been another one. Regret has neither: it is the hour's reward and what the state gains in
worth in that hour, less the same of the plan. A state's worth is that of the plan's linear program, by its shadow
prices: a potential (Ng, Harada and Russell, ICML 1999), so that the regrets and the rewards of a year differ by what no
action changes. By linear duality no hour is better than the plan's, where the program is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.optimum import PlannedController, solve
from pvbesscar.controllers.reference import scale
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import BESS_SOC, DEMAND_PEN, IMPORT
from pvbesscar.plant.tariff import Tariff, billing_months, demand_pen
from pvbesscar.plant.twin import Twin
from schemas.terms import ScoreTerms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]

SCALE = 10.0
"""Factor on the regret: an hour's is some hundredths of the hour's part of J."""


class Plans(NamedTuple):
    """Perfect-foresight plans of S years of N hours with C demand charges, and what a state is worth by them.

    A worth is the reward that a unit of the state saves later on, of what there is when an hour begins.

    Attributes
    ----------
    due
        Reward of the plan's hour, and what its state gained in worth, shape (S, N).
    stored
        Worth of a full battery, shape (S, N + 1).
    imported
        Worth of a kWh imported in the hour before, shape (S, N + 1).
    seen
        Worth of a kW of demand that the charges have seen in the month, shape (S, C, N + 1).
    need
        Worth of a kWh that a session needs, the sessions of all years one after the other, shape (T,).
    """

    due: FloatArray
    stored: FloatArray
    imported: FloatArray
    seen: FloatArray
    need: FloatArray


def joined(plans: Sequence[Plans]) -> Plans:
    """Plans of all the years."""
    return Plans(*(np.concatenate(part) for part in zip(*plans, strict=True)))


class Beginning(NamedTuple):
    """B plants of K sockets when an hour begins.

    Attributes
    ----------
    year, t
        Number of the year and hour of it, shape (B,).
    soc, imported
        State of charge of the battery, and import of the hour before [kWh], shape (B,).
    demand
        Demand that each charge has seen, shape (B, C, MONTHS) [kW].
    need
        Energy that the vehicle of each socket needs, at the charger, shape (B, K) [kWh].
    occupant, left
        Session at each socket, or -1, and its hours until departure, shape (B, K).
    """

    year: IntArray
    t: IntArray
    soc: FloatArray
    imported: FloatArray
    demand: FloatArray
    need: FloatArray
    occupant: IntArray
    left: IntArray


class Valuer:
    """Values hours of some years: rewards, and what states gain in worth.

    Parameters
    ----------
    years
        The years.
    plans
        Theirs.
    """

    def __init__(self, years: Sequence[PlantData], plans: Plans) -> None:
        self._plans, self._tariffs = plans, [year.tariff for year in years]
        self._need = np.append(plans.need, 0.0)  # the last one is that of no session, -1
        self._inside = np.stack([tariff.in_band for tariff in self._tariffs])
        self._ends = np.stack([tariff.month_left == 1 for tariff in self._tariffs])
        p = years[0].params
        self._per_pen = np.array([p.hours * scale(p, ScoreTerms.of(year.reference.tolist()))[2] for year in years])

    def gain(self, at: Beginning, reward: FloatArray, row: FloatArray, delivered: FloatArray) -> FloatArray:
        """Reward of an hour and gain in worth, shape (B,).

        Parameters
        ----------
        reward, row, delivered
            What the hour came to: reward (B,), ledger row (B, 21), energy of each socket (B, K) [kWh].
        """
        plans, year, t = self._plans, at.year, at.t
        gain = reward + plans.stored[year, t + 1] * row[:, BESS_SOC] - plans.stored[year, t] * at.soc
        gain += plans.imported[year, t + 1] * row[:, IMPORT] - plans.imported[year, t] * at.imported
        needed = np.where(at.left > 1, np.maximum(at.need - delivered, 0.0), 0.0)
        gain += (self._need[at.occupant] * (needed - at.need)).sum(axis=1)
        if plans.seen.shape[1]:
            gain += self._demand_gain(at, row)
        return gain

    def _demand_gain(self, at: Beginning, row: FloatArray) -> FloatArray:
        """The demand counts by its shadow prices, hour by hour, and by the bill when the month ends."""
        plans, year, t = self._plans, at.year, at.t
        seen, demand = at.demand[:, :, 0], at.demand.copy()
        demand[:, :, 0] = after = np.where(self._inside[year, :, t], np.maximum(seen, row[:, IMPORT, None]), seen)
        billed = row[:, DEMAND_PEN].copy()
        for plant in np.flatnonzero(self._ends[year, t]):
            billed[plant] -= demand_pen(self._tariffs[year[plant]], demand[plant])
        worth = (plans.seen[year, :, t + 1] * after - plans.seen[year, :, t] * seen).sum(axis=1)
        gain: FloatArray = self._per_pen[year] * billed + worth
        return gain


def plan_of(data: PlantData) -> Plans:
    """Perfect-foresight plan of a year as the twin carries it out, and what states are worth by it; S is 1.

    Raises
    ------
    ControllerError
        The optimum is not provable for this plant.
    """
    # The rewards' own totals: worths are in their units.
    optimum, p = solve(data, reference=ScoreTerms.of(data.reference.tolist())), data.params
    # Prices are costs of J times the hours of the program, rewards are of -J times those of a year.
    price, per_price = optimum.prices, -p.hours / data.hours
    plan = Plans(
        due=np.zeros((1, data.hours)), stored=price.stored[None] * per_price * p.bess_kwh,
        imported=price.imported[None] * per_price, seen=_seen(price.demand * per_price, data.tariff)[None],
        need=price.need * per_price,
    )  # fmt: skip
    valuer, controller, twin = Valuer([data], plan), PlannedController(optimum.plan), Twin(data)
    twin.reset()
    for t in range(data.hours):
        state = twin.state
        at = Beginning(
            year=np.array([0]), t=np.array([t]), soc=np.array([state.bess_soc]),
            imported=np.array([state.last_import_kwh]), demand=state.demand_kw[None], need=state.need_kwh()[None],
            occupant=state.occupant[None], left=state.hours_left[None],
        )  # fmt: skip
        hour = twin.step(controller.decide(state))
        plan.due[:, t] = valuer.gain(at, np.array([hour.reward]), hour.row[None], hour.socket_kwh[None])
    return plan


def _seen(worth: FloatArray, tariff: Tariff) -> FloatArray:
    """Worth of demand seen, (C, N + 1): the sum of that of a kW in each hour of the month so far, (C, N)."""
    result = np.zeros((worth.shape[0], worth.shape[1] + 1))
    for start, hours in billing_months(tariff):
        # With the month its demand ends: the hour after it has 0.
        month = slice(start, start + hours - 1)
        result[:, start + 1 : start + hours] = np.cumsum(worth[:, month], axis=1)
    return result


class RegretVecEnv(TwinVecEnv):
    """`TwinVecEnv` with the regret as reward, with the sign of a reward and times `SCALE`.

    Parameters
    ----------
    years, plants, episode_hours, seed
        See `TwinVecEnv`.
    plans
        Plans of the same years.
    """

    def __init__(
        self, years: Sequence[PlantData], plans: Plans, *, plants: int, episode_hours: int, seed: int = 0
    ) -> None:
        self._due, self._valuer = plans.due, Valuer(years, plans)
        super().__init__(years, plants=plants, episode_hours=episode_hours, seed=seed)

    def _run_hour(self, actions: NDArray[np.float32]) -> FloatArray:
        f, y = self._fleet, self._years
        year, t = f.year.copy(), f.t.copy()
        at = Beginning(
            year=year, t=t, soc=f.bess_soc.astype(np.float64), imported=f.last_import.copy(), demand=f.demand.copy(),
            need=f.need.copy(), occupant=y.occupant[year, t], left=y.hours_left[year, t],
        )  # fmt: skip
        super()._run_hour(actions)
        gain = self._valuer.gain(at, f.reward, f.row, f.delivered)
        regret: FloatArray = SCALE * (gain - self._due[year, t])
        return regret
