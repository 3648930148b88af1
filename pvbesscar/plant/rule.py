"""The rule's import of a year: where a stretch inside the year finds the months' demand so far."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pvbesscar.plant.actions import socket_powers, total
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import IMPORT
from pvbesscar.plant.twin import MALL, PV, advance, begin, new_fleet, stack_years


def rule_import(data: PlantData) -> NDArray[np.float64]:
    """Import of the controller `rule` in each hour of a year, shape (N,) [kWh]; zero where no demand is billed."""
    import_kwh = np.zeros(data.hours)
    if data.tariff.price.size:
        years = stack_years([data])
        _run(data.params, data.bess, years, new_fleet(years, 1), import_kwh)
    return import_kwh


@njit(cache=True)
def rule_bess_kw(p, deficit_kw):
    """Power of the battery [kW], above zero charges: surplus charges it, a deficit discharges it."""
    return -min(max(deficit_kw, -p.bess_kw), p.bess_kw)


@njit(cache=True)
def _run(p, bess, y, f, out):
    """Run the rule through the year of plant 0; its import goes into `out` (N,)."""
    begin(p, bess, y, f, 0, 0, 0, out.size)
    full = np.ones(p.sockets)
    for t in range(out.size):
        socket_powers(p, full, f.need[0], y.hours_left[0, t], f.socket_kw[0])
        f.bess_kw[0] = rule_bess_kw(p, y.hourly[0, t, MALL] + total(f.socket_kw[0]) - y.hourly[0, t, PV])
        advance(p, bess, y, f, 0)
        out[t] = f.row[0, IMPORT]
