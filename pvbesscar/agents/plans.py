"""Perfect-foresight plans of training years, which regret is counted against: made once, and kept for all trainings."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.optimum import refusals, solve
from pvbesscar.envs.regret import Plans, carry_out
from pvbesscar.plant.data import PlantData
from pvbesscar.store.files import atomic_path
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError
from schemas.results import Result

CODE = ("pvbesscar.arithmetic", "pvbesscar.controllers", "pvbesscar.dataset", "pvbesscar.envs", "pvbesscar.plant")
CARD = "card.json"

Plan = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Reward and state of charge of each hour, shape (N,) each."""


class PlansCard(Result):
    """What kept plans are of."""

    code: str
    years: tuple[str, ...]


def plans_of(years: Sequence[PlantData], workspace: Workspace, tell: Callable[[int], None]) -> Plans:
    """Plans of years, read or made; others that need them wait meanwhile.

    Parameters
    ----------
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
    wanted = [year.digest for year in years]
    with held(workspace.shared_lock("plans"), "the plans of the training years"):
        kept = _read(workspace.plans)
        # Years of another dataset serve nobody any more; those of another profile do.
        found = kept if kept.keys() & set(wanted) else {}
        made = 0
        for done, year in enumerate(years):
            if year.digest not in found:
                tell(done)
                found[year.digest] = carry_out(year, solve(year).plan)
                made += 1
        if made:
            _write(workspace.plans, found)
    return Plans(*(np.array(part) for part in zip(*(found[digest] for digest in wanted), strict=True)))


def _write(path: Path, plans: dict[str, Plan]) -> None:
    card = PlansCard(code=code_digest(*CODE), years=tuple(plans))
    arrays = Plans(*(np.array(part) for part in zip(*plans.values(), strict=True)))._asdict()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **{CARD: np.array(card.model_dump_json())}, **arrays)


def _read(path: Path) -> dict[str, Plan]:
    """Plans of a file; none where there is no file, one of other code, or one that a kill or a person has damaged."""
    if not path.is_file():
        return {}
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            arrays = dict(stored)
        card = PlansCard.model_validate_json(str(arrays[CARD]))
        rows = zip(card.years, arrays["reward"], arrays["soc"], strict=True)
        return {year: (reward, soc) for year, reward, soc in rows} if card.code == code_digest(*CODE) else {}
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError):
        return {}
