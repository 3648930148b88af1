"""Requests: the plant's state from one, and one from the state of a simulator."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.forecast import WEEK, Outlook
from pvbesscar.plant.data import PlantData, Sessions
from pvbesscar.plant.state import PlantState
from pvbesscar.plant.tariff import MONTHS, TWO_OF_SIX_MONTHS
from pvbesscar.serving.live_year import HOUR, LiveYear
from schemas import dispatch
from schemas.dispatch import DispatchRequest, FieldFault, Vehicle
from schemas.errors import RequestError
from schemas.settings import TariffSettings

FloatArray = NDArray[np.float64]
NOW, FARTHEST = dt.timedelta(0), dt.timedelta(days=366)
"""Farthest departure that is believed."""
Near = tuple[FloatArray, FloatArray]
"""The observation's forecasts: columns `FORECAST_COLUMNS`, shape (4,), and the net load, shape (24,)."""


def months_of(tariff: TariffSettings) -> dict[str, int]:
    """Months that a request must tell the demand of, by the name of the charge."""
    return {charge.name: MONTHS if charge.basis == "two_of_six_months" else 1 for charge in tariff.demand}


def state_of(request: DispatchRequest, live: LiveYear, t: int, near: Near) -> PlantState:
    """The plant's state as controllers see it, from a request that was checked by `faults_of`.

    Parameters
    ----------
    live, t
        Year and hour of the request.
    near
        What is forecast; zeros where the controller does not look at it.
    """
    year = live.data
    sessions, occupant, hours_left, soc = _vehicles(request, year.params.sockets)
    data = replace(
        year,
        pv_kwh=_each(np.array(request.pv_kwh), year.hours),
        mall_kwh=_each(np.array(request.mall_kwh), year.hours),
        forecast=_each(near[0], year.hours),
        net_forecast=_each(near[1], year.hours),
        sessions=sessions,
        occupant=_each(occupant, year.hours),
        hours_left=_each(hours_left, year.hours),
    )
    exchange = request.grid_exchange_kwh
    return PlantState(
        data=data,
        t=t,
        first=exchange is None,
        soc=soc,
        bess_soc=request.bess_soc,
        delivered_kwh=np.array(request.delivered_kwh),
        last_import_kwh=max(exchange or 0.0, 0.0),
        last_net_kwh=exchange or 0.0,
        # Only the ledger of a simulation asks whether a session could be met when it began.
        feasible=np.ones(year.params.sockets, np.bool_),
        demand_kw=_demand(request, live),
    )


def _each(row: NDArray[Any], hours: int) -> NDArray[Any]:
    """Show a row in each hour of a year, without a copy: controllers read it at the hour that they decide."""
    # `broadcast_to` gives arrays that can not be written, for which all kernels would be compiled a second time.
    return np.ndarray((hours, *row.shape), row.dtype, row, 0, (0, *row.strides))


