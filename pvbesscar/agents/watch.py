"""Validation years, run in monthly parts all at once: how an agent is watched while it trains, and chosen.

Each month begins as an episode does, with the battery at its first state of charge and the month's demand at zero. A
month is short enough that a look takes a second, and it is the period of a demand charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from pvbesscar.agents.policies.acting import CompiledActor
from pvbesscar.agents.policies.plant_view import Actor, PlantView, numbers_of
from pvbesscar.controllers.optimum import solve
from pvbesscar.controllers.policy import Predictor
from pvbesscar.controllers.reference import no_control_reference, scale
from pvbesscar.plant import twin
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import CO2, RAMP
from pvbesscar.plant.observation import observation_size
from pvbesscar.plant.tariff import billing_months


class Marks(NamedTuple):
    """J of the rule and lower bound of J on the parts, mean over the years."""

    rule: float
    bound: float

    def gap_closed(self, j: float) -> float:
        """Share of what is open between rule and bound that a J closes."""
        return (self.rule - j) / (self.rule - self.bound)


class Watch:
    """The validation years in monthly parts.

    Parameters
    ----------
    years
        Years of one plant.
    """

    def __init__(self, years: Sequence[PlantData]) -> None:
        self._years, self._stacked = tuple(years), twin.stack_years(years)
        self._parts = [
            (year, start, hours) for year in range(len(years)) for start, hours in billing_months(years[0].tariff)
        ]
        references = [no_control_reference(year, 0, year.hours) for year in years]
        self._references = references
        self._scale = np.array([scale(years[0].params, one) for one in references])

    def score(self, policy: Predictor) -> float:
        """J of a policy, acting deterministically: mean over the years of the sum of their parts."""
        first, plants = self._years[0], len(self._parts)
        p, fleet = first.params, twin.new_fleet(self._stacked, plants)
        observations = np.zeros((plants, observation_size(p.sockets)), np.float32)
        done, total = np.zeros(plants, np.bool_), np.zeros((len(self._years), RAMP + 1 - CO2))
        for plant, (year, start, hours) in enumerate(self._parts):
            twin.begin(p, first.bess, self._stacked, fleet, plant, year, start, hours)
            twin.look(p, self._stacked, fleet, plant, observations[plant])
        of_year, left = np.array([part[0] for part in self._parts]), np.array([part[2] for part in self._parts])
        for hour in range(int(left.max())):
            actions = np.asarray(policy.predict(observations, deterministic=True)[0], np.float32)
            twin.step_all(p, first.bess, self._stacked, fleet, actions, observations, done)
            live = hour < left
            np.add.at(total, of_year[live], fleet.row[live, CO2 : RAMP + 1])
            for plant in np.flatnonzero(done & live).tolist():
                # Shorter months wait for the longest one: they begin again, and nobody counts it.
                year, start, hours = self._parts[plant]
                twin.begin(p, first.bess, self._stacked, fleet, plant, year, start, hours)
        return float((total * self._scale).sum(axis=1).mean())

    def marks(self) -> Marks:
        """J of the rule, and the lower bound.

        Raises
        ------
        ControllerError
            The optimum is not provable for this plant.
        """
        bounds = np.zeros(len(self._years))
        for year, start, hours in self._parts:
            bounds[year] += solve(
                self._years[year], start=start, hours=hours, reference=self._references[year]
            ).bound  # fmt: skip
        return Marks(self.score(_rule(self._years[0])), float(bounds.mean()))


def _rule(data: PlantData) -> CompiledActor:
    """The rule as a policy: an import target of zero, sockets on arrival."""
    actor = Actor(PlantView(numbers_of(data)._asdict()), [1], 0)
    with torch.no_grad():
        for parameter in actor.parameters():
            parameter.zero_()
    return CompiledActor(actor)
