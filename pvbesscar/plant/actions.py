"""What an action asks of the plant: the departure guard, powers of the sockets, power of the battery.

The battery's power is above zero where it charges, as in CityLearn. Its *action* discharges with growing values:
`bess_power` and `bess_action` are the only place where the sign turns. Source: docs/design.md, "Actions".
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pvbesscar.plant.params import NEED_EPSILON_KWH, PlantParams

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]


def guard_kw(need_kwh: FloatArray, hours_left: IntArray, socket_kw: float) -> FloatArray:
    """Departure guard: least power of this hour that can still meet a need by departure; scalars or arrays [kW].

    What full power can not deliver in the hours after this one must be delivered now.

    Parameters
    ----------
    need_kwh
        Energy that the vehicle still needs, at the charger.
    hours_left
        Hours until it departs, this hour included.
    socket_kw
        Power of a socket.
    """
    least: FloatArray = np.minimum(np.maximum(need_kwh - socket_kw * (hours_left - 1), 0.0), socket_kw)
    return least


def can_be_met(need_kwh: FloatArray, hours_left: IntArray, socket_kw: float) -> BoolArray:
    """Whether full power meets a need [kWh, at the charger] within the hours left; scalars or arrays."""
    met: BoolArray = need_kwh <= socket_kw * hours_left + NEED_EPSILON_KWH
    return met


# The same formulas for compiled code; NumPy takes the functions above.
compiled_guard_kw = njit(cache=True, inline="always")(guard_kw)
compiled_can_be_met = njit(cache=True, inline="always")(can_be_met)


@njit(cache=True)
def total(values):
    """Sum in order, the same on every simulator (NumPy adds pairwise)."""
    result = 0.0
    for i in range(values.size):
        result += values[i]
    return result


@njit(cache=True, inline="always")
def need_of(p, soc, battery_kwh, required_soc):
    """Energy that a vehicle still needs, at the charger [kWh]; 0 below `NEED_EPSILON_KWH`."""
    missing = (float(required_soc) - float(soc)) * battery_kwh / p.charger_efficiency
    return missing if missing > NEED_EPSILON_KWH else 0.0


@njit(cache=True)
def needs(p, soc, occupant, battery_kwh, required_soc, out):
    """Energy that each socket's vehicle still needs, at the charger [kWh], into `out` (K,); 0 where none stands."""
    for k in range(p.sockets):
        out[k] = 0.0
        s = occupant[k]
        if s >= 0:
            out[k] = need_of(p, soc[k], battery_kwh[s], required_soc[s])


@njit(cache=True)
def socket_powers(p, action, need_kwh, hours_left, out):
    """Power of each socket for this hour [kW] into `out` (K,); returns the number of infeasible sockets.

    The action asks for `a * socket_kw`; the departure guard raises that; nothing is driven past the required SOC.
    """
    infeasible = 0
    for k in range(p.sockets):
        out[k] = 0.0
        if hours_left[k] == 0:
            continue
        if not compiled_can_be_met(need_kwh[k], hours_left[k], p.socket_kw):
            infeasible += 1
        power = min(max(action[k], 0.0), 1.0) * p.socket_kw
        if p.departure_guard:
            power = max(power, compiled_guard_kw(need_kwh[k], hours_left[k], p.socket_kw))
            if 0.0 < power < p.socket_min_kw:
                # What is left after this hour could only be delivered below the least power: round up while it fits.
                power = p.socket_min_kw
        power = min(power, need_kwh[k])
        out[k] = power if power >= p.socket_min_kw else 0.0
    return infeasible


@njit(cache=True)
def bess_power(p, action):
    """Power that the battery's action asks for [kW], above zero charges; in `dispatch` it can only discharge."""
    a = min(max(action, 0.0), 1.0)
    return -((2.0 * a - 1.0) if p.bidirectional else a) * p.bess_kw


def bess_action(p: PlantParams, bess_kw: float) -> float:
    """Action that asks for a power of the battery [kW], the inverse of `bess_power`; not cut to [0, 1]."""
    discharge = -bess_kw / p.bess_kw if p.bess_kw > 0.0 else 0.0
    return (discharge + 1.0) / 2.0 if p.bidirectional else discharge


compiled_bess_action = njit(cache=True, inline="always")(bess_action)


@njit(cache=True)
def storage_action(p, bess_kw):
    """CityLearn's action `electrical_storage` for a power of the battery [kW]: a share of its nominal power."""
    return bess_kw / p.bess_kw if p.bess_kw > 0.0 else 0.0


@njit(cache=True)
def bess_setpoint(p, action, pv_kwh, mall_kwh, ev_kwh):
    """Battery's power for this hour [kW], above zero charges; it never discharges beyond the site's deficit.

    In `dispatch` the surplus of PV charges it, whatever the action.
    """
    asked = bess_power(p, action)
    deficit = mall_kwh + ev_kwh - pv_kwh
    if asked < 0.0 <= deficit:
        return max(asked, -deficit)
    if p.bidirectional:
        return max(asked, 0.0)
    return min(max(-deficit, 0.0), p.bess_kw)


@njit(cache=True)
def decide(p, action, now, need_kwh, hours_left, socket_kw):
    """Turn an action (1 + K,) into an hour's setpoints, the sockets' powers into `socket_kw` (K,).

    Parameters
    ----------
    now
        The hour's `pvbesscar.plant.data.Exogenous`.

    Returns
    -------
    tuple
        Power of the battery [kW], number of infeasible sockets.
    """
    infeasible = socket_powers(p, action[1:], need_kwh, hours_left, socket_kw)
    return bess_setpoint(p, action[0], now.pv_kwh, now.mall_kwh, total(socket_kw)), infeasible
