"""Drawing of all scenarios of a dataset, each checked by the quality rules, into its folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pvbesscar.dataset.nearness import nearness
from pvbesscar.dataset.perturb import PERTURBATIONS, perturbed
from pvbesscar.dataset.scenarios import (
    INDEX_FILE,
    PERTURBED_FROM,
    SCENARIOS_FILE,
    Calendar,
    as_frame,
    drawn_year,
    recipes,
    validation_weeks,
    week_pools,
)
from pvbesscar.dataset.years import DrawnYear, content_digest, named, read_nominal
from pvbesscar.plant.params import PlantParams
from pvbesscar.quality.year.drawn_years import require_plausible
from pvbesscar.store.files import write_json, write_parquet
from schemas.settings import Settings


def write_scenarios(folder: Path, settings: Settings, applied: Collection[str]) -> None:
    """Draw every scenario of the dataset in `folder`, check it, and write recipes and digests into the folder.

    Parameters
    ----------
    folder
        Holds the validated year already.
    applied
        Rules that the gate applied to the validated year.

    Raises
    ------
    ConfigError
        The year has too few weeks of a season.
    QualityError
        A drawn year breaks a rule that applies to it.
    """
    nominal, own = read_nominal(folder), settings.scenarios
    calendar = Calendar.of(nominal.hourly, own)
    pools = week_pools(calendar, own.split_seed)
    drawn = recipes(calendar, pools, own, settings.seed)
    digests: dict[str, str] = {}
    left_out: dict[str, int] = {}
    test_years: list[DrawnYear] = []

    def record(name: str, year: DrawnYear, params: PlantParams) -> None:
        require_plausible(name, year.hourly, named(year.sessions), settings, applied)
        digests[name], left_out[name] = content_digest(year, params), year.left_out

    for pool, group in drawn.items():
        for recipe in group:
            year = drawn_year(recipe, nominal)
            record(recipe.name, year, nominal.params)
            if pool == "test" and len(test_years) < PERTURBED_FROM:
                test_years.append(year)
    perturbations = list(PERTURBATIONS) if test_years else []
    for name in perturbations:
        record(name, *perturbed(name, test_years, nominal.params, own, settings.seed))
    write_parquet(folder / SCENARIOS_FILE, as_frame([recipe for group in drawn.values() for recipe in group]))
    write_json(
        folder / INDEX_FILE,
        {
            "seed": settings.seed,
            "settings": own.model_dump(mode="json"),
            "pools": {pool: weeks.tolist() for pool, weeks in pools.items()},
            "windows": validation_weeks(calendar, pools["validation"]),
            "nearness": nearness(nominal, pools["test"], pools["training"]),
            "sets": {
                **{pool: [recipe.name for recipe in group] for pool, group in drawn.items()},
                "perturbed": perturbations,
            },
            "sessions_left_out": left_out,
            "digests": digests,
        },
    )
