"""Whether an hour of telemetry may be counted: the rules of the quality gate, asked about the hours up to it.

A run of equal values is a stuck sensor only once it is long enough, so the hours at its beginning were decided in good
faith; when the day is closed, `stuck_hours` takes them out of the account.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from pvbesscar.quality.engine import violations_of
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.shadow.site import Site
from pvbesscar.shadow.telemetry import HOUR_S, NUMBERS, Reading, Telemetry
from schemas.frames import MALL, PV
from schemas.settings import Settings

OF_A_ROW = ("values.negative", "pv.above_rating")
"""Rules of the gate that judge a row by itself; `values.finite` is asked of all columns, those of vehicles too."""
OF_A_RUN = ("solar.flat_line", "mall.flat_line")
"""Rules of the gate that find a sensor that stands still."""
RUN_DAYS = 7
"""Days that runs are looked for in: what a plant gives at its limit shows within a week."""
FINITE = "values.finite"
BALANCE, SOC_RANGE, SOC_STUCK = "telemetry.balance", "telemetry.soc_range", "telemetry.soc_stuck"
SOC_WORDS = "the state of charge stands still while the battery works"
SOC_STUCK_HOURS = 6
"""Hours without any change of the state of charge while the battery works, after which it stands still."""
SOC_MOVES = 0.02
"""Energy of those hours, as a share of the capacity, that would have moved it."""
LEAST_KW = 1.0
"""Room for the rounding of small flows in the balance [kW]."""

Refusal = tuple[str, str]
"""Rule that an hour breaks, and the reason in words."""


def row_refusals(settings: Settings, site: Site, telemetry: Telemetry) -> dict[int, Refusal]:
    """Hours whose row can not be counted, whatever stands before and after it."""
    readings = telemetry.readings
    own = {hour: _by_itself(reading) for hour, reading in readings.items()}
    found = dict(telemetry.faults) | {hour: fault for hour, fault in own.items() if fault is not None}
    for rule, series, _, rows in _violations(settings, site, readings, OF_A_ROW) if readings else ():
        hours, column = list(readings), f"{series}_kw"
        title = YEAR_RULES.find(rule).title
        for hour in (hours[row] for row in rows):
            found.setdefault(hour, (rule, f"`{column}` is {getattr(readings[hour], column):g} ({title})"))
    for hour, reading in readings.items():
        left_over = None if hour in found else _unbalanced(settings, reading)
        if left_over is not None:
            found[hour] = left_over
    return found


def stuck(settings: Settings, site: Site, telemetry: Telemetry, hour: int) -> Refusal | None:
    """Whether an hour is the last of a run in which a sensor stands still; later hours are not looked at."""
    reading, before = telemetry.readings[hour], telemetry.readings.get(hour - HOUR_S)
    if before is None:
        return None
    # The rules look at a week and at the sun over it; they need not, where nothing stands still.
    if reading.pv_kw == before.pv_kw > 0.0 or reading.mall_kw == before.mall_kw:
        return stuck_hours(settings, site, telemetry, hour).get(hour)
    still = reading.soc == before.soc and hour in _soc_stuck(site, telemetry.run_before(hour, RUN_DAYS * 24))
    return (SOC_STUCK, SOC_WORDS) if still else None


def stuck_hours(settings: Settings, site: Site, telemetry: Telemetry, last: int) -> dict[int, Refusal]:
    """Hours of the week up to `last` in which a sensor stands still, whole runs of them."""
    week = telemetry.run_before(last, RUN_DAYS * 24)
    if not week:
        return {}
    hours, found = list(week), dict[int, Refusal]()
    for rule, series, message, rows in _violations(settings, site, week, OF_A_RUN):
        found |= {hours[row]: (rule, f"{series}: {message}") for row in rows}
    return found | dict.fromkeys(_soc_stuck(site, week), (SOC_STUCK, SOC_WORDS))


def _by_itself(reading: Reading) -> Refusal | None:
    empty = [name for name in NUMBERS if not math.isfinite(getattr(reading, name))]
    if empty or not np.isfinite(reading.socket_kwh or 0.0).all():
        return FINITE, f"`{empty[0] if empty else 'socket_..._kwh'}` holds no number"
    if not 0.0 <= reading.soc <= 1.0:
        return SOC_RANGE, f"`soc` is {reading.soc:g}, no ratio of 0 to 1"
    if reading.ev_kw < 0.0 or min(reading.socket_kwh or (0.0,)) < 0.0:
        return "values.negative", "the energy of a socket is below zero"
    return None


def _unbalanced(settings: Settings, reading: Reading) -> Refusal | None:
    room = max(settings.shadow.balance_tolerance * reading.greatest_kw, LEAST_KW)
    if abs(reading.left_over_kw) <= room:
        return None
    return BALANCE, (
        f"import and PV less mall, vehicles and battery leave {reading.left_over_kw:+.1f} kW, where {room:.1f} kW may "
        "be left"
    )


def _soc_stuck(site: Site, week: Mapping[int, Reading]) -> set[int]:
    hours, found = list(week), set[int]()
    run: list[int] = []
    for index, hour in enumerate(hours):
        same = index > 0 and week[hour].soc == week[hours[index - 1]].soc and hour - hours[index - 1] == HOUR_S
        run = [*run, hour] if same else []
        moved = abs(sum(week[one].battery_kw for one in run))
        if len(run) >= SOC_STUCK_HOURS and moved > SOC_MOVES * site.plant.params.bess_kwh:
            found |= set(run)
    return found


def _violations(
    settings: Settings, site: Site, week: Mapping[int, Reading], rules: tuple[str, ...]
) -> list[tuple[str, str, str, list[int]]]:
    """What rules of the gate find in some hours: rule, series, message, and rows."""
    stamps = site.stamps(np.array(list(week), np.int64)).as_unit("us")
    frames = {
        PV: pd.DataFrame({"timestamp": stamps, "pv_kwh": [one.pv_kw for one in week.values()]}),
        MALL: pd.DataFrame({"timestamp": stamps, "mall_kwh": [one.mall_kw for one in week.values()]}),
    }
    context = QualityContext(settings, frames)
    return [
        (rule, one.series, one.message, one.hours.tolist())
        for rule in rules
        for one in violations_of(YEAR_RULES.find(rule), context)
    ]
