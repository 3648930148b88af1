"""What one more of each part of the plant is worth: PEN a year less on the bill, by the optimum of the bill alone.

A marginal value is read off the duals of the optimum: with the same duals the program of a slightly larger plant still
has a lower bound, and the difference of the two bounds is what the part is worth at the margin. It is checked by
solving the larger plant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from pvbesscar.controllers.bill import cost_only
from pvbesscar.controllers.optimum import refusals
from pvbesscar.controllers.program import Solution, dual_bound, one_sided, solve_lp
from pvbesscar.controllers.reference import simulated_terms
from pvbesscar.controllers.registry import MPC, Fitted, make
from pvbesscar.controllers.stretch_program import StretchProgram
from pvbesscar.plant.data import PlantData
from schemas.errors import ControllerError
from schemas.results import ScoreTerms

Part = Literal["bess_kwh", "bess_kw", "pv_kwp", "grid_kw"]
PARTS: tuple[Part, ...] = ("bess_kwh", "bess_kw", "pv_kwp", "grid_kw")
PROBE = 1e-4
"""Share of a part by which the duals are asked for its value: too little to move an hour across a program's limit."""
CHECK = 0.01
"""Share of a part by which the plant is enlarged and solved again."""
MPC_CHECK = 0.1
"""Share of a part by which the plant is enlarged for the MPC, whose year is no smooth function of it."""


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes of the parts of a plant: battery [kWh, kW], PV [kWp], connection [kW], infinite where there is no limit."""

    bess_kwh: float
    bess_kw: float
    pv_kwp: float
    grid_kw: float = math.inf

    @classmethod
    def of(cls, data: PlantData, grid_kw: float | None = None) -> Size:
        """Sizes of a plant."""
        p = data.params
        return cls(p.bess_kwh, p.bess_kw, p.pv_dc_kwp, math.inf if grid_kw is None else grid_kw)

    def with_part(self, part: Part, value: float) -> Size:
        """Return the same sizes with another value of one part."""
        return replace(self, **{part: value})


@dataclass(frozen=True, slots=True)
class Worth:
    """What a unit more of a part takes off the bill.

    Attributes
    ----------
    part, size
        The part, and how much of it there is.
    by_duals
        Value of a unit at the margin [PEN/year].
    solved_again
        Mean value of a unit over one percent more, by solving again [PEN/year].
    """

    part: Part
    size: float
    by_duals: float
    solved_again: float


def resized(data: PlantData, size: Size) -> PlantData:
    """Return the same year for a plant of another size; PV and its inverters grow together, hour by hour."""
    p = data.params
    share = size.pv_kwp / p.pv_dc_kwp if p.pv_dc_kwp > 0.0 else 1.0
    return replace(
        data,
        params=p._replace(
            bess_kwh=size.bess_kwh, bess_kw=size.bess_kw, pv_dc_kwp=size.pv_kwp, pv_ac_kw=share * p.pv_ac_kw
        ),
        bess=data.bess._replace(capacity=size.bess_kwh, nominal_power=size.bess_kw),
        pv_kwh=share * data.pv_kwh,
    )


def least_bill(data: PlantData, size: Size) -> float:
    """Least cost of a year with a plant of this size, by perfect foresight [PEN/year].

    Raises
    ------
    ControllerError
        The optimum is not provable, or the connection is too small for the demand.
    """
    program = _program(data, size)
    return _pen(program, _solved(program, size).objective)


def marginal_values(data: PlantData, size: Size) -> tuple[float, tuple[Worth, ...]]:
    """Least cost of a year [PEN], and what a unit more of each part takes off it; of the connection if it is limited.

    Raises
    ------
    ControllerError
        The optimum is not provable, or the connection is too small for the demand.
    """
    program = _program(data, size)
    found = _solved(program, size)
    duals = one_sided(program.lp, found.duals)
    base, least = _pen(program, dual_bound(program.lp, duals, slack=False)[0]), _pen(program, found.objective)
    worths = []
    for part in PARTS:
        amount: float = getattr(size, part)
        if not math.isfinite(amount) or amount <= 0.0:
            continue
        larger = _program(data, size.with_part(part, amount * (1.0 + PROBE)))
        if larger.lp.matrix.shape != program.lp.matrix.shape:
            raise ControllerError(
                f"`{part}`: {PROBE:.0e} more of it changes the shape of the program.", hint="sweep over it instead."
            )
        by_duals = base - _pen(larger, dual_bound(larger.lp, duals, slack=False)[0])
        again = least - least_bill(data, size.with_part(part, amount * (1.0 + CHECK)))
        worths.append(Worth(part, amount, by_duals / (amount * PROBE), again / (amount * CHECK)))
    return least, tuple(worths)


def _program(data: PlantData, size: Size) -> StretchProgram:
    plain = cost_only(resized(data, size))
    reasons = refusals(plain)
    if reasons:
        raise ControllerError(
            "what a part is worth can not be proven for this plant: " + "; ".join(reasons) + ".",
            hint="reset the settings named.",
        )
    # The scale is that of the plant given, so that all sizes are counted in the same unit.
    unit = ScoreTerms(co2_kg=1.0, solar_kwh=1.0, cost_pen=float(data.reference[2]), ev_short_kwh=1.0, ramping_kwh=1.0)
    return StretchProgram(plain, 0, data.hours, unit, size.grid_kw)


def _pen(program: StretchProgram, objective: float) -> float:
    return (objective / program.hours + program.constant) * program.reference.cost_pen


def _solved(program: StretchProgram, size: Size) -> Solution:
    what = f"the least bill of {size.bess_kwh:,.0f} kWh, {size.bess_kw:,.0f} kW, {size.pv_kwp:,.0f} kWp"
    try:
        return solve_lp(program.lp, what)
    except ControllerError as error:
        if not math.isfinite(size.grid_kw):
            raise
        raise ControllerError(
            f"{what}: {size.grid_kw:,.0f} kW of connection do not carry the year's demand ({error.message})",
            hint="raise `grid.import_limit_kw`, or enlarge battery or PV.",
        ) from error


def mpc_values(data: PlantData, size: Size, fitted: Fitted) -> dict[Part, float]:
    """What a unit more of each part takes off the bill where the MPC decides, mean over ten percent more [PEN/year].

    The MPC counts the cost alone; of the connection it knows nothing.
    """
    base, values = _mpc_bill(data, size, fitted), {}
    for part in PARTS[:3]:
        more = MPC_CHECK * getattr(size, part)
        if more > 0.0:
            values[part] = (base - _mpc_bill(data, size.with_part(part, getattr(size, part) + more), fitted)) / more
    return values


def _mpc_bill(data: PlantData, size: Size, fitted: Fitted) -> float:
    year = cost_only(resized(data, size))
    share = size.pv_kwp / data.params.pv_dc_kwp if data.params.pv_dc_kwp > 0.0 else 1.0
    clear = tuple(tuple(share * value for value in week) for week in fitted.forecast.pv_clear_kwh)
    forecast = fitted.forecast.model_copy(update={"pv_clear_kwh": clear})
    controller = make(MPC, year, fitted.model_copy(update={"forecast": forecast}))
    return float(simulated_terms(year, controller)[2])