def _vehicles(
    request: DispatchRequest, sockets: int
) -> tuple[Sessions, NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Sessions of the vehicles, session and hours left at each socket, and states of charge, shape (K,) each."""
    socket = np.array([vehicle.socket - 1 for vehicle in request.vehicles], np.int64)
    left = np.array([full_hours(left) for left in request.until_departure], np.int32)
    occupant, hours_left = np.full(sockets, -1, np.int32), np.zeros(sockets, np.int32)
    soc = np.zeros(sockets, np.float32)
    occupant[socket], hours_left[socket] = np.arange(socket.size, dtype=np.int32), left
    soc[socket] = [vehicle.soc for vehicle in request.vehicles]
    sessions = Sessions(
        socket,
        np.zeros(socket.size, np.int64),
        left.astype(np.int64),
        np.array([vehicle.battery_kwh for vehicle in request.vehicles], np.float64),
        soc[socket],
        np.array([vehicle.required_soc for vehicle in request.vehicles], np.float32),
    )
    return sessions, occupant, hours_left, soc


def full_hours(left: dt.timedelta) -> int:
    """Hours until a departure, this one included: full hours, and at least the one that has begun."""
    return max(left // HOUR, 1)


def _demand(request: DispatchRequest, live: LiveYear) -> FloatArray:
    charges = live.settings.tariff.demand
    demand = np.zeros((len(charges), MONTHS))
    for row, charge in zip(demand, charges, strict=True):
        seen = request.demand_kw[charge.name]
        row[: len(seen)] = seen
    return demand


def faults_of(request: DispatchRequest, live: LiveYear, needs: tuple[dispatch.Need, ...], outlook_hours: int) -> None:
    """Refuse a request that does not fit the site, or lacks what the controller decides by.

    Raises
    ------
    RequestError
        Names every field.
    """
    faults = [
        *_socket_faults(request, live.data.params.sockets),
        *_demand_faults(request, live.settings.tariff),
        *_need_faults(request, needs, outlook_hours),
        *_history_faults(request, live, needs),
    ]
    if faults:
        raise RequestError(
            f"the request does not fit the site: {faults[0].field}: {faults[0].problem}"
            + (f" (and {len(faults) - 1} more)." if len(faults) > 1 else "."),
            hint="correct the fields named; GET /v1/model says what a request must hold.",
            faults=tuple((fault.field, fault.problem) for fault in faults),
        )


def _socket_faults(request: DispatchRequest, sockets: int) -> list[FieldFault]:
    faults = []
    if len(request.delivered_kwh) != sockets:
        found = len(request.delivered_kwh)
        faults.append(("delivered_kwh", f"{found} numbers, where the site has {sockets} sockets"))
    seen: set[int] = set()
    where = "vehicles[{}].{}"
    for number, (vehicle, left) in enumerate(zip(request.vehicles, request.until_departure, strict=True)):
        socket = vehicle.socket
        if socket > sockets:
            faults.append((where.format(number, "socket"), f"there is no socket {socket}: the site has {sockets}"))
        if socket in seen:
            faults.append((where.format(number, "socket"), f"socket {socket} holds two vehicles"))
        seen.add(socket)
        if not NOW < left <= FARTHEST:
            faults.append((where.format(number, "departure"), _departure_fault(vehicle, request.time)))
    return [FieldFault(field=field, problem=problem) for field, problem in faults]


def _departure_fault(vehicle: Vehicle, time: dt.datetime) -> str:
    if vehicle.departure <= time:
        return (
            f"the vehicle at socket {vehicle.socket} departs at {vehicle.departure.isoformat()}, not after the hour "
            f"begins ({time.isoformat()}): leave it out if it has left, or send its new departure"
        )
    return f"{vehicle.departure.isoformat()} is more than {FARTHEST.days} days ahead"


def _demand_faults(request: DispatchRequest, tariff: TariffSettings) -> list[FieldFault]:
    months = months_of(tariff)
    faults = [
        (f"demand_kw.{name}", f"missing: the tariff `{tariff.name}` bills it")
        for name in months.keys() - request.demand_kw.keys()
    ]
    for name, seen in request.demand_kw.items():
        where = f"demand_kw.{name[:40]}"
        if name not in months:
            known = ", ".join(months) or "none"
            faults.append((where, f"no demand charge of the tariff `{tariff.name}`; its charges: {known}"))
        elif not months[name] <= len(seen) <= MONTHS:
            faults.append((where, f"{len(seen)} months, where {months[name]} to {MONTHS} are asked for"))
    return [FieldFault(field=field, problem=problem) for field, problem in sorted(faults)]


def _need_faults(request: DispatchRequest, needs: tuple[dispatch.Need, ...], outlook_hours: int) -> list[FieldFault]:
    faults: list[tuple[str, str]] = [
        (need, "missing: the controller decides by it; send it, or `history` to make it from")
        for need in needs
        if getattr(request, need) is None and request.history is None
    ]
    for name, wanted in (("outlook", outlook_hours), ("history", 0)):
        given = getattr(request, name)
        if given is None:
            continue
        pv, mall = len(given.pv_kwh), len(given.mall_kwh)
        if pv != mall:
            faults.append((f"{name}.mall_kwh", f"{mall} hours, where `{name}.pv_kwh` has {pv}"))
        if 0 < pv < wanted:
            faults.append((f"{name}.pv_kwh", f"{pv} hours, where the controller plans {wanted} ahead"))
    return [FieldFault(field=field, problem=problem) for field, problem in faults]


def _history_faults(request: DispatchRequest, live: LiveYear, needs: tuple[dispatch.Need, ...]) -> list[FieldFault]:
    """A rolling program's forecasts look a week back, or to the year's first hour, as when they were judged."""
    if request.history is None or "outlook" not in needs or request.outlook is not None:
        return []
    wanted = min(WEEK, live.hour_of[int(request.time.timestamp())])
    given = min(len(request.history.pv_kwh), len(request.history.mall_kwh))
    if given >= wanted:
        return []
    problem = f"{given} hours, where the controller's forecasts look {wanted} back: send them, or `outlook`"
    return [FieldFault(field="history.pv_kwh", problem=problem)]


def request_of(
    state: PlantState, tariff: TariffSettings, outlook: Outlook | None = None, history_hours: int = 0
) -> DispatchRequest:
    """Request that tells the service the state of a simulator: what a closed loop and a load test send.

    Parameters
    ----------
    tariff
        The site's, for the names of its charges.
    outlook
        What the MPC plans with; without it the request holds the forecasts of the observation.
    history_hours
        Hours of history to send instead of any forecast.
    """
    data, t = state.data, state.t
    time = data.stamps_utc[t].astype("datetime64[us]").item().replace(tzinfo=dt.UTC)
    ahead: dict[str, Any] = {}
    if history_hours:
        before = slice(max(t - history_hours, 0), t)
        ahead["history"] = dispatch.History(
            pv_kwh=tuple(data.pv_kwh[before].tolist()), mall_kwh=tuple(data.mall_kwh[before].tolist())
        )
    elif outlook is not None:
        ahead["outlook"] = dispatch.Outlook(
            pv_kwh=tuple(outlook.pv_kwh[t, 1:].tolist()), mall_kwh=tuple(outlook.mall_kwh[t, 1:].tolist())
        )
    else:
        ahead["forecast"] = _forecast(data, t)
    months = {charge: MONTHS if basis == TWO_OF_SIX_MONTHS else 1 for charge, basis in enumerate(data.tariff.basis)}
    return DispatchRequest(
        time=time,
        pv_kwh=float(data.pv_kwh[t]),
        mall_kwh=float(data.mall_kwh[t]),
        bess_soc=state.bess_soc,
        grid_exchange_kwh=None if state.first else state.last_net_kwh,
        delivered_kwh=tuple(state.delivered_kwh.tolist()),
        demand_kw={
            charge.name: tuple(state.demand_kw[number, : months[number]].tolist())
            for number, charge in enumerate(tariff.demand)
        },
        vehicles=tuple(_vehicle(state, int(k), time) for k in np.flatnonzero(state.occupant >= 0)),
        **ahead,
    )


def _vehicle(state: PlantState, k: int, time: dt.datetime) -> Vehicle:
    s, sessions = state.occupant[k], state.data.sessions
    return Vehicle(
        socket=k + 1,
        soc=float(state.soc[k]),
        required_soc=float(sessions.required_soc[s]),
        battery_kwh=float(sessions.battery_kwh[s]),
        departure=time + int(state.hours_left[k]) * HOUR,
    )


def _forecast(data: PlantData, t: int) -> dispatch.Forecast:
    names = ("pv_next_kwh", "pv_mean_3h_kwh", "mall_next_kwh", "mall_mean_3h_kwh")
    return dispatch.Forecast(
        **dict(zip(names, data.forecast[t].tolist(), strict=True)), net_load_kwh=tuple(data.net_forecast[t].tolist())
    )
