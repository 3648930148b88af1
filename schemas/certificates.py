"""Result of the stage `certify`: how the twin compares with CityLearn on a dataset."""

from __future__ import annotations

from typing import Literal

from schemas.results import Result
from schemas.settings import Mode


class QuantityDifference(Result):
    """How far one quantity of the twin was from CityLearn's, over all runs of a certification."""

    quantity: str
    unit: str
    equal: bool
    """Whether every bit was equal in every hour."""
    max_abs: float | None
    """Largest absolute difference; absent where one side was not a number."""
    hours: int
    """Hours that differed."""
    first_run: str | None
    """The run that differed first, with the hour of the year and the entry."""


class CertifiedRun(Result):
    """One policy driven through CityLearn and the twin."""

    policy: str
    mode: Mode
    start: int
    hours: int
    compiled: bool
    """Whether the twin was given actions, and decided in compiled code as it does when agents train."""
    equal: bool
    first_difference: str | None
    totals_difference: float | None
    """Largest relative difference of a ledger column's sum; absent where one side was not a number."""


class Certificate(Result):
    """`certificate.json`: how the twin compares with CityLearn on one dataset."""

    scenario: str
    scope: Literal["windows", "year"]
    verdict: Literal["equal", "not equal"]
    """Equal means every bit of the state, the observation, the ledger and the reward in every hour of every run."""
    dataset_digest: str
    plant_code_digest: str
    versions: dict[str, str]
    """Of what the energies depend on: CityLearn, NumPy, Numba."""
    platform: str
    differences: tuple[QuantityDifference, ...]
    runs: tuple[CertifiedRun, ...]
    hours: int
    branches: dict[str, int]
    """How often each branch of the physics was reached, over all runs."""
    branches_missed: tuple[str, ...]
    """Branches that the dataset contains and no run reached."""
    seconds: float

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the policies, in order."""
        return tuple(dict.fromkeys(run.policy for run in self.runs))
