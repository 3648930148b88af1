"""Which limit decided a setpoint, and why: what was asked beside what `pvbesscar.plant.actions` made of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant.actions import bess_power, can_be_met, guard_kw
from pvbesscar.plant.observation import bess_limits
from pvbesscar.plant.state import PlantState, Setpoints
from schemas.dispatch import Guard, GuardAction

SEEN_KW = 1e-6
"""Differences below this are rounding [kW]."""


def guard_actions(
    state: PlantState, setpoints: Setpoints, action: NDArray[np.floating] | None
) -> tuple[tuple[GuardAction, ...], tuple[int, ...]]:
    """Limits that decided a setpoint, and the sockets whose vehicle no power can serve in time.

    Parameters
    ----------
    action
        What a policy asked for, shape (1 + K,); `None` for a controller that plans within the limits.
    """
    need, left = state.need_kwh(), state.hours_left
    late = np.flatnonzero((left > 0) & ~can_be_met(need, left, state.data.params.socket_kw))
    guards = [*_at_sockets(state, setpoints, action, need, set(late.tolist())), *_at_battery(state, setpoints, action)]
    return tuple(guards), tuple((late + 1).tolist())


def _at_sockets(
    state: PlantState,
    setpoints: Setpoints,
    action: NDArray[np.floating] | None,
    need: NDArray[np.float64],
    late: set[int],
) -> list[GuardAction]:
    p, left, given = state.data.params, state.hours_left, setpoints.socket_kw
    least = guard_kw(need, left, p.socket_kw) * (left > 0)
    if action is None:
        asked = None
        seen = (least > SEEN_KW) & (given <= least + SEEN_KW)
    else:
        asked = np.clip(np.asarray(action[1:], np.float64), 0.0, 1.0) * p.socket_kw
        seen = (left > 0) & (np.abs(given - asked) > SEEN_KW)
    guards = []
    # Python's numbers are written several times as fast as NumPy's.
    powers, needs, hours_left = given.tolist(), need.tolist(), left.tolist()
    wishes = None if asked is None else asked.tolist()
    for k in np.flatnonzero(seen).tolist():
        power, needed, hours = powers[k], needs[k], hours_left[k]
        wanted = None if wishes is None else wishes[k]
        guard: Guard
        if wanted is None or power > wanted:
            guard = "infeasible" if k in late else "departure"
            why = f"{needed:.2f} kWh must be in the vehicle within {hours} h"
            if k in late:
                why += f", and {p.socket_kw * hours:.2f} kWh is the most that the socket gives"
        elif power > 0.0 or needed <= 0.0:
            guard, why = "required_soc", f"it needs {needed:.2f} kWh to its required state of charge, and no more"
        else:
            guard, why = "least_power", f"a socket gives {p.socket_min_kw:g} kW or nothing"
        guards.append(GuardAction(guard=guard, socket=k + 1, asked_kw=wanted, set_kw=power, why=why))
    return guards


def _at_battery(state: PlantState, setpoints: Setpoints, action: NDArray[np.floating] | None) -> list[GuardAction]:
    data, p, given = state.data, state.data.params, setpoints.bess_kw
    guards = []
    if action is not None:
        asked = float(bess_power(p, float(action[0])))
        deficit = float(data.mall_kwh[state.t] + setpoints.socket_kw.sum() - data.pv_kwh[state.t])
        if abs(asked - given) > SEEN_KW:
            guard: Guard = "pv_surplus" if given > 0.0 else "no_export"
            why = (
                f"a surplus of {-deficit:.1f} kW charges the battery, whatever is asked"
                if given > 0.0
                else f"the site lacks {max(deficit, 0.0):.1f} kW, and the battery feeds nothing into the grid"
            )
            guards.append(GuardAction(guard=guard, socket=None, asked_kw=asked, set_kw=given, why=why))
    can = np.empty(2)
    bess_limits(p, state.bess_soc, can)
    most = float(can[0] if given < 0.0 else can[1])
    if abs(given) > most + SEEN_KW:
        what = "deliver" if given < 0.0 else "take"
        why = f"at a state of charge of {state.bess_soc:.3f} the battery itself can {what} {most:.1f} kW in this hour"
        guards.append(GuardAction(guard="battery_limit", socket=None, asked_kw=None, set_kw=given, why=why))
    return guards
