"""Scenarios: years drawn from the weeks of the validated year, for training, validation and test (docs/scenarios.md).

A scenario is stored as a recipe: for each day the day of the validated year that its weather and PV come from, the day
that its demand, calendar and sessions come from, and a factor on the mall's demand. Its hours are made from the recipe
when it is loaded, so that it takes a few kilobytes and holds only hours that the quality gate has accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.arithmetic import draws, functions
from pvbesscar.dataset.perturb import perturbed
from pvbesscar.dataset.years import (
    DAYS,
    WEEK,
    WEEKS,
    DrawnYear,
    Nominal,
    content_digest,
    plant_of,
    read_nominal,
    with_forecasts,
)
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.tariff import energy_price
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.files import read_json, read_parquet
from schemas.errors import ConfigError, StaleError
from schemas.settings import HOURS_PER_YEAR, ScenarioSettings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SCENARIOS_FILE = "scenarios.parquet"
INDEX_FILE = "scenarios.json"
NOMINAL = "nominal"
Pool = Literal["training", "validation", "test"]
POOLS: tuple[Pool, ...] = ("training", "validation", "test")
PERTURBED_FROM = 2
"""Number of test scenarios, the first ones, that perturbed years are made from."""
SHARES = {"training": 0.60, "validation": 0.15, "test": 0.25}
"""Share of the weeks of each pool."""
HOLIDAY = 8
"""Day type of a holiday in CityLearn's calendar."""
LEAST_WEEKS = 3
"""Weeks that a stratum needs to give each pool one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a scenario is made of.

    Attributes
    ----------
    name
        E.g. `test-01`.
    weather_day, demand_day
        Day of the validated year that each day's weather and PV, and its demand, calendar and sessions come from,
        shape (365,), 0-based.
    load_factor
        Factor on the mall's demand of each day, shape (365,).
    """

    name: str
    weather_day: IntArray
    demand_day: IntArray
    load_factor: FloatArray


@dataclass(frozen=True, slots=True)
class Calendar:
    """Strata of the 52 whole weeks: season, and whether a holiday is among their days; the last day is of no week."""

    wet: NDArray[np.bool_]
    holiday: NDArray[np.bool_]
    last_day_wet: bool

    @classmethod
    def of(cls, hourly: pd.DataFrame, settings: ScenarioSettings) -> Calendar:
        """Strata of the year's weeks; a week belongs to the season of its fourth day."""
        month, kind = (hourly[name].to_numpy(np.int64)[::24] for name in ("month", "day_type"))
        wet = np.isin(month, settings.wet_months)
        weeks = kind[: WEEK * WEEKS].reshape(WEEKS, WEEK)
        return cls(wet[3 : WEEK * WEEKS : WEEK], (weeks == HOLIDAY).any(axis=1), bool(wet[-1]))

    def strata(self) -> IntArray:
        """Stratum of each week, shape (52,): 0 dry, 1 wet, 2 dry with a holiday, 3 wet with one.

        Holiday weeks of a season in which there are fewer than three count as ordinary ones, for three pools can not
        share them.
        """
        result: IntArray = self.wet + 2 * self.holiday.astype(np.int64)
        for season in (0, 1):
            if (result == 2 + season).sum() < LEAST_WEEKS:
                result[result == 2 + season] = season
        return result


def week_pools(calendar: Calendar, seed: int) -> dict[Pool, IntArray]:
    """Weeks (0 to 51) of each pool: disjoint, 60, 15 and 25 % of each stratum; `seed` is `scenarios.split_seed`.

    Raises
    ------
    ConfigError
        A season has fewer than three weeks.
    """
    strata, generator = calendar.strata(), np.random.default_rng([seed, 0])
    pools: dict[Pool, list[int]] = {pool: [] for pool in POOLS}
    for stratum in np.unique(strata):
        weeks = generator.permutation(np.flatnonzero(strata == stratum))
        if weeks.size < LEAST_WEEKS:
            raise ConfigError(
                f"{weeks.size} weeks of a season are too few to share among training, validation and test.",
                hint="set `scenarios.wet_months` so that each season has three weeks or more.",
            )
        counts = _shares(weeks.size)
        for pool, part in zip(POOLS, np.split(weeks, np.cumsum(counts)[:-1]), strict=True):
            pools[pool] += part.tolist()
    return {pool: np.sort(np.array(weeks, dtype=np.int64)) for pool, weeks in pools.items()}


