"""Limits of setpoints: what breaks the contract of actions is refused, for it could better the score unduly."""

from __future__ import annotations

import numpy as np

from pvbesscar.plant.actions import guard_kw
from pvbesscar.plant.state import PlantState, Setpoints
from schemas.errors import ControllerError

TOLERANCE_KW = 1e-6
"""Room for the rounding of powers [kW]."""


def check_setpoint_limits(state: PlantState, setpoints: Setpoints, name: str) -> None:
    """Refuse setpoints that break the contract of actions (docs/design.md, "Actions").

    Parameters
    ----------
    state
        The plant before the hour.
    setpoints
        What the controller asks for.
    name
        The controller, for the message.

    Raises
    ------
    ControllerError
        A socket is driven past its vehicle's need or the socket's power, or below what the departure guard holds; the
        battery exceeds its power, discharges beyond the site's deficit, or in `dispatch` charges from the grid.
    """
    faults = [*_socket_faults(state, setpoints), *_battery_faults(state, setpoints)]
    if faults:
        raise ControllerError(
            f"`{name}`, hour {state.t}: {'; '.join(faults)}.",
            hint="make setpoints with `pvbesscar.plant.state.setpoints`, which keeps to the contract.",
        )


def _socket_faults(state: PlantState, setpoints: Setpoints) -> list[str]:
    p, need, asked = state.data.params, state.need_kwh(), setpoints.socket_kw
    most = np.minimum(need, p.socket_kw)
    faults = []
    if not (asked >= -TOLERANCE_KW).all():
        faults.append(f"socket {int(np.argmin(asked))} is asked for {asked.min():g} kW")
    over = asked - most
    if not (over <= TOLERANCE_KW).all():
        k = int(np.argmax(over))
        faults.append(f"socket {k} is asked for {asked[k]:g} kW, where {most[k]:g} kW are needed")
    if p.departure_guard and p.socket_min_kw == 0.0:
        least = guard_kw(need, state.hours_left, p.socket_kw)
        under = np.where(state.hours_left > 0, least - asked, 0.0)
        if not (under <= TOLERANCE_KW).all():
            k = int(np.argmax(under))
            faults.append(f"socket {k} is asked for {asked[k]:g} kW, below the {least[k]:g} kW of the departure guard")
    return faults


def _battery_faults(state: PlantState, setpoints: Setpoints) -> list[str]:
    data, p, asked = state.data, state.data.params, setpoints.bess_kw
    deficit = float(data.mall_kwh[state.t] + setpoints.socket_kw.sum() - data.pv_kwh[state.t])
    faults = []
    if not abs(asked) <= p.bess_kw + TOLERANCE_KW:
        faults.append(f"the battery is asked for {asked:g} kW, its power is {p.bess_kw:g} kW")
    if not -asked <= max(deficit, 0.0) + TOLERANCE_KW:
        faults.append(f"the battery is asked to discharge {-asked:g} kW, the site lacks {max(deficit, 0.0):g} kW")
    if not p.bidirectional and not asked <= max(-deficit, 0.0) + TOLERANCE_KW:
        faults.append(f"the battery is asked to charge {asked:g} kW in `dispatch`, the surplus is {-deficit:g} kW")
    return faults
