"""Sockets of the sessions in a file: their numbers, their names in order, or the first that is free."""

from __future__ import annotations

import heapq
import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, cell_error, refuse_cells
from pvbesscar.oe2.numbers import numbers
from pvbesscar.oe2.session_times import Times
from schemas.errors import InputError
from schemas.settings import HOURS_PER_YEAR, EvSettings

IntArray = NDArray[np.int64]


def sockets_of(times: Times, classes: list[str] | None, ev: EvSettings) -> tuple[Times, IntArray]:
    """Socket of each session, shape (rows,); stays within an hour that another vehicle has are left out and counted.

    Parameters
    ----------
    times
        The stays.
    classes
        Class of the vehicle of each row, where the file says it.
    ev
        Sockets and the classes that they serve.

    Raises
    ------
    InputError
        There are more sockets, or more vehicles at once, than the plant has; or two vehicles at one socket.
    """
    sessions = times.sessions
    if sessions.has("socket"):
        socket = whole_numbers(sessions.table, sessions.headers["socket"], 0, ev.sockets - 1)
    elif sessions.has("station") or sessions.has("port"):
        socket, step = _by_name(times, classes, ev)
        times = replace(times, steps=(*times.steps, step))
    else:
        socket, step = _first_free(times, classes, ev)
        return replace(times, steps=(*times.steps, step)), socket
    return _one_at_a_time(times, socket, ev)


def whole_numbers(table: Table, header: str, least: int, most: int) -> IntArray:
    """Numbers of a column, whole and from `least` to `most`, shape (rows,).

    Raises
    ------
    InputError
        A cell holds anything else.
    """
    values, _ = numbers(table, header)
    # Written so that NaN, too, is refused.
    refused = np.flatnonzero(~((values >= least) & (values <= most) & (values == np.floor(values))))
    refuse_cells(
        table, header, refused, what=f"no whole number of {least} to {most}",
        cause="numbering from 1, a gap, or a plant of another size",
        hint=f"number them {least} to {most}, or set what the plant has (`ev.chargers`, `ev.sockets_per_charger`).",
    )  # fmt: skip
    return values.astype(np.int64)


def _by_name(times: Times, classes: list[str] | None, ev: EvSettings) -> tuple[IntArray, str]:
    """Give each name of a station and its port the next socket, in the natural order of the names."""
    sessions = times.sessions
    headers = [sessions.headers[name] for name in ("station", "port") if sessions.has(name)]
    names = list(zip(*(sessions.table.columns[header] for header in headers), strict=True))
    wanted = classes or [str(ev.file_class or "")] * len(names)
    of_name = dict(zip(names, wanted, strict=True))
    both = [i for i, (name, kind) in enumerate(zip(names, wanted, strict=True)) if of_name[name] != kind]
    refuse_cells(
        sessions.table, sessions.headers.get("vehicle_class", headers[0]), both,
        what="another class of vehicle than other rows of the same socket", cause="sockets that serve both classes",
        hint="give each socket one class.",
    )  # fmt: skip
    socket_of: dict[tuple[str, ...], int] = {}
    for kind in dict.fromkeys(wanted):
        here = sorted((name for name, one in of_name.items() if one == kind), key=_natural)
        free = _sockets(kind, ev)
        if len(here) > len(free):
            raise _too_few(sessions.table, f"{len(here)} sockets are named{kind and f' for a {kind}'}", len(free), ev)
        socket_of |= dict(zip(here, free, strict=False))
    said = " and ".join(f"`{header}`" for header in headers)
    sessions.table.decide("sockets", f"{len(socket_of)} names of {said}", "each takes the next socket, in their order")
    step = f"{len(socket_of)} sockets named by {said} numbered in the order of their names"
    return np.array([socket_of[name] for name in names], dtype=np.int64), step


def _natural(name: tuple[str, ...]) -> list[tuple[bool, int, str]]:
    """Order in which `CP 2` comes before `CP 10`."""
    parts = [part for text in name for part in (*re.split(r"(\d+)", text.casefold()), "")]
    return [(part.isdecimal(), int(part[:18]) if part.isdecimal() else 0, part) for part in parts]


