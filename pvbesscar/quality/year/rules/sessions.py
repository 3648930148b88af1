"""Charging sessions: vehicles that can exist, at sockets that exist, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.rules.energy import session_energy_kwh
from schemas.frames import SESSIONS
from schemas.settings import HOURS_PER_YEAR

CONTRACT = "docs/design.md, The plant: 128 sockets; sessions hold arrival (inclusive) and departure (exclusive) hours"
ENERGY_SLACK_KWH = 1e-6


@dataclass(frozen=True, slots=True)
class _Fault:
    """Which sessions are at fault, and how to say it."""

    column: str
    rows: Hours
    observed: str
    limit: str
    message: str


def _violation(context: QualityContext, fault: _Fault) -> Iterator[Violation]:
    if fault.rows.size == 0:
        return
    frame = context.frames[SESSIONS].iloc[fault.rows]
    names = ", ".join(f"`{name}`" for name in frame["session_id"].head(5))
    more = f" and {fault.rows.size - 5} more" if fault.rows.size > 5 else ""
    arrival = frame["arrival"].to_numpy(np.int64)
    yield Violation(
        SESSIONS,
        fault.column,
        fault.observed,
        fault.limit,
        f"{fault.message}: sessions {names}{more}",
        hours=arrival[(arrival >= 0) & (arrival < HOURS_PER_YEAR)],
    )


@rule(
    "sessions.none",
    "error",
    "there are vehicles",
    looks_at=(SESSIONS,),
    rationale="Without a session there is nothing to charge and nothing to learn.",
    reference=CONTRACT,
    cause="an empty sessions file, or a profile without energy",
    fix="check `ev.file` and `ev.source`",
    waivable=False,
)
def some(context: QualityContext) -> Iterator[Violation]:
    """Refuse a year in which no session needs energy."""
    if not (session_energy_kwh(context) > 0).any():
        yield Violation(
            SESSIONS, "required_soc", "no session needs energy", "at least one", "no session of the year needs energy"
        )


@rule(
    "sessions.unique",
    "error",
    "each session has a name of its own",
    looks_at=(SESSIONS,),
    rationale="Service is counted by session; a name used twice hides one of them.",
    reference=CONTRACT,
    cause="two exports joined, or rows pasted twice",
    fix="remove the repeated rows, or give each session its own `session_id`",
    waivable=False,
)
def unique(context: QualityContext) -> Iterator[Violation]:
    """Find names used before."""
    rows = np.flatnonzero(context.frames[SESSIONS]["session_id"].duplicated())
    yield from _violation(
        context, _Fault("session_id", rows, f"{rows.size} repeated names", "each name once", "names used twice")
    )


@rule(
    "sessions.window",
    "error",
    "sessions within the year, departure after arrival",
    looks_at=(SESSIONS,),
    rationale="A vehicle arrives before it leaves, and both are hours of the year.",
    reference=CONTRACT,
    cause="arrival and departure exchanged, a session over New Year's Eve, or hours counted from 1",
    fix="correct arrival and departure; cut sessions at the end of the year",
    waivable=False,
)
def window(context: QualityContext) -> Iterator[Violation]:
    """Find sessions that do not satisfy 0 <= arrival < departure <= 8760."""
    arrival, departure = (context.frames[SESSIONS][name].to_numpy(np.int64) for name in ("arrival", "departure"))
    rows = np.flatnonzero((arrival < 0) | (departure <= arrival) | (departure > HOURS_PER_YEAR))
    if rows.size:
        seen = f"arrival {arrival[rows[0]]}, departure {departure[rows[0]]} in the first of {rows.size} sessions"
        limit = f"0 <= arrival < departure <= {HOURS_PER_YEAR}"
        yield from _violation(context, _Fault("departure", rows, seen, limit, "impossible arrival or departure"))


@rule(
    "sessions.socket",
    "error",
    "sessions at sockets that exist, of the right class",
    looks_at=(SESSIONS,),
    rationale="Chargers 1 to 28 serve motos, 29 to 32 mototaxis; each has four sockets.",
    reference=CONTRACT,
    cause="sockets counted from 1, or the file of another plant",
    fix="number sockets from 0; check `ev.chargers`, `ev.sockets_per_charger` and `ev.moto_chargers`",
    waivable=False,
)
def socket(context: QualityContext) -> Iterator[Violation]:
    """Find sockets that the plant does not have and vehicles at the sockets of the other class."""
    ev, frame = context.settings.ev, context.frames[SESSIONS]
    sockets = frame["socket"].to_numpy(np.int64)
    unknown = (sockets < 0) | (sockets >= ev.sockets)
    expected = np.where(sockets // ev.sockets_per_charger < ev.moto_chargers, "moto", "mototaxi")
    wrong = ~unknown & (frame["vehicle_class"].to_numpy(object) != expected)
    for column, bad, limit, message in (
        ("socket", unknown, f"0 to {ev.sockets - 1}", "no such socket"),
        ("vehicle_class", wrong, "the class that the socket serves", "vehicle at a socket of another class"),
    ):
        rows = np.flatnonzero(bad)
        seen = f"{rows.size} sessions, the first at socket {sockets[rows[0]]}" if rows.size else ""
        yield from _violation(context, _Fault(column, rows, seen, limit, message))


@rule(
    "sessions.overlap",
    "error",
    "one vehicle at a socket at a time",
    looks_at=(SESSIONS,),
    rationale="A socket has one plug. A vehicle may come in the hour in which the last one left.",
    reference=CONTRACT,
    cause="sessions of several sockets written to one, or departures that were never recorded",
    fix="correct `socket` or `departure` in the sessions file",
    waivable=False,
)
def overlap(context: QualityContext) -> Iterator[Violation]:
    """Find sessions that begin before the last one at their socket has ended."""
    frame = context.frames[SESSIONS][["socket", "arrival", "departure"]].reset_index(drop=True)
    ordered = frame.sort_values(["socket", "arrival", "departure"])
    # The latest departure so far, not only the neighbour's: a long session may cover several short ones.
    latest = ordered.groupby("socket")["departure"].cummax().groupby(ordered["socket"]).shift()
    rows = np.sort(ordered.index[(ordered["arrival"] < latest).to_numpy()].to_numpy(np.int64))
    yield from _violation(
        context,
        _Fault(
            "arrival",
            rows,
            f"{rows.size} sessions begin while the socket is taken",
            "arrival at or after the last departure",
            "two vehicles at one socket",
        ),
    )


@rule(
    "sessions.soc",
    "error",
    "states of charge are ratios, arrival at most what is required",
    looks_at=(SESSIONS,),
    rationale="States of charge lie in [0, 1]. CityLearn reads values up to 1 as ratios and above 1 as percent, value "
    "by value: 0.8 % would become 80 %.",
    reference="CityLearn 3.0.2, data.py, ChargerSimulation",
    cause="percent in the place of ratios, or both in one column",
    fix="write ratios only (0.9, not 90)",
    waivable=False,
)
def soc(context: QualityContext) -> Iterator[Violation]:
    """Find states of charge outside of [0, 1] and vehicles that arrive fuller than they must leave."""
    arrival, required = context.values(SESSIONS, "arrival_soc"), context.values(SESSIONS, "required_soc")
    for column, values in (("arrival_soc", arrival), ("required_soc", required)):
        rows = np.flatnonzero((values < 0.0) | (values > 1.0))
        if rows.size:
            percent = int((values[rows] > 1.0).sum())
            seen = f"{values[rows].min():.4g} to {values[rows].max():.4g}, {percent} of {values.size} above 1"
            mixed = " (percent and ratio mixed)" if 0 < percent < values.size else ""
            yield from _violation(context, _Fault(column, rows, seen, "0 to 1", f"no ratio{mixed}"))
    rows = np.flatnonzero(arrival > required)
    yield from _violation(
        context,
        _Fault(
            "arrival_soc",
            rows,
            f"{rows.size} sessions arrive above the required state of charge",
            "arrival_soc <= required_soc",
            "a vehicle that arrives fuller than required would have to give energy back",
        ),
    )


@rule(
    "sessions.battery",
    "error",
    "batteries have the capacity of their class",
    looks_at=(SESSIONS,),
    rationale="Each socket simulates one battery of its class; a session with another capacity would be charged in the "
    "wrong one.",
    reference="docs/design.md, The plant: moto 3.5 kWh, mototaxi 10 kWh",
    cause="a capacity in Wh or Ah, or another vehicle",
    fix="check `ev.moto_battery_kwh` and `ev.mototaxi_battery_kwh` against the sessions",
    waivable=False,
)
def battery(context: QualityContext) -> Iterator[Violation]:
    """Compare each session's capacity with that of its class."""
    ev, frame = context.settings.ev, context.frames[SESSIONS]
    capacity = context.values(SESSIONS, "battery_kwh")
    is_moto = (frame["vehicle_class"] == "moto").to_numpy(bool)
    expected = np.where(is_moto, ev.moto_battery_kwh, ev.mototaxi_battery_kwh)
    rows = np.flatnonzero(np.abs(capacity - expected) > 1e-6 * expected)
    seen = f"{capacity[rows].min():.4g} to {capacity[rows].max():.4g} kWh" if rows.size else ""
    limit = f"{ev.moto_battery_kwh:g} kWh (moto), {ev.mototaxi_battery_kwh:g} kWh (mototaxi)"
    yield from _violation(context, _Fault("battery_kwh", rows, seen, limit, "another battery than the class has"))


