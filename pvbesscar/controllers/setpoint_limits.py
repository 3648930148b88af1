"""Limits of setpoints: what breaks the contract of actions is refused, for it could better the score unduly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant.actions import guard_kw
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.state import PlantState, Setpoints
from schemas.errors import ControllerError

FloatArray = NDArray[np.float64]

TOLERANCE_KW = 1e-6
"""Room for the rounding of powers [kW]."""


def check_setpoint_limits(state: PlantState, setpoints: Setpoints, name: str) -> None:
    """Refuse setpoints that break the contract of actions; see `check_hours`.

    Parameters
    ----------
    state
        The plant before the hour.
    setpoints
        What the controller asks for.
    name
        The controller, for the message.
    """
    socket_kw, bess_kw = setpoints.socket_kw[None], np.array([setpoints.bess_kw])
    check_hours(state.data, state.t, state.need_kwh()[None], socket_kw, bess_kw, name)


def check_hours(
    data: PlantData, start: int, need_kwh: FloatArray, socket_kw: FloatArray, bess_kw: FloatArray, name: str
) -> None:
    """Refuse setpoints of H hours that break the contract of actions (docs/design.md, "Actions").

    Parameters
    ----------
    data
        The year.
    start
        The first hour.
    need_kwh
        Energy that each vehicle needs at the beginning of each hour, shape (H, K).
    socket_kw, bess_kw
        Powers asked for, shapes (H, K) and (H,) [kW].
    name
        The controller, for the message.

    Raises
    ------
    ControllerError
        A socket is driven past its vehicle's need or the socket's power, or below what the departure guard holds; the
        battery exceeds its power, discharges beyond the site's deficit, or in `dispatch` charges from the grid. The
        first such hour is named.
    """
    p, hours = data.params, slice(start, start + bess_kw.size)
    most = np.minimum(need_kwh, p.socket_kw)
    deficit = data.mall_kwh[hours] + socket_kw.sum(axis=1) - data.pv_kwh[hours]
    lacking, surplus = np.maximum(deficit, 0.0), np.maximum(-deficit, 0.0)
    # By how much each limit is passed, and what is said of it where a socket (or the battery) passes it most.
    passed = [(-socket_kw, "socket {k} is asked for {asked:g} kW", socket_kw)]
    passed.append((socket_kw - most, "socket {k} is asked for {asked:g} kW, where {limit:g} kW are needed", most))
    if p.departure_guard and p.socket_min_kw == 0.0:
        left = data.hours_left[hours]
        least = guard_kw(need_kwh, left, p.socket_kw)
        under = np.where(left > 0, least - socket_kw, 0.0)
        passed.append((
            under, "socket {k} is asked for {asked:g} kW, below the {limit:g} kW of the departure guard", least,
        ))  # fmt: skip
    power = np.full(bess_kw.size, p.bess_kw)
    of_battery = [
        (np.abs(bess_kw) - power, "the battery is asked for {asked:g} kW, its power is {limit:g} kW", power),
        (-bess_kw - lacking, "the battery is asked to discharge {given:g} kW, the site lacks {limit:g} kW", lacking),
    ]
    if not p.bidirectional:
        said = "the battery is asked to charge {asked:g} kW in `dispatch`, the surplus is {limit:g} kW"
        of_battery.append((bess_kw - surplus, said, -deficit))
    passed += [(over[:, None], said, limit[:, None]) for over, said, limit in of_battery]
    # NaN is within no limit.
    within = np.stack([(over <= TOLERANCE_KW).all(axis=1) for over, _, _ in passed])
    if within.all():
        return
    hour = int(np.argmin(within.all(axis=0)))
    faults = []
    for kept, (over, said, limit) in zip(within[:, hour], passed, strict=True):
        if not kept:
            k = int(np.argmax(over[hour]))
            asked = float(socket_kw[hour, k] if said.startswith("socket") else bess_kw[hour])
            faults.append(said.format(k=k, asked=asked, given=-asked, limit=limit[hour, k]))
    raise ControllerError(
        f"`{name}`, hour {start + hour}: {'; '.join(faults)}.",
        hint="make setpoints with `pvbesscar.plant.state.setpoints`, which keeps to the contract.",
    )