def _shares(weeks: int) -> IntArray:
    """Share out weeks by the largest remainder, at least one to each pool."""
    wanted = np.array([SHARES[pool] for pool in POOLS]) * weeks
    counts: IntArray = np.maximum(np.floor(wanted), 1.0).astype(np.int64)
    for pool in np.argsort(np.floor(wanted) - wanted, kind="stable")[: max(weeks - int(counts.sum()), 0)]:
        counts[pool] += 1
    counts[0] -= counts.sum() - weeks  # the weeks that made up the least one of a pool
    return counts


def validation_weeks(calendar: Calendar, validation: IntArray) -> dict[str, int]:
    """Weeks of the validation pool that stand for the dry season, the wet one and holidays, where there are such.

    Of the weeks of a kind the middle one is taken: nobody chooses it, and it lies farthest from the season's edges.
    """
    holiday, wet = calendar.holiday[validation], calendar.wet[validation]
    kinds = {"dry": ~wet & ~holiday, "wet": wet & ~holiday, "holiday": holiday}
    own = {f"validation-{kind}": validation[rows] for kind, rows in kinds.items() if rows.any()}
    return {name: int(weeks[(weeks.size - 1) // 2]) for name, weeks in own.items()}


def windows_of(dataset: Path) -> dict[str, int]:
    """Week of the validated year of each validation window, by name; the dataset must have been proven."""
    return dict(read_json(dataset / INDEX_FILE)["windows"])


def draw(name: str, weeks: IntArray, calendar: Calendar, settings: ScenarioSettings, seed: tuple[int, ...]) -> Recipe:
    """Draw one year from a pool's weeks.

    Weather follows the season of the week it stands in, demand its season and whether it has a holiday; each is drawn
    with replacement. Weekdays stay in place, for whole weeks of the same first weekday are exchanged.
    """
    generator = np.random.default_rng(seed)
    strata = calendar.strata()
    # The 365th day is of no whole week; it takes the first day of a week of its season.
    seasons = np.append(calendar.wet.astype(np.int64), int(calendar.last_day_wet))
    kinds = np.append(strata, int(calendar.last_day_wet))
    weather = [int(generator.choice(weeks[calendar.wet[weeks] == season])) for season in seasons]
    demand = [int(generator.choice(weeks[strata[weeks] == kind])) for kind in kinds]
    within = np.arange(DAYS) % WEEK
    block = np.arange(DAYS) // WEEK
    return Recipe(
        name,
        np.array(weather)[block] * WEEK + within,
        np.array(demand)[block] * WEEK + within,
        _load_factors(settings, generator),
    )


def _load_factors(settings: ScenarioSettings, generator: np.random.Generator) -> FloatArray:
    """Factors with mean 1 that all hours of a day share, each day remembering the one before; shape (365,)."""
    memory, sigma = settings.load_memory, settings.load_noise
    # A first-order autoregressive process with variance 1; the exponential of it has mean 1.
    steps = draws.standard_normal(generator, DAYS)
    course = np.empty(DAYS)
    course[0] = steps[0]
    for day in range(1, DAYS):
        course[day] = memory * course[day - 1] + np.sqrt(1.0 - memory * memory) * steps[day]
    factors: FloatArray = functions.exp(sigma * course - sigma * sigma / 2.0)
    return factors


def recipes(
    calendar: Calendar, pools: Mapping[Pool, IntArray], settings: ScenarioSettings, seed: int
) -> dict[Pool, list[Recipe]]:
    """Recipes of all scenarios, by pool."""
    # Every scenario has a seed of its own: more years of one pool change no other year.
    return {
        pool: [
            draw(f"{pool}-{index + 1:02d}", pools[pool], calendar, settings, (seed, 1 + order, index))
            for index in range(getattr(settings, pool))
        ]
        for order, pool in enumerate(POOLS)
    }


def drawn_year(recipe: Recipe, nominal: Nominal) -> DrawnYear:
    """Make the tables of a scenario; stamps and carbon intensity are those of the validated year.

    Kinds of day come with the demand, and with them what a tariff asks of their hours.
    """
    hourly = nominal.hourly
    weather = (recipe.weather_day[:, None] * 24 + np.arange(24)).ravel()
    demand = (recipe.demand_day[:, None] * 24 + np.arange(24)).ravel()
    load = hourly["mall_kwh"].to_numpy(np.float64)[demand] * np.repeat(recipe.load_factor, 24)
    day_type = hourly["day_type"].to_numpy(np.int64)[demand]
    changed = {
        "pv_kwh": hourly["pv_kwh"].to_numpy()[weather],
        "pv_w_per_kw": hourly["pv_w_per_kw"].to_numpy()[weather],
        "clear_ghi_w_m2": hourly["clear_ghi_w_m2"].to_numpy()[weather],
        # CityLearn holds energies as float32.
        "mall_kwh": load.astype(np.float32).astype(np.float64),
        "day_type": day_type,
        "price": energy_price(nominal.tariff, hourly["hour"].to_numpy(np.int64), day_type),
    }
    sessions, left_out = _sessions(recipe, nominal.sessions)
    return DrawnYear(with_forecasts(hourly.assign(**changed), nominal.params), sessions, left_out)


def _sessions(recipe: Recipe, sessions: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Sessions of a scenario, and how many a week's edge left out.

    A session belongs to the day on which it begins and keeps its stay. Where a stay reaches over the edge of its week
    and the socket's next vehicle comes before it ends, that vehicle is left out; so is a stay that reaches past the
    year's end.
    """
    ordered = sessions.sort_values(["arrival", "socket"], kind="stable", ignore_index=True)
    arrival = ordered["arrival"].to_numpy(np.int64)
    # First row and number of rows of the sessions that arrive on each day's source day.
    first = np.searchsorted(arrival, 24 * recipe.demand_day)
    counts = np.searchsorted(arrival, 24 * (recipe.demand_day + 1)) - first
    day = np.repeat(np.arange(DAYS), counts)
    rows = np.arange(day.size) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    shift = 24 * (day - recipe.demand_day[day])  # [h] from the source day to the day of the scenario
    drawn = {name: ordered[name].to_numpy()[rows] for name in ordered.columns}
    drawn["arrival"], drawn["departure"] = drawn["arrival"] + shift, drawn["departure"] + shift
    keep = _without_collisions(drawn["socket"], drawn["arrival"], drawn["departure"])
    frame = pd.DataFrame({name: values[keep] for name, values in drawn.items()})
    return frame, int((~keep).sum())


def _without_collisions(socket: IntArray, arrival: IntArray, departure: IntArray) -> NDArray[np.bool_]:
    """Sessions that the edges of the weeks leave, shape (n,); they come sorted by arrival."""
    keep = departure <= HOURS_PER_YEAR
    edge = 24 * WEEK * (arrival // (24 * WEEK) + 1)  # end of the week of arrival [h]
    for index in np.flatnonzero(keep & (departure > edge)):
        if keep[index]:
            later = (socket == socket[index]) & (arrival >= edge[index]) & (arrival < departure[index])
            keep[later] = False
    return keep


def as_frame(drawn: list[Recipe]) -> pd.DataFrame:
    """Recipes as one table, one row a scenario and day."""
    return pd.DataFrame(
        {
            "scenario": np.repeat([recipe.name for recipe in drawn], DAYS),
            "day": np.tile(np.arange(DAYS), len(drawn)),
            **{
                name: np.concatenate([getattr(recipe, name) for recipe in drawn]) if drawn else np.empty(0)
                for name in ("weather_day", "demand_day", "load_factor")
            },
        }
    )


def _read_recipes(dataset: Path) -> dict[str, Recipe]:
    frame = read_parquet(dataset / SCENARIOS_FILE)
    return {
        str(name): Recipe(
            str(name),
            rows["weather_day"].to_numpy(np.int64),
            rows["demand_day"].to_numpy(np.int64),
            rows["load_factor"].to_numpy(np.float64),
        )
        for name, rows in frame.groupby("scenario", sort=False)
    }


class ScenarioStore:
    """Scenarios of a dataset folder, whose manifest is proven once; each year is made when it is asked for.

    Raises
    ------
    StaleError
        The folder is missing or is not what its manifest says.
    """

    def __init__(self, dataset: Path) -> None:
        self.digest = read_manifest(dataset).digest
        self.dataset = dataset
        self._index: dict[str, Any] = read_json(dataset / INDEX_FILE)
        self._sets: dict[str, list[str]] = {NOMINAL: [NOMINAL], **self._index["sets"]}
        self._nominal = read_nominal(dataset)
        self._recipes = _read_recipes(dataset)

    def windows(self) -> dict[str, int]:
        """Week of the validated year of each validation window, by name."""
        return dict(self._index["windows"])

    def nearness(self) -> dict[str, dict[str, float]]:
        """How near test days are to training days, by series; see `pvbesscar.dataset.nearness`."""
        return dict(self._index["nearness"])

    def names(self, which: str) -> tuple[str, ...]:
        """Names of a set (`training`, `validation`, `test`, `perturbed`, `nominal`), or of one scenario.

        Raises
        ------
        ConfigError
            There is no such set or scenario.
        """
        if which in self._sets:
            return tuple(self._sets[which])
        self.set_of(which)
        return (which,)

    def set_of(self, name: str) -> str:
        """Set that a scenario belongs to.

        Raises
        ------
        ConfigError
            There is no such scenario.
        """
        for which, names in self._sets.items():
            if name in names:
                return which
        known = [name for names in self._sets.values() for name in names]
        raise ConfigError(
            f"`{name}` is neither a set of scenarios nor a scenario of {self.dataset}.",
            hint=f"choose from {', '.join(self._sets)}, or a name such as {', '.join(known[:2])}.",
        )

    def load(self, name: str) -> PlantData:
        """Arrays of a scenario, `nominal` among them.

        Raises
        ------
        ConfigError
            There is no such scenario.
        StaleError
            The year that its recipe gives is not the one that was built.
        """
        if self.set_of(name) == NOMINAL:
            return load_plant(self.dataset)
        year, params = self.drawn_year(name)
        digest = content_digest(year, params)
        if digest != self._index["digests"][name]:
            raise StaleError(
                f"{self.dataset / SCENARIOS_FILE}: scenario `{name}` is not the one that was built.",
                hint="it was built by another version of pvbesscar or NumPy; run `pvbesscar build` again.",
            )
        return plant_of(year, self._nominal, params, digest)

    def recipe(self, name: str) -> Recipe:
        """Recipe of a scenario of the three drawn sets."""
        return self._recipes[name]

    def wet_weeks(self) -> NDArray[np.bool_]:
        """Whether each of the 52 weeks is of the wet season, as years were drawn, shape (52,)."""
        settings = ScenarioSettings.model_validate(self._index["settings"])
        return Calendar.of(self._nominal.hourly, settings).wet

    def drawn_year(self, name: str) -> tuple[DrawnYear, PlantParams]:
        """Tables of a drawn or perturbed scenario, and the parameters of its plant."""
        if name in self._recipes:
            return drawn_year(self._recipes[name], self._nominal), self._nominal.params
        settings = ScenarioSettings.model_validate(self._index["settings"])
        tests = [drawn_year(self._recipes[test], self._nominal) for test in self._sets["test"][:PERTURBED_FROM]]
        return perturbed(name, tests, self._nominal.params, settings, self._index["seed"])