@rule(
    "sessions.feasible",
    "warning",
    "sessions can be served",
    looks_at=(SESSIONS,),
    rationale="What a socket can deliver is its power times the hours plugged in; what is beyond that is counted as "
    "infeasible service for every controller alike.",
    reference="docs/design.md, Actions: what no power can meet is counted as infeasible, by socket and hour",
    cause="a stay that is too short, or more energy than one vehicle takes",
    fix="check `ev.socket_kw` and `ev.dwell_hours`, or the departures in the sessions file",
)
def feasible(context: QualityContext) -> Iterator[Violation]:
    """Find sessions that need more than full power over their stay."""
    frame = context.frames[SESSIONS]
    stay: pd.Series = frame["departure"] - frame["arrival"]
    limit = stay.to_numpy(np.float64) * context.settings.ev.socket_kw
    need = session_energy_kwh(context)
    rows = np.flatnonzero(need > limit + ENERGY_SLACK_KWH)
    short = float((need - limit)[rows].sum())
    yield from _violation(
        context,
        _Fault(
            "departure",
            rows,
            f"{rows.size} of {need.size} sessions lack {short:.4g} kWh together",
            f"{context.settings.ev.socket_kw:g} kW times the hours plugged in",
            "more energy needed than full power can give",
        ),
    )
