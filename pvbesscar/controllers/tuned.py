"""The tuned rule: the plain rule with hours, reserves and targets fitted on training years."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.linear import dot
from pvbesscar.controllers.base import Controller, Memoryless
from pvbesscar.controllers.reference import no_control_reference, scale, simulated_terms
from pvbesscar.controllers.tuned_kernel import (
    Course,
    RuleByHour,
    Store,
    battery_kw,
    twin_terms,
    vehicles_kwh,
    year_terms,
)
from pvbesscar.controllers.vehicles import Stays, stays_within
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.state import PlantState, Setpoints, setpoints_near
from pvbesscar.plant.twin import new_fleet, stack_years
from schemas.progress import OnProgress, Progress
from schemas.settings import Frozen, quantity

FloatArray = NDArray[np.float64]
Hours = tuple[float, ...]

_FITTED = "fitted on training years"
HOURS = 24
MONTHS_OF_YEAR = 12
PASSES = 4
"""Rounds of the search; each tries steps half as long as the one before."""
VEHICLE_PASSES = (0, PASSES - 1)
"""Rounds that try the vehicles' shares too, which takes longer than all else."""
VEHICLE_SHARES = (0.0, 0.5, 1.0)
"""Shares that a vehicle hour tries, its present one left out."""
GAIN = 1e-7
"""Least gain in J that is taken: a smaller one can be rounding."""


class TunedParameters(Frozen):
    """What the tuned rule decides by; `plain()` is the rule itself."""

    reserve_soc: float = quantity(0.0, "1", "kept for the tariff peak: outside it no discharge below", _FITTED)
    import_target_kw: Hours = quantity(
        (0.0,) * HOURS, "kW", "import that the battery aims at, by hour of day: it covers what exceeds it", _FITTED
    )
    discharge_limit_kw: Hours = quantity(..., "kW", "most discharge, by hour of day", _FITTED)
    grid_charge_soc: Hours = quantity(
        (0.0,) * HOURS, "1", "charged from the grid up to this, while the import is below its target, by hour of day; "
        "0 in `dispatch`", _FITTED,
    )  # fmt: skip
    vehicle_share: Hours = quantity(
        (1.0,) * HOURS, "1", "share of a socket's power without PV surplus, by hour of day (in surplus: all)", _FITTED
    )
    peak_target_kw: Hours = quantity(
        (0.0,) * MONTHS_OF_YEAR, "kW", "import aimed at while the dearest demand charge sees it, by month; 0 without "
        "demand charges", _FITTED,
    )  # fmt: skip

    def by_hour(self) -> RuleByHour:
        """Return the parameters as arrays, for compiled code."""
        return RuleByHour(self.reserve_soc, *(np.array(getattr(self, name)) for name in RuleByHour._fields[1:]))

    @classmethod
    def of(cls, rule: RuleByHour) -> TunedParameters:
        """Parameters of a rule by hour."""
        hours = {name: tuple(values.tolist()) for name, values in rule._asdict().items() if name != "reserve_soc"}
        return cls(reserve_soc=rule.reserve_soc, **hours)


def plain(params: PlantParams) -> TunedParameters:
    """Parameters with which the tuned rule is the rule."""
    return TunedParameters(discharge_limit_kw=(params.bess_kw,) * HOURS)


def store_of(p: PlantParams) -> Store:
    """Battery of a plant, for compiled code."""
    return Store(
        p.bess_kw, p.bess_kwh, math.sqrt(p.bess_efficiency), p.bess_initial_soc, 1.0 - p.bess_depth_of_discharge
    )


