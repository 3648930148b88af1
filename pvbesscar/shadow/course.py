"""A simulated plant that lives beside the site: its state between two hours, and an hour of it on the twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.calendar import day_types
from pvbesscar.plant import ledger
from pvbesscar.plant.state import PlantState, setpoints_near
from pvbesscar.plant.tariff import MONTHS, in_band, turn_month
from pvbesscar.plant.twin import Twin
from pvbesscar.shadow.site import Site, window
from pvbesscar.shadow.stays import Stays
from pvbesscar.shadow.telemetry import HOUR_S
from schemas.shadow import Demand, HourOfCourse, PlantNow

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """Powers that a controller asks for: battery, above zero charges, and each socket, shape (K,) [kW]."""

    bess_kw: float
    socket_kw: FloatArray


def state_at(site: Site, hour: int, now: PlantNow, stays: Stays, pv_kw: float, mall_kw: float) -> PlantState:
    """State of a simulated plant when an hour begins.

    Parameters
    ----------
    stays
        All stays that are known; those that are there now stand at the sockets.
    pv_kw, mall_kw
        What the hour is expected to bring, or has brought [kW].
    """
    here = _here(stays, hour)
    delivered = np.zeros(site.plant.params.sockets)
    for socket, kwh in now.delivered_kwh.items():
        delivered[socket] = kwh
    # An episode's first hour does not know what was before it; this plant does.
    return replace(
        _twin(site, hour, now, here, pv_kw, mall_kw).state,
        first=False,
        delivered_kwh=delivered,
        last_import_kwh=now.import_kwh,
        last_net_kwh=now.net_kwh,
    )


def run_hour(
    site: Site, hour: int, now: PlantNow, stays: Stays, brought: tuple[float, float], asked: Asked
) -> tuple[PlantNow, HourOfCourse]:
    """Run an hour of a simulated plant; what is asked for holds within the limits of what the hour has brought.

    Parameters
    ----------
    brought
        PV and mall demand as the site has metered them [kW].

    Returns
    -------
    tuple
        The state when the next hour begins, and what the hour came to.
    """
    here = _here(stays, hour)
    twin = _twin(site, hour, now, here, *brought)
    done = twin.step(setpoints_near(twin.state, asked.bess_kw, asked.socket_kw))
    after, row = twin.state, done.row
    names = dict(zip(here.socket.tolist(), here.name.tolist(), strict=True))
    then = PlantNow(
        soc=after.bess_soc,
        vehicles={names[k]: float(after.soc[k]) for k in np.flatnonzero(after.occupant >= 0).tolist()},
        delivered_kwh={k: float(kwh) for k, kwh in enumerate(done.socket_kwh) if kwh},
        import_kwh=after.last_import_kwh,
        net_kwh=after.last_net_kwh,
        demand_kw=_table(after.demand_kw),
    )
    return then, HourOfCourse(
        soc=float(row[ledger.BESS_SOC]),
        battery_kw=float(row[ledger.CHARGE] - row[ledger.DISCHARGE]),
        ev_kw=float(row[ledger.EV]),
        import_kwh=float(row[ledger.IMPORT]),
        export_kwh=float(row[ledger.EXPORT]),
        ev_short_kwh=float(row[ledger.SHORT]),
        departures=int(row[ledger.DEPARTURES]),
        departures_met=int(row[ledger.MET]),
    )


def seen_before(site: Site, hour: int, imports_kwh: Mapping[int, float]) -> Demand:
    """Demand that the charges have seen when an hour begins, by imports of hours before it; (C, MONTHS) [kW]."""
    seen = np.zeros((site.charges, MONTHS))
    hours = np.array(sorted(one for one in imports_kwh if one < hour), np.int64)
    stamps, now = site.stamps(hours), site.stamp(hour)
    kinds = day_types(stamps, site.place.holidays)
    back = np.asarray((now.year - stamps.year) * 12 + now.month - stamps.month, np.int64)
    kwh = np.array([imports_kwh[one] for one in hours.tolist()])
    first = min(int(back.max(initial=0)), MONTHS)
    for charge, own in enumerate(site.tariff.demand):
        counts = in_band(own, np.asarray(stamps.hour, np.int64), kinds) & (back < MONTHS)
        np.maximum.at(seen[charge], back[counts], kwh[counts])
        # The contract's history is of the months before the first one that is known.
        before = own.history_kw[::-1][: MONTHS - 1 - first]
        seen[charge, first + 1 : first + 1 + len(before)] = before
    return _table(seen)


def turned(site: Site, hour: int, seen: Demand) -> Demand:
    """Demand when the hour after `hour` begins, where `hour` itself is not counted."""
    if not site.charges or not site.begins_month(hour + HOUR_S):
        return seen
    demand = np.array(seen, np.float64)
    turn_month(site.plant.tariff._replace(month=np.array([0, 1], np.int64)), 1, demand)
    return _table(demand)


def demand_array(site: Site, seen: Demand) -> FloatArray:
    """Demand as an array, shape (C, MONTHS) [kW]."""
    return np.array(seen, np.float64).reshape(site.charges, MONTHS)


def _here(stays: Stays, hour: int) -> Stays:
    """Stays that are there when an hour begins."""
    return stays.between(hour, hour + HOUR_S, known_until=hour)


def _twin(site: Site, hour: int, now: PlantNow, here: Stays, pv_kw: float, mall_kw: float) -> Twin:
    """A twin at the beginning of an hour; its second hour is never run, it only shows what the first one leaves."""
    brings = np.array([pv_kw, 0.0]), np.array([mall_kw, 0.0])
    twin = Twin(window(site, hour, *brings, here.with_soc(now.vehicles), demand_array(site, now.demand_kw), now.soc))
    twin.reset(site.lead, 2)
    return twin


def _table(values: FloatArray) -> Demand:
    return tuple(tuple(float(value) for value in row) for row in values)
