"""Draw the scenarios of a dataset, judge each, and write them into its folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pvbesscar.dataset.perturb import PERTURBATIONS, perturbed
from pvbesscar.dataset.scenarios import (
    INDEX_FILE,
    POOLS,
    SCENARIOS_FILE,
    DrawnYear,
    as_frame,
    content_digest,
    named,
    read_nominal,
    recipes,
    written_out,
)
from pvbesscar.plant.params import PlantParams
from pvbesscar.quality.year.drawn_years import require_plausible
from pvbesscar.store.files import write_json, write_parquet
from schemas.settings import Settings


def write_scenarios(folder: Path, settings: Settings, applied: Collection[str]) -> None:
    """Draw every scenario of a dataset that lies in `folder`, judge it, and write recipes and digests beside it.

    Parameters
    ----------
    folder
        Holds the dataset's own year already.
    applied
        Rules that the gate applied to the validated year.

    Raises
    ------
    ConfigError
        The year has too few weeks of a season.
    QualityError
        A drawn year breaks a rule that can be asked of it.
    """
    nominal, own = read_nominal(folder), settings.scenarios
    drawn, pools = recipes(nominal, own, settings.seed)
    digests: dict[str, str] = {}
    left_out: dict[str, int] = {}
    test_years: list[DrawnYear] = []

    def record(name: str, year: DrawnYear, params: PlantParams) -> None:
        require_plausible(name, year.hourly, named(year.sessions), settings, applied)
        digests[name], left_out[name] = content_digest(year, params), year.left_out

    for recipe in drawn:
        year = written_out(recipe, nominal)
        record(recipe.name, year, nominal.params)
        if recipe.name.startswith("test-") and len(test_years) < 2:
            test_years.append(year)
    gone_wrong = list(PERTURBATIONS) if test_years else []
    for name in gone_wrong:
        record(name, *perturbed(name, test_years, nominal.params, own, settings.seed))
    write_parquet(folder / SCENARIOS_FILE, as_frame(drawn))
    write_json(
        folder / INDEX_FILE,
        {
            "seed": settings.seed,
            "settings": own.model_dump(mode="json"),
            "pools": {pool: weeks.tolist() for pool, weeks in pools.items()},
            "sets": {
                **{pool: [r.name for r in drawn if r.name.startswith(f"{pool}-")] for pool in POOLS},
                "perturbed": gone_wrong,
            },
            "sessions_left_out": left_out,
            "digests": digests,
        },
    )
