"""The controllers that are no agents, by name: which are fitted on training years, and how each is made."""

from __future__ import annotations

from collections.abc import Sequence

from pvbesscar.controllers import optimum
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.baselines import ConstantAction, NoControl, RandomAction, Rule
from pvbesscar.controllers.forecast import ForecastModel, causal_outlook, perfect_outlook
from pvbesscar.controllers.forecast_choice import choose_forecast
from pvbesscar.controllers.mpc import HORIZON, Mpc
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.controllers.rolling_demand import DemandPolicy, fit_policy
from pvbesscar.controllers.tuned import TunedParameters, TunedRule, fit_tuned
from pvbesscar.plant.data import PlantData
from schemas.errors import ControllerError
from schemas.progress import OnProgress
from schemas.results import ScoreTerms
from schemas.settings import Frozen, Mode, quantity

NO_CONTROL, RULE, RANDOM, TUNED = "no-control", "rule", "random", "tuned-rule"
MPC, MPC_PERFECT_DAY, OPTIMUM = "mpc", "mpc-perfect-day", "optimum"
CONSTANTS = {"constant-1": 1.0, "constant-0.5": 0.5}
"""Controllers whose every action is one value, by name."""
NAMES = (NO_CONTROL, RULE, *CONSTANTS, RANDOM, TUNED, MPC, MPC_PERFECT_DAY, OPTIMUM)
FITTED = frozenset({TUNED, MPC, MPC_PERFECT_DAY})
COST = {MPC: 10, MPC_PERFECT_DAY: 10}
"""Time that an hour's decision takes, relative to the rule; 1 for the others. For progress bars."""


class MpcFit(Frozen):
    """What the MPC learned from training years; JSON by `model_dump_json`, back by `model_validate_json`."""

    mode: Mode = quantity(..., "", "action mode that it was fitted for", "fitted")
    years: tuple[str, ...] = quantity(..., "", "digests of the training years", "fitted")
    reference: ScoreTerms = quantity(..., "", "mean totals of no control over the training years", "fitted")
    forecast: ForecastModel
    demand: DemandPolicy = DemandPolicy()

    def controller(self, data: PlantData) -> Mpc:
        """The MPC on a year."""
        return Mpc(MPC, data, causal_outlook(data, self.forecast), self.reference, self.demand)


class Fitted(MpcFit):
    """What controllers learned from training years."""

    tuned: TunedParameters


def names() -> tuple[str, ...]:
    """Names of all controllers that are no agents, in the order of tables."""
    return NAMES


def needs_fit(name: str) -> bool:
    """Whether a controller is made from what was fitted on training years."""
    return name in FITTED


def fit(
    training: Sequence[PlantData], seed: int, on_progress: OnProgress | None = None, mpc: MpcFit | None = None
) -> Fitted:
    """Fit every controller that learns from years, on training years of one plant and mode.

    Parameters
    ----------
    training
        The years.
    seed
        Seed of the search; the same years and seed give the same result.
    on_progress
        Told how many candidates were tried.
    mpc
        What `fit_mpc` gave on the same years; default: it is fitted now.

    Raises
    ------
    ControllerError
        No training year, or years of different plants.
    """
    own = mpc or fit_mpc(training)
    return Fitted(tuned=fit_tuned(training, seed, on_progress), **dict(own))


def fit_mpc(
    training: Sequence[PlantData],
    trials: Sequence[PlantData] = (),
    horizon: int = HORIZON,
    only: str | None = None,
) -> MpcFit:
    """Fit the MPC on training years of one plant and mode, and choose its forecast in closed loop.

    Parameters
    ----------
    training
        The years.
    trials
        Years that its forecast is chosen by, best ones that no forecast is fitted on; default: the training years.
    horizon
        Hours that it looks ahead.
    only
        Kind of forecast that it has to plan with; default: what is chosen.

    Raises
    ------
    ControllerError
        No training year, or years of different plants.
    """
    check_training(training)
    mean = mean_reference(training)
    forecast = choose_forecast(training, trials or training, horizon, mean, only)
    return MpcFit(
        mode="bidirectional" if training[0].params.bidirectional else "dispatch",
        years=tuple(year.digest for year in training),
        reference=mean,
        forecast=forecast,
        demand=fit_policy(training, forecast),
    )


def mean_reference(training: Sequence[PlantData]) -> ScoreTerms:
    """Mean totals of no control over years."""
    references = [no_control_reference(year, 0, year.hours) for year in training]
    return ScoreTerms(**{
        name: sum(getattr(one, name) for one in references) / len(references) for name in ScoreTerms.model_fields
    })  # fmt: skip


def check_training(training: Sequence[PlantData]) -> None:
    """Refuse training years that are none, or not of one plant."""
    if not training:
        raise ControllerError("no training year to fit controllers on.", hint="build the scenario sets first.")
    plant = training[0].params._replace(mall_scale_kw=0.0)
    if any(year.params._replace(mall_scale_kw=0.0) != plant for year in training):
        raise ControllerError(
            "the training years are of different plants or modes.", hint="fit on years of one plant in one mode."
        )


def make(
    name: str, data: PlantData, fitted: Fitted | None = None, start: int = 0, hours: int | None = None
) -> Controller:
    """Make a controller for a year.

    Parameters
    ----------
    name
        One of `names()`.
    data
        The year that it will control; only `optimum` looks at what is still to come.
    fitted
        Of `fit`; needed where `needs_fit(name)`.
    start, hours
        The stretch that `optimum` plans for, default the whole year.

    Raises
    ------
    ControllerError
        Unknown name, nothing fitted, fitted for the other mode, or no provable optimum.
    """
    if name not in NAMES:
        raise ControllerError(f"`{name}` is no controller.", hint=f"choose from {', '.join(NAMES)}.")
    if needs_fit(name):
        return _make_fitted(name, data, fitted)
    if name == OPTIMUM:
        return optimum.PlannedController(optimum.solve(data, start=start, hours=hours).plan)
    if name in CONSTANTS:
        return ConstantAction(CONSTANTS[name])
    baselines: dict[str, Controller] = {NO_CONTROL: NoControl(), RULE: Rule(), RANDOM: RandomAction()}
    return baselines[name]


def _make_fitted(name: str, data: PlantData, fitted: Fitted | None) -> Controller:
    if fitted is None:
        raise ControllerError(f"`{name}` learns from training years, and nothing was fitted.", hint="call `fit` first.")
    if fitted.mode != data.params.mode:
        raise ControllerError(
            f"`{name}` was fitted in mode `{fitted.mode}`, the plant acts in `{data.params.mode}`.",
            hint="fit again in the mode that is evaluated.",
        )
    if name == TUNED:
        return TunedRule(fitted.tuned, data)
    if name == MPC:
        return fitted.controller(data)
    # A day that is known can not turn out worse.
    certain = fitted.demand.model_copy(update={"margin_kwh": ()})
    return Mpc(name, data, perfect_outlook(data, fitted.forecast.horizon), fitted.reference, certain)