class TunedRule(Memoryless):
    """The rule with fitted parameters.

    Parameters
    ----------
    parameters
        What it decides by.
    data
        The year; only the tariff is read here, which is published.
    """

    name = "tuned-rule"

    def __init__(self, parameters: TunedParameters, data: PlantData) -> None:
        self._rule, self._store = parameters.by_hour(), store_of(data.params)
        self._course = course_of(data)

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        data, p, t = state.data, state.data.params, state.t
        hour = int(data.calendar[t, 0])
        share = 1.0 if data.pv_kwh[t] > data.mall_kwh[t] else float(self._rule.vehicle_share[hour])
        wanted = np.full(p.sockets, share * p.socket_kw)
        net = float(data.mall_kwh[t] + setpoints_near(state, 0.0, wanted).socket_kw.sum() - data.pv_kwh[t])
        bess_kw = battery_kw(self._rule, self._store, self._course, t, net, state.bess_soc)
        return setpoints_near(state, float(bess_kw), wanted)


def peak_hours(data: PlantData) -> NDArray[np.bool_]:
    """Hours at the highest price, where the tariff has more than one; shape (N,)."""
    highest = float(data.price.max())
    result: NDArray[np.bool_] = (data.price == highest) & (highest > float(data.price.min()))
    return result


def billed_hours(data: PlantData) -> NDArray[np.bool_]:
    """Hours that the dearest demand charge sees, none without one; shape (N,)."""
    tariff = data.tariff
    if not tariff.price.size:
        return np.zeros(data.hours, np.bool_)
    result: NDArray[np.bool_] = tariff.in_band[int(np.argmax(tariff.price))]
    return result


def course_of(data: PlantData) -> Course:
    """A year as the rule sees it."""
    return Course(
        data.calendar[:, 0], data.calendar[:, 1] - 1, data.pv_kwh > data.mall_kwh, peak_hours(data), billed_hours(data),
        data.price, data.carbon,
    )  # fmt: skip


def fit_tuned(training: Sequence[PlantData], seed: int, on_progress: OnProgress | None = None) -> TunedParameters:
    """Fit the tuned rule on training years: a search by coordinates and blocks of hours from the rule on.

    The search compares candidates on the fast year of `tuned_kernel`. Where its best is worse than the rule on the
    twin, the rule's own parameters are returned.

    Parameters
    ----------
    training
        Years of one plant and mode.
    seed
        Seed of the order in which coordinates are tried.
    on_progress
        Told how many candidates were tried, about once a second.
    """
    search = _Search(training, seed, on_progress)
    found = search.run()
    rule = plain(training[0].params)
    tuned, usual = (np.mean([twin_score(year, parameters) for year in training]) for parameters in (found, rule))
    return found if tuned <= usual else rule


def twin_score(data: PlantData, parameters: TunedParameters) -> float:
    """J of the tuned rule over the year on the twin, all in compiled code; see `simulated_score`."""
    years = stack_years([data])
    totals = twin_terms(
        parameters.by_hour(), store_of(data.params), course_of(data), data.params, data.bess, years, new_fleet(years, 1)
    )
    return dot(scale(data.params, no_control_reference(data, 0, data.hours)), totals)


def simulated_score(data: PlantData, controller: Controller) -> float:
    """J of a controller over the year on the twin."""
    return dot(scale(data.params, no_control_reference(data, 0, data.hours)), simulated_terms(data, controller))


@dataclass(frozen=True, slots=True)
class _Year:
    """A training year as the search sees it."""

    data: PlantData
    per_unit: FloatArray
    course: Course
    stays: Stays
    store: Store

    @classmethod
    def of(cls, data: PlantData) -> _Year:
        stays = stays_within(data, 0, data.hours)
        return cls(
            data=data,
            per_unit=scale(data.params, no_control_reference(data, 0, data.hours)),
            course=course_of(data),
            stays=stays._replace(end=np.minimum(stays.end, data.hours)),
            store=store_of(data.params),
        )

    def net_kwh(self, share: FloatArray) -> FloatArray:
        """Demand after PV with the vehicles charged by these shares, shape (N,)."""
        data, stays, demand = self.data, self.stays, np.empty(self.data.hours)
        vehicles_kwh(data.params, self.course, stays.first, stays.end, stays.need_kwh, share, demand)
        return data.mall_kwh + demand - data.pv_kwh

    def score(self, net: FloatArray, rule: RuleByHour) -> float:
        """J without EV service, which the guard sees to."""
        terms = year_terms(rule, self.store, self.course, net, self.data.params, self.data.tariff)
        return dot(self.per_unit[[0, 1, 2, 4]], np.array(terms))


