"""Perfect-foresight plans of training years, which regret is counted against: made once, and kept for all trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pvbesscar.agents.kept_arrays import read_arrays, write_arrays
from pvbesscar.controllers.optimum import refusals
from pvbesscar.envs.regret import Plans, joined, plan_of
from pvbesscar.plant.data import PlantData
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError
from schemas.results import Result

CODE = ("pvbesscar.arithmetic", "pvbesscar.controllers", "pvbesscar.dataset", "pvbesscar.envs", "pvbesscar.plant")


class PlansCard(Result):
    """What kept plans are of: what a year costs hangs on the dataset's tariff too, which no year's digest holds."""

    dataset: str
    code: str


def plans_of(years: Sequence[PlantData], dataset: str, workspace: Workspace, tell: Callable[[int], None]) -> Plans:
    """Plans of years, read or made; others that need them wait meanwhile.

    Parameters
    ----------
    dataset
        Digest of the dataset that the years are of.
    tell
        Told the number of years whose plans are there, before each that is made.

    Raises
    ------
    ControllerError
        The optimum is not provable for this plant.
    """
    reasons = refusals(years[0])
    if reasons:
        raise ControllerError(
            "agents can not learn from the optimum of this plant, for it is not provable: " + "; ".join(reasons) + ".",
            hint="set `training.reward: score`, or reset the settings named.",
        )
    card = PlansCard(dataset=dataset, code=code_digest(*CODE))
    with held(workspace.shared_lock("plans"), "the plans of the training years"):
        arrays = read_arrays(workspace.plans, card) or {}
        # Those of another profile are kept, and serve it again.
        missing = [number for number, year in enumerate(years) if f"due-{year.digest}" not in arrays]
        for number in missing:
            tell(number)
            planned = plan_of(years[number])._asdict()
            arrays |= {f"{name}-{years[number].digest}": values for name, values in planned.items()}
        if missing:
            write_arrays(workspace.plans, card, arrays)
    return joined([Plans(*(arrays[f"{name}-{year.digest}"] for name in Plans._fields)) for year in years])
