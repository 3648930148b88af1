"""CityLearn 3.0.2's `Battery.charge`, compiled, with the same rounding at the same places.

Under NumPy 2 an operation of a float32 scalar with a Python float stays float32, one with a NumPy float64 becomes
float64. CityLearn keeps states of charge as float32, so the energy at the start of an hour is a float32 (unless the
reserve binds), and so is every value computed from it until it meets the energy asked for, which CityLearn multiplies
by its time step ratio, a NumPy float64. Here each value is held as float64; `single` says that CityLearn holds the
starting energy as float32. Rounding the float64 sum, product or quotient of two float32 values gives the float32
operation exactly (53 >= 2 * 24 + 2 bits).

Source: CityLearn 3.0.2, `energy_model.py`, classes `StorageDevice` and `Battery`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

TINY = 1e-6
"""CityLearn's ZERO_DIVISION_PLACEHOLDER."""


class Battery(NamedTuple):
    """Parameters of one battery, as CityLearn's schema names them.

    Curves have shape (2, n): abscissae, ordinates.
    """

    capacity: float
    nominal_power: float
    depth_of_discharge: float
    loss_coefficient: float
    capacity_loss_coefficient: float
    power_efficiency_curve: NDArray[np.float64]
    capacity_power_curve: NDArray[np.float64]


@njit(cache=True, inline="always")
def _r(x, single):
    """Round to float32 when CityLearn holds the value as such."""
    return float(np.float32(x)) if single else x


@njit(cache=True, inline="always")
def _less(a, b, single):
    """Compare as NumPy does: in float32 when either side is one."""
    return np.float32(a) < np.float32(b) if single else a < b


@njit(cache=True)
def interpolate(curve, x):
    """Value of a piecewise linear curve, extrapolated from its end pieces like CityLearn does."""
    n = curve.shape[1]
    left = 0
    while left < n and curve[0, left] < x:
        left += 1
    i = min(n - 2, max(0, left - 1))
    x0, x1, y0, y1 = curve[0, i], curve[0, i + 1], curve[1, i], curve[1, i + 1]
    return x0, x1, y0, y1


@njit(cache=True, inline="always")
def _efficiency(b, power):
    """`Battery.get_current_efficiency`: round-trip efficiency at a power [kW]."""
    normalized = min(max(abs(power) / max(b.nominal_power, TINY), 0.0), 1.0)
    x0, x1, y0, y1 = interpolate(b.power_efficiency_curve, normalized)
    return y0 + (normalized - x0) * (y1 - y0) / (x1 - x0)


@njit(cache=True, inline="always")
def _max_power(b, energy, single):
    """`Battery.get_max_input_power`: power limit at a stored energy [kW]."""
    capacity = max(b.capacity, TINY)
    soc = _r(energy / _r(capacity, single), single)
    x0, x1, y0, y1 = interpolate(b.capacity_power_curve, soc)
    return b.nominal_power * (y0 + (y1 - y0) * (soc - x0) / (x1 - x0))


@njit(cache=True)
def charge(b, soc, degraded, energy):
    """Charge (above zero) or discharge (below zero) for one hour.

    Parameters
    ----------
    b
        The battery.
    soc
        State of charge, float32.
    degraded
        Capacity after degradation [kWh].
    energy
        Energy asked for at the terminals [kWh].

    Returns
    -------
    tuple
        State of charge (float32), energy balance at the terminals (float32) [kWh], degraded capacity [kWh].
    """
    reserve = min(max(1.0 - b.depth_of_discharge, 0.0), 1.0) * b.capacity
    start = _r(np.float32(soc) * _r(b.capacity, True), True)
    single = np.float32(start) > np.float32(reserve)
    if not single:
        start = reserve
    limit = max(_max_power(b, start, single), 0.0)
    charging = energy >= 0.0
    asked = abs(energy)
    # CityLearn compares with what was asked for as float64, with the power limit (a Python float) as float32.
    most = min(asked, limit)
    limited = most
    efficiency = _efficiency(b, limited)
    root = math.sqrt(efficiency)
    for i in range(2):
        if i > 0:
            second = _efficiency(b, limited)
            if second != efficiency:
                root = math.sqrt(second)
        if charging:
            room = max(_r(_r(degraded, single) - start, single), 0.0)
            bound = _r(room / _r(max(root, TINY), single), single)
        else:
            room = max(_r(start - _r((1.0 - b.depth_of_discharge) * b.capacity, single), single), 0.0)
            bound = _r(room * _r(root, single), single)
        limited = bound if _less(bound, most, single and limit < asked) else most
    clamped = False
    if charging or limited == 0.0:
        final = start + limited * root
        if b.capacity < final:
            final, clamped = b.capacity, True
    else:
        final = start - limited / root
        if not final > reserve:
            final, clamped = reserve, True
    soc_after = np.float32(final / max(b.capacity, TINY))
    # Clamped, the final energy is a Python float, and its difference from a float32 is a float32.
    rounded = single and clamped
    delta = _r(_r(final, rounded) - start, rounded)
    if delta >= 0.0:
        balance = np.float32(_r(delta / _r(root, rounded), rounded))
    else:
        balance = np.float32(_r(delta * _r(root, rounded), rounded))
    wear = _r(_r(b.capacity_loss_coefficient * b.capacity, True) * abs(float(balance)), True)
    wear = _r(wear / _r(2.0 * max(degraded, TINY), True), True)
    left = _r(_r(degraded, True) - wear, True)
    return soc_after, balance, max(left, 0.0)


@njit(cache=True)
def charge_vehicle(capacity, power, soc, degraded, energy):
    """`charge` for a vehicle's battery, which the schema makes lossless, flat and free of a reserve.

    All that is a factor of one or a loss of zero is left out; the rounding is the same.
    """
    start = _r(np.float32(soc) * _r(capacity, True), True)
    single = start > 0.0
    most = min(energy, power)
    room = max(_r(_r(degraded, single) - start, single), 0.0)
    limited = room if _less(room, most, single and power < energy) else most
    final = start + limited
    clamped = capacity < final
    if clamped:
        final = capacity
    soc_after = np.float32(final / max(capacity, TINY))
    rounded = single and clamped
    balance = np.float32(_r(_r(final, rounded) - start, rounded))
    return soc_after, balance, float(np.float32(degraded))


@njit(cache=True, inline="always")
def stand(b, soc):
    """Standby loss between two hours: state of charge (float32) at the start of the next."""
    floor = np.float32(min(max(1.0 - b.depth_of_discharge, 0.0), 1.0))
    kept = np.float32(np.float32(soc) * np.float32(1.0 - b.loss_coefficient))
    return min(max(kept, floor), np.float32(1.0))