class _Search:
    """The search's years, its best candidate so far, and what it tries."""

    def __init__(self, training: Sequence[PlantData], seed: int, on_progress: OnProgress | None) -> None:
        self.years = [_Year.of(year) for year in training]
        self.params = training[0].params
        self.rng = np.random.default_rng(seed)
        self.on_progress, self.tried, self.began, self.told = on_progress, 0, time.monotonic(), 0.0
        self.best = plain(self.params).by_hour()
        self.nets = [year.net_kwh(self.best.vehicle_share) for year in self.years]
        # Steps of the targets are shares of the highest demand after PV, its rarest peaks left out.
        self.scale_kw = float(np.quantile(np.concatenate([np.maximum(net, 0.0) for net in self.nets]), 0.98))
        in_peak = np.zeros(HOURS, dtype=np.bool_)
        for year in self.years:
            in_peak[year.course.hour[year.course.in_peak]] = True
        # Hours that go together: the tariff's, the day's quarters, and each alone.
        self.blocks = [np.flatnonzero(in_peak), np.flatnonzero(~in_peak), np.arange(HOURS)]
        self.blocks += [np.arange(first, first + 6) for first in range(0, HOURS, 6)]
        self.blocks = [block for block in self.blocks if block.size]
        self.singles = [np.array([hour]) for hour in range(HOURS)]
        # Months that go together: all of them, and each alone.
        months = [np.arange(MONTHS_OF_YEAR), *(np.array([month]) for month in range(MONTHS_OF_YEAR))]
        self.months = months if training[0].tariff.price.size else []
        self.planned = self._planned()
        self.score = self._score(self.best, self.nets)

    def run(self) -> TunedParameters:
        """Search, and return the best parameters."""
        if self.months and self.params.bidirectional:
            self._improve(self._prepared_moves())
        for step in range(PASSES):
            width = 0.5**step
            moves = [("battery", block) for block in self.blocks + self.singles]
            moves += [("vehicles", hour) for hour in self.singles] if step in VEHICLE_PASSES else []
            # A random order keeps the hours early in the day from being favoured.
            for index in self.rng.permutation(len(moves)):
                kind, block = moves[index]
                if kind == "battery":
                    self._improve(self._battery_moves(block, width))
                else:
                    self._improve_vehicles(block)
            if self.months:
                for month in self.rng.permutation(len(self.months)):
                    self._improve(self._target_moves(self.months[month], width))
            self._improve(self._reserve_moves(width))
        return TunedParameters.of(self.best)

    def _planned(self) -> int:
        """Candidates that the search will try, the first one included: how many a move has hangs on nothing found."""
        total = 1 + (sum(1 for _ in self._prepared_moves()) if self.months and self.params.bidirectional else 0)
        for step in range(PASSES):
            width = 0.5**step
            groups = [self._battery_moves(block, width) for block in self.blocks + self.singles]
            groups += [self._target_moves(months, width) for months in self.months]
            groups.append(self._reserve_moves(width))
            total += sum(1 for group in groups for _ in group)
            total += len(self.singles) * (len(VEHICLE_SHARES) - 1) if step in VEHICLE_PASSES else 0
        return total

    def _battery_moves(self, block: NDArray[np.int64], width: float) -> Iterator[RuleByHour]:
        """Other targets, limits and grid charging for a block of hours, within `width` of what is there."""
        power = self.params.bess_kw
        target, limit, grid = (
            values[block]
            for values in (self.best.import_target_kw, self.best.discharge_limit_kw, self.best.grid_charge_soc)
        )
        for change in (-1.0, -0.5, -0.2, 0.2, 0.5, 1.0):
            step = change * width
            yield self._moved(block, import_target_kw=np.clip(target + step * self.scale_kw, 0.0, None))
            yield self._moved(block, discharge_limit_kw=np.clip(limit + step * power, 0.0, power))
            if self.params.bidirectional:
                yield self._moved(block, grid_charge_soc=np.clip(grid + step, 0.0, 1.0))
        if self.params.bidirectional:
            # Charging from the grid takes both a target and a state of charge: they are tried together.
            for share in (0.25, 0.5, 1.0):
                for soc in (0.5, 1.0):
                    yield self._moved(block, import_target_kw=share * self.scale_kw, grid_charge_soc=soc)

    def _prepared_moves(self) -> Iterator[RuleByHour]:
        """A full battery before the demand charge, and a target while it holds: one without the other gains nothing."""
        billed = np.zeros(HOURS, dtype=np.bool_)
        for year in self.years:
            billed[year.course.hour[year.course.billed]] = True
        begins = int(np.argmax(billed))
        for hours, share, soc, peak in product((6, 12), (0.4, 0.6, 0.8), (0.6, 1.0), (0.5, 0.6, 0.7, 0.8)):
            before = np.array([hour for hour in range(max(begins - hours, 0), begins) if not billed[hour]], np.int64)
            moved = self._moved(before, import_target_kw=share * self.scale_kw, grid_charge_soc=soc)
            yield moved._replace(peak_target_kw=np.full(MONTHS_OF_YEAR, peak * self.scale_kw))

    def _target_moves(self, months: NDArray[np.int64], width: float) -> Iterator[RuleByHour]:
        """Other peak targets for some months."""
        target = self.best.peak_target_kw[months]
        for change in np.linspace(-0.5, 0.5, 11):
            moved = np.clip(target + change * width * self.scale_kw, 0.0, None)
            yield self._moved(months, peak_target_kw=moved)
        if width == 1.0:
            # From no target on, those worth a look are near what the load comes to.
            for share in np.linspace(0.4, 1.0, 7):
                yield self._moved(months, peak_target_kw=share * self.scale_kw)

    def _moved(self, block: NDArray[np.int64], **values: FloatArray | float) -> RuleByHour:
        """Return the best rule with other values in a block of hours."""
        changed = {name: getattr(self.best, name).copy() for name in values}
        for name, value in values.items():
            changed[name][block] = value
        return self.best._replace(**changed)

    def _reserve_moves(self, width: float) -> Iterator[RuleByHour]:
        for change in np.linspace(-width, width, 9):
            yield self.best._replace(reserve_soc=float(np.clip(self.best.reserve_soc + change, 0.0, 1.0)))

    def _improve(self, candidates: Iterator[RuleByHour]) -> None:
        """Take the best of some candidates that share the vehicles' charging, if it gains."""
        scored = [(self._score(candidate, self.nets), candidate) for candidate in candidates]
        score, candidate = min(scored, key=lambda pair: pair[0])
        if score < self.score - GAIN:
            self.score, self.best = score, candidate

    def _improve_vehicles(self, hour: NDArray[np.int64]) -> None:
        present = self.best.vehicle_share[hour[0]]
        for share in VEHICLE_SHARES:
            if share == present:
                continue
            moved = self._moved(hour, vehicle_share=share)
            nets = [year.net_kwh(moved.vehicle_share) for year in self.years]
            score = self._score(moved, nets)
            if score < self.score - GAIN:
                self.score, self.best, self.nets = score, moved, nets

    def _score(self, candidate: RuleByHour, nets: Sequence[FloatArray]) -> float:
        """Mean J over the training years."""
        self.tried += 1
        now = time.monotonic()
        if self.on_progress is not None and now - self.told >= 1.0:
            self.told = now
            rate = self.tried / max(now - self.began, 1e-9)
            self.on_progress(Progress(self.tried, self.planned, rate, "tuned rules tried"))
        return float(np.mean([year.score(net, candidate) for year, net in zip(self.years, nets, strict=True)]))