def _sockets(kind: str, ev: EvSettings) -> list[int]:
    return [k for k in range(ev.sockets) if kind in {"", ev.vehicle_class(k)}]


def _too_few(table: Table, seen: str, there: int, ev: EvSettings) -> InputError:
    return InputError(
        f"{table.named}: {seen}, the plant has {there} sockets for them. Likely cause: sessions of a larger plant.",
        hint=f"set what the plant has (`ev.chargers`, now {ev.chargers}; `ev.sockets_per_charger`; "
        "`ev.moto_chargers`), or give the sessions of fewer sockets.",
    )


def _first_free(times: Times, classes: list[str] | None, ev: EvSettings) -> tuple[IntArray, str]:
    """Give each vehicle the lowest socket of its class that is free, in the order of arrival."""
    table, rows = times.sessions.table, times.arrival.size
    kinds = {str(ev.vehicle_class(k)) for k in range(ev.sockets)}
    kind = ev.file_class or (kinds.pop() if len(kinds) == 1 else None)
    if classes is None and kind is None:
        raise InputError(
            f"{table.named}: no column says which socket or which class of vehicle a session is of.",
            hint="set `ev.file_class` to `moto` or `mototaxi`, or name the column (`ev.columns.socket`, "
            "`ev.columns.station`, `ev.columns.vehicle_class`).",
        )
    wanted = np.array(classes or [str(kind)] * rows, dtype=object)
    socket = np.zeros(rows, dtype=np.int64)
    for one in dict.fromkeys(wanted.tolist()):
        here = np.flatnonzero(wanted == one)
        free = _sockets(one, ev)
        present = np.zeros(HOURS_PER_YEAR + 1, dtype=np.int64)
        np.add.at(present, times.arrival[here], 1)
        np.add.at(present, times.departure[here], -1)
        most = np.cumsum(present)
        if most.max(initial=0) > len(free):
            seen = f"up to {most.max()} vehicles of class {one} are here at once, in {(most > len(free)).sum()} hours"
            raise _too_few(table, seen, len(free), ev)
        gone: list[tuple[int, int]] = []
        for row in here[np.argsort(times.arrival[here], kind="stable")].tolist():
            while gone and gone[0][0] <= times.arrival[row]:
                heapq.heappush(free, heapq.heappop(gone)[1])
            socket[row] = heapq.heappop(free)
            heapq.heappush(gone, (int(times.departure[row]), int(socket[row])))
    return socket, "the file names no sockets: each vehicle takes the lowest one of its class that is free"


def _one_at_a_time(times: Times, socket: IntArray, ev: EvSettings) -> tuple[Times, IntArray]:
    """Leave out short stays in an hour that another vehicle has; refuse other vehicles that overlap."""
    order = np.lexsort((times.arrival, -times.minutes, times.short, socket))
    kept = np.ones(socket.size, dtype=np.bool_)
    taken: set[tuple[int, int]] = set()
    if times.short.any():
        for row in order.tolist():
            hours = {(int(socket[row]), hour) for hour in range(times.arrival[row], times.departure[row])}
            kept[row] = not (times.short[row] and hours & taken)
            taken |= hours if kept[row] else set()
    if not kept.all():
        note = (
            f"{int((~kept).sum())} stays that span no full hour are left out: another vehicle has their hour on the "
            "socket"
        )
        times, socket = times.only(kept, note), socket[kept]
    ordered = np.lexsort((times.arrival, socket))
    same = socket[ordered][1:] == socket[ordered][:-1]
    overlap = same & (times.arrival[ordered][1:] < times.departure[ordered][:-1])
    if overlap.any():
        hint = "give each socket one vehicle at a time (departure may equal the next arrival)"
        if times.sessions.has("station") and not times.sessions.has("port"):
            hint += ", or name the column that tells a station's ports apart (`ev.columns.port`)"
        if ev.rounding != "inner":
            hint += ", or set `ev.rounding` to `inner`, which counts full hours only"
        raise cell_error(
            times.sessions.table, times.sessions.headers["arrival"], ordered[1:][overlap].tolist(),
            what="an arrival before the vehicle before it has left the socket",
            cause="sessions exported twice, or sockets merged", hint=f"{hint}.",
        )  # fmt: skip
    return times, socket
