"""The perfect-foresight optimum J*: a linear program on a year, its lower bound, and its plan.

The program is a relaxation of what the simulators allow: every course of the plant within the setpoint limits is a
point of it with the same J, so no controller can score below its bound. Source: docs/design.md, "The optimum".
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from pvbesscar.controllers.base import Memoryless
from pvbesscar.controllers.demand import unbounded
from pvbesscar.controllers.program import solve_lp
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.controllers.stretch_program import Plan, ShadowPrices, StretchProgram
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.simulator import check_window
from pvbesscar.plant.state import PlantState, Setpoints, setpoints_near
from schemas.errors import ControllerError
from schemas.results import ScoreTerms
from schemas.settings import Mode


@dataclass(frozen=True, slots=True)
class Optimum:
    """The perfect-foresight optimum of a stretch of hours.

    Attributes
    ----------
    mode
        Action mode that it holds for.
    start, hours
        The stretch.
    j
        Score of the program's plan, as the program counts it.
    bound
        Lower bound of J: no controller that keeps the setpoint limits of this mode scores less on these hours.
    allowance
        Part of `j - bound` that makes room for the simulators' rounded numbers.
    terms
        Totals of the five terms of the plan, as the program counts them.
    reference
        Totals that J is scaled by: no control on these hours, for EV service the energy required.
    both_ways_kwh
        Energy that the program charges and discharges in the same hour, which the plant can not: it is relaxed.
    plan
        What it does.
    prices
        What a little more of the plant's state would cost it.
    variables, constraints
        Size of the program.
    status
        Status that HiGHS reports.
    seconds
        Wall time, from the plant to the plan.
    """

    mode: Mode
    start: int
    hours: int
    j: float
    bound: float
    allowance: float
    terms: ScoreTerms
    reference: ScoreTerms
    both_ways_kwh: float
    plan: Plan
    prices: ShadowPrices
    variables: int
    constraints: int
    status: str
    seconds: float


def refusals(data: PlantData) -> tuple[str, ...]:
    """Why the linear program would be no lower bound of this plant's J; empty where it holds."""
    p, bess = data.params, data.bess
    reasons = []
    if np.ptp(bess.power_efficiency_curve[1]) > 0.0:
        reasons.append("`bess.power_efficiency_curve` is not flat: the efficiency would depend on the power")
    if np.ptp(bess.capacity_power_curve[1]) > 0.0:
        reasons.append("`bess.capacity_power_curve` is not flat: the power limit would depend on the state of charge")
    for name, value in (
        ("loss_coefficient", p.bess_loss_coefficient),
        ("capacity_loss_coefficient", p.bess_capacity_loss_coefficient),
    ):
        if value != 0.0:
            reasons.append(f"`bess.{name}` is {value:g}, not 0")
    if p.feed_in_price >= float(data.price.min()):
        reasons.append(
            f"`tariff.feed_in_price` is {p.feed_in_price:g} PEN/kWh, not below the lowest price "
            f"({data.price.min():g}): importing and exporting at once would pay"
        )
    if p.socket_min_kw > 0.0:
        reasons.append(
            f"`ev.socket_min_kw` is {p.socket_min_kw:g} kW: sockets switch, and may leave needs below it unmet"
        )
    if not np.array_equal(data.sessions.battery_kwh, data.ev_kwh[data.sessions.socket]):
        reasons.append("a session's battery is not that of its socket's vehicles")
    reasons += unbounded(data.tariff)
    return tuple(reasons)


def solve(
    data: PlantData,
    mode: Mode | None = None,
    start: int = 0,
    hours: int | None = None,
    reference: ScoreTerms | None = None,
) -> Optimum:
    """Solve the perfect-foresight optimum of a stretch of hours.

    Parameters
    ----------
    data
        The year.
    mode
        Action mode, default the plant's.
    start, hours
        First hour and number of hours, default the whole year. The stretch begins as an episode does: battery at its
        initial state of charge, vehicles that stand there with their arrival state of charge.
    reference
        Totals that J is scaled by, default those of no control on these hours.

    Returns
    -------
    Optimum
        Score, lower bound, terms and plan.

    Raises
    ------
    ControllerError
        The linear program does not hold for this plant (see `refusals`), or has no optimum.
    SimulationError
        The stretch does not lie within the year.
    """
    began = time.perf_counter()
    data = data if mode is None else data.with_mode(mode)
    hours = data.hours - start if hours is None else hours
    check_window(data, start, hours)
    reasons = refusals(data)
    if reasons:
        raise ControllerError(
            "the optimum is not provable for this plant: " + "; ".join(reasons) + ".",
            hint="evaluate without `optimum`, or reset the settings named.",
        )
    reference = no_control_reference(data, start, hours) if reference is None else reference
    program = StretchProgram(data, start, hours, reference)
    solution = relaxed = solve_lp(program.lp, "the optimum")
    if data.tariff.price.size and not data.params.bidirectional:
        # A kWh that no plant could store may decide a month's demand: the plan does without. The bound is the first's.
        solution = solve_lp(program.settled(relaxed.x), "the optimum, settled")
    # The costs are scaled by the hours, to about 1 an hour; what nothing can change is left out of them.
    return Optimum(
        mode="bidirectional" if data.params.bidirectional else "dispatch",
        start=start,
        hours=hours,
        j=solution.objective / hours + program.constant,
        bound=relaxed.bound / hours + program.constant,
        allowance=relaxed.allowance / hours,
        terms=program.terms(solution.x),
        reference=reference,
        both_ways_kwh=program.both_ways_kwh(solution.x),
        plan=program.plan(solution.x),
        prices=program.prices(solution),
        variables=int(program.lp.cost.size),
        constraints=int(program.lp.row_lower.size),
        status=solution.status,
        seconds=time.perf_counter() - began,
    )


class PlannedController(Memoryless):
    """Follows a plan through the simulator; guard and limits of the actions hold, hour by hour.

    Parameters
    ----------
    plan
        What to do.
    name
        Name in tables and files.
    """

    def __init__(self, plan: Plan, name: str = "optimum") -> None:
        self._plan, self._name = plan, name

    @property
    def name(self) -> str:
        """Name in tables and files."""
        return self._name

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`.

        Raises
        ------
        ControllerError
            The plan does not cover the hour.
        """
        index = state.t - self._plan.start
        if not 0 <= index < self._plan.bess_kw.size:
            raise ControllerError(
                f"`{self._name}`: hour {state.t} is outside the plan, hours {self._plan.start} to "
                f"{self._plan.start + self._plan.bess_kw.size - 1}.",
                hint="solve the optimum for the hours that are simulated.",
            )
        return setpoints_near(state, float(self._plan.bess_kw[index]), self._plan.socket_kw[index])
